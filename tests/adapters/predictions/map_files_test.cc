// Maps by NumPy, tifffile and Pillow: scripts/golden/map_images.py.
#include "adapters/predictions/map_files.h"

#include <gtest/gtest.h>

#include "adapters/imaging/map_file.h"

#include "harness/core/image.h"
#include "tests/support/pictures.h"
#include "tests/support/refusal.h"

namespace looktwice::adapters {
namespace {

using looktwice::testing::names_all;
using looktwice::testing::refusal;
using looktwice::testing::TemporaryFolder;

std::filesystem::path golden(const std::string& name) {
  return std::filesystem::path(LOOKTWICE_TEST_DATA) / "predictions" / name;
}

void expect_counting(const std::string& name, float first, float step = 1) {
  const AnomalyMap map = imaging::map_of_file(golden(name));
  ASSERT_EQ(map.width, 7) << name;
  ASSERT_EQ(map.height, 5) << name;
  for (int i = 0; i < 35; ++i)
    ASSERT_EQ(map.values[static_cast<std::size_t>(i)], first + step * static_cast<float>(i))
        << name << " element " << i;
}

TEST(MapOfFile, ReadsEveryNumberTypeOfTiff) {
  for (const char* name : {"f2.tiff", "f4.tiff", "f8.tiff", "i1.tiff", "i2.tiff", "i4.tiff"})
    expect_counting(name, -3);
  for (const char* name : {"u1.tiff", "u2.tiff", "u4.tiff"}) expect_counting(name, 0);
}

TEST(MapOfFile, ReadsTiffInEveryShape) {
  for (const char* name : {"f4_big_endian.tiff", "f4_bigtiff.tiff", "f4_rows.tiff",
                           "f4_deflate.tiff", "f4_1hw.tiff", "f4_lzw.tiff"})
    expect_counting(name, -3);
}

TEST(MapOfFile, ReadsTilesThatStickOut) {
  const AnomalyMap map = imaging::map_of_file(golden("tiles.tiff"));
  ASSERT_EQ(map.width, 35);
  ASSERT_EQ(map.height, 20);
  for (std::size_t i = 0; i < 700; ++i) ASSERT_EQ(map.values[i], static_cast<float>(i));
}

TEST(MapOfFile, ReadsGreyPng) {
  expect_counting("u2.png", 0, 1000);
  expect_counting("u1.png", 0);
  expect_counting("u1_alpha.png", 0);
}

TEST(MapOfFile, RefusesWhatIsNoMapAndNamesTheFile) {
  for (const char* name :
       {"bad_rgb.png", "bad_palette.png", "bad_rgb.tiff", "bad_two_pages.tiff", "bad_white.tiff",
        "bad_complex.tiff", "bad_huge.tiff", "bad_format.bmp"}) {
    const std::string why = refusal(Kind::data, [&] { imaging::map_of_file(golden(name)); });
    EXPECT_TRUE(names_all(why, {name})) << why;
  }
  EXPECT_TRUE(names_all(refusal(Kind::data, [] { imaging::map_of_file(golden("bad_nan.tiff")); }),
                        {"NaN", "row 0, column 0"}));
}

TEST(MapOfFile, NeverCrashesOnTruncatedFiles) {
  const TemporaryFolder folder;
  for (const char* name : {"f4.tiff", "f4_deflate.tiff", "tiles.tiff", "u2.png", "deflated.npz"}) {
    const std::vector<std::byte> whole = file_bytes(golden(name));
    int refused = 0;
    for (std::size_t length = 0; length < whole.size(); length += 7) {
      const auto file = folder.file("cut", {reinterpret_cast<const char*>(whole.data()), length});
      refused += !refusal(Kind::data, [&] { imaging::map_of_file(file); }).empty();
    }
    // Nearly all: a PNG without its last chunk still has its pixels.
    EXPECT_GE(refused, static_cast<int>(whole.size() / 7) - 4) << name;
  }
}

TEST(MapFiles, FindsMapsInTheMvtecEvaluationLayout) {
  const TemporaryFolder folder;
  for (const char* place : {"bottle/test/crack/000.tiff", "bottle/test/good/000.tiff"}) {
    std::filesystem::create_directories((folder.path() / place).parent_path());
    std::filesystem::copy_file(golden("f4.tiff"), folder.path() / place);
  }
  MapFiles maps(folder.path());
  const auto map = maps.find("bottle/test/crack/000.png");
  ASSERT_TRUE(map);
  EXPECT_EQ(map->values[0], -3);
  EXPECT_FALSE(maps.find("bottle/test/crack/001.png"));
  EXPECT_EQ(maps.facts().at("maps_unused"), "1");
  EXPECT_EQ(maps.facts().at("first_map_unused"), "bottle/test/good/000.tiff");
}

}  // namespace
}  // namespace looktwice::adapters
