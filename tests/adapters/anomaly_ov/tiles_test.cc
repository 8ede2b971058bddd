// Sizes before the model sees a picture, and maps put together again.
#include "adapters/anomaly_ov/tiles.h"

#include <gtest/gtest.h>

#include <numeric>

namespace looktwice::anomaly_ov {
namespace {

Image blank(int width, int height) {
  Image image{.width = width, .height = height, .channels = 3};
  image.pixels.resize(3 * static_cast<std::size_t>(width) * static_cast<std::size_t>(height));
  return image;
}

TEST(Tiles, OnlyALongSideIsMadeShorterAndTheOtherIsTruncated) {
  const auto size = [](int width, int height) {
    const Image image = pre_resized(blank(width, height));
    return std::pair(image.width, image.height);
  };
  EXPECT_EQ(size(1024, 700), std::pair(1024, 700));
  EXPECT_EQ(size(1500, 1100), std::pair(1024, 750));  // 750.9
  EXPECT_EQ(size(999, 2000), std::pair(511, 1024));   // 511.5
  EXPECT_EQ(size(2000, 2000), std::pair(1024, 1024));
  EXPECT_EQ(size(5000, 1), std::pair(1024, 1));
}

TEST(Tiles, AWideGridHasItsColumns) {
  const Tiles tiles = tiles_of(blank(300, 100), 100);
  EXPECT_EQ(tiles.columns(), 3);
  EXPECT_EQ(tiles.rows(), 1);
  EXPECT_EQ(tiles.images.size(), 4u);
  const Tiles alone = tiles_of(blank(300, 100), 100, false);
  EXPECT_EQ(alone.images.size(), 1u);
  EXPECT_EQ(alone.columns(), 0);
}

TEST(Tiles, AStitchedMapLeavesOutThePadding) {
  // 100 x 200 pixels in tiles of 100: two tiles, one above the other, no padding.
  Tiles tiles = tiles_of(blank(100, 200), 100);
  ASSERT_EQ(tiles.images.size(), 3u);
  std::vector<float> maps(3 * 4);
  std::iota(maps.begin(), maps.end(), 0.0f);
  const AnomalyMap map = stitched(tiles, maps, 2);
  EXPECT_EQ(map.width, 2);
  EXPECT_EQ(map.height, 4);
  EXPECT_EQ(map.values, (std::vector<float>{4, 5, 6, 7, 8, 9, 10, 11}));
  // The same picture with a quarter of the width black on both sides.
  tiles.layout.left = 25;
  tiles.layout.resized.width = 50;
  const AnomalyMap padded = stitched(tiles, maps, 4 / 2);
  EXPECT_EQ(padded.width, 2) << "tokens that are half padding stay";
  tiles.layout.left = 50;
  EXPECT_EQ(stitched(tiles, maps, 2).values, (std::vector<float>{5, 7, 9, 11}));
}

}  // namespace
}  // namespace looktwice::anomaly_ov
