// Marks on pictures, pixel by pixel.
#include "harness/run/drawing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <string>

namespace looktwice::run {
namespace {

constexpr std::uint8_t kGrey = 100;

Image grey(int width, int height) {
  Image image{.width = width, .height = height, .channels = 3};
  image.pixels.assign(static_cast<std::size_t>(width) * height * 3, kGrey);
  return image;
}

std::vector<std::uint8_t> region_from(const std::vector<std::string>& rows) {
  std::vector<std::uint8_t> region;
  for (const std::string& row : rows)
    for (const char c : row) region.push_back(c == '#');
  return region;
}

// '*': red, '.': as it was, '?': anything else.
std::vector<std::string> drawn(const Image& image) {
  std::vector<std::string> rows;
  for (int y = 0; y < image.height; ++y) {
    rows.emplace_back();
    for (int x = 0; x < image.width; ++x) {
      const std::uint8_t* p = &image.pixels[(static_cast<std::size_t>(y) * image.width + x) * 3];
      rows.back() += p[0] == 255 && p[1] == 0 && p[2] == 0             ? '*'
                     : p[0] == kGrey && p[1] == kGrey && p[2] == kGrey ? '.'
                                                                       : '?';
    }
  }
  return rows;
}

TEST(Drawing, ABoxIsAFrameAroundEachPart) {
  // The two squares touch by a corner and so are one part.
  const auto region = region_from({"..........", "..##......", "..##......", "....##....",
                                   "....##....", "..........", "........#.", ".........."});
  Image image = grey(10, 8);
  draw_boxes(image, region, 1);
  EXPECT_EQ(drawn(image),
            (std::vector<std::string>{".******...", ".*....*...", ".*....*...", ".*....*...",
                                      ".*....*...", ".*********", ".......*.*", ".......***"}));
}

TEST(Drawing, AFrameThatWouldLeaveThePictureStandsAtItsEdge) {
  const auto region = region_from({"##....", "##....", "......", "......"});
  Image image = grey(6, 4);
  draw_boxes(image, region, 1);
  EXPECT_EQ(drawn(image), (std::vector<std::string>{"***...", "*.*...", "***...", "......"}));
  Image whole = grey(6, 4);
  draw_boxes(whole, std::vector<std::uint8_t>(24, 1), 1);
  EXPECT_EQ(drawn(whole), (std::vector<std::string>{"******", "*....*", "*....*", "******"}));
  Image thick = grey(6, 4);
  draw_boxes(thick, region, 9);  // wider than all there is
  EXPECT_EQ(drawn(thick), (std::vector<std::string>{"******", "******", "******", "******"}));
}

TEST(Drawing, AContourLiesOutsideAndLeavesHolesOpen) {
  const auto region =
      region_from({".......", ".#####.", ".#...#.", ".#...#.", ".#####.", "......."});
  Image image = grey(7, 6);
  draw_contours(image, region, 1);
  EXPECT_EQ(drawn(image), (std::vector<std::string>{"*******", "*.....*", "*.***.*", "*.***.*",
                                                    "*.....*", "*******"}));
}

// Against the definition: outside the region and within `line` of it, by rows and columns.
TEST(Drawing, ContoursEqualTheirDefinition) {
  std::mt19937 draw(3);
  for (int round = 0; round < 60; ++round) {
    const int width = 1 + static_cast<int>(draw() % 23), height = 1 + static_cast<int>(draw() % 19);
    const int line = 1 + static_cast<int>(draw() % 5);
    std::vector<std::uint8_t> region(static_cast<std::size_t>(width) * height);
    for (std::uint8_t& pixel : region) pixel = draw() % 11 == 0;
    Image image = grey(width, height);
    draw_contours(image, region, line);
    const auto rows = drawn(image);
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x) {
        bool near = false;
        for (int v = 0; v < height; ++v)
          for (int u = 0; u < width; ++u)
            near = near || (region[static_cast<std::size_t>(v) * width + u] != 0 &&
                            std::max(std::abs(u - x), std::abs(v - y)) <= line);
        const bool inside = region[static_cast<std::size_t>(y) * width + x] != 0;
        ASSERT_EQ(rows[static_cast<std::size_t>(y)][static_cast<std::size_t>(x)],
                  near && !inside ? '*' : '.')
            << "round " << round << " at " << x << "," << y;
      }
  }
}

TEST(Drawing, HighlightDimsTheRestAndMaskShowsTheRegionAlone) {
  const AnomalyMap map{.width = 2, .height = 1, .values = {1, 0}};
  const Image light = marked_picture(grey(4, 1), map, {.kind = MarkKind::highlight});
  EXPECT_EQ(light.pixels,
            (std::vector<std::uint8_t>{100, 100, 100, 100, 100, 100, 40, 40, 40, 40, 40, 40}));
  const Image mask = marked_picture(grey(4, 1), map, {.kind = MarkKind::mask});
  EXPECT_EQ(mask.pixels,
            (std::vector<std::uint8_t>{255, 255, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0}));
}

TEST(Drawing, HeatGoesFromBlueOverGreenToRed) {
  const AnomalyMap map{.width = 3, .height = 1, .values = {-2, 0, 2}};
  const Image heat =
      marked_picture(grey(3, 1), map, {.kind = MarkKind::heat, .low = -2, .high = 2});
  // Jet: (0, 0, 128), (130, 255, 126), (128, 0, 0); half of it and half of 100, a half rounded up.
  EXPECT_EQ(heat.pixels, (std::vector<std::uint8_t>{50, 50, 114, 115, 178, 113, 114, 50, 50}));
  const Image flat = marked_picture(grey(1, 1), {.width = 1, .height = 1, .values = {5}},
                                    {.kind = MarkKind::heat, .low = 5, .high = 5});
  EXPECT_EQ(flat.pixels, (std::vector<std::uint8_t>{50, 50, 114}));  // no range: all is cold
}

TEST(Drawing, BesideKeepsThePictureItself) {
  const AnomalyMap map{.width = 1, .height = 1, .values = {1}};
  const Image both = marked_picture(grey(2, 2), map, {.kind = MarkKind::mask, .beside = true});
  EXPECT_EQ(both.width, 4);
  EXPECT_EQ(both.height, 2);
  EXPECT_EQ(drawn(both), (std::vector<std::string>{"..??", "..??"}));
}

TEST(Drawing, MasksAreScaledByTheNearestPixelAndMapsBilinearly) {
  const AnomalyMap mask{.width = 2, .height = 1, .values = {0, 1}};
  EXPECT_EQ(region_of(mask, 5, 1, 0.1), (std::vector<std::uint8_t>{0, 0, 0, 1, 1}));
  const AnomalyMap map{.width = 2, .height = 1, .values = {0, 2}};
  // 0, 0.5, 1.5, 2
  EXPECT_EQ(region_of(map, 4, 1, 0.5), (std::vector<std::uint8_t>{0, 1, 1, 1}));
  EXPECT_EQ(region_of(map, 4, 1, 0.51), (std::vector<std::uint8_t>{0, 0, 1, 1}));
}

TEST(Drawing, LinesGrowWithThePicture) {
  EXPECT_EQ(line_width(64, 48), 1);
  EXPECT_EQ(line_width(512, 300), 2);
  EXPECT_EQ(line_width(700, 1024), 4);
  EXPECT_EQ(line_width(3000, 3000), 12);
}

TEST(Drawing, KindsHaveTheNamesOfTheTable) {
  EXPECT_EQ(mark_kinds(),
            (std::vector<std::string>{"bbox", "contour", "heatmap", "highlight", "mask"}));
  for (const std::string& name : mark_kinds()) EXPECT_EQ(name_of(*mark_kind(name)), name);
  EXPECT_FALSE(mark_kind("box"));
}

TEST(Drawing, ANormalPictureStaysAsItIs) {
  const AnomalyMap none{.width = 1, .height = 1, .values = {0}};
  for (const MarkKind kind : {MarkKind::box, MarkKind::contour})
    EXPECT_EQ(marked_picture(grey(9, 9), none, {.kind = kind}).pixels, grey(9, 9).pixels);
}

}  // namespace
}  // namespace looktwice::run
