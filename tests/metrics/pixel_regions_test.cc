#include "metrics/pixel/regions.h"

#include <gtest/gtest.h>

#include "tests/metrics/pixel_reference.h"

namespace looktwice::metrics {
namespace {

TEST(Regions, TouchByCornersToo) {
  const std::vector<std::uint8_t> mask = {1, 0, 0, 7,  //
                                          0, 1, 0, 0,  //
                                          0, 0, 0, 1,  //
                                          1, 0, 1, 0};
  RegionFinder finder;
  finder.find(mask, 4, 4);
  EXPECT_EQ(std::vector<std::uint32_t>(finder.areas().begin(), finder.areas().end()),
            (std::vector<std::uint32_t>{2, 1, 2, 1}));
}

TEST(Regions, JoinedLateAreOne) {
  // A comb: five teeth that only the last row joins.
  std::vector<std::uint8_t> mask(9 * 5, 0);
  for (int y = 0; y < 5; ++y)
    for (int x = 0; x < 9; ++x) mask[static_cast<std::size_t>(y * 9 + x)] = x % 2 == 0 || y == 4;
  RegionFinder finder;
  finder.find(mask, 9, 5);
  ASSERT_EQ(finder.areas().size(), 1U);
  EXPECT_EQ(finder.areas()[0], 29U);
}

TEST(Regions, EqualAFloodFill) {
  RegionFinder finder;  // kept: nothing of one mask may leak into the next
  for (unsigned seed = 0; seed < 400; ++seed) {
    reference::Random random(seed);
    reference::Picture picture;
    picture.width = 1 + static_cast<int>(random() % 40);
    picture.height = 1 + static_cast<int>(random() % 40);
    const unsigned density = random() % 101;
    for (int i = 0; i < picture.width * picture.height; ++i)
      picture.mask.push_back(random() % 100 < density
                                 ? static_cast<std::uint8_t>(1 + random() % 255)
                                 : std::uint8_t{0});
    const std::vector<int> expected = reference::labels(picture);
    finder.find(picture.mask, picture.width, picture.height);
    std::vector<int> labels(expected.size(), 0);
    std::vector<std::uint32_t> areas(finder.areas().size(), 0);
    for (const metrics::Run& run : finder.runs())
      for (int x = run.begin; x < run.end; ++x) {
        labels[static_cast<std::size_t>(run.row * picture.width + x)] = run.region + 1;
        ++areas[static_cast<std::size_t>(run.region)];
      }
    EXPECT_EQ(labels, expected) << "seed " << seed;
    EXPECT_EQ(areas, std::vector<std::uint32_t>(finder.areas().begin(), finder.areas().end()))
        << "seed " << seed;
  }
}

}  // namespace
}  // namespace looktwice::metrics
