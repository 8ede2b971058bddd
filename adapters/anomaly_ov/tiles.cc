#include "adapters/anomaly_ov/tiles.h"

#include <algorithm>
#include <cmath>

#include "adapters/imaging/resize.h"
#include "harness/core/error.h"
#include "harness/core/sample.h"

namespace looktwice::anomaly_ov {

Image pre_resized(Image image, int longest) {
  if (std::max(image.width, image.height) <= longest) return image;
  const bool wide = image.width > image.height;  // a square one goes by its height
  const double ratio = wide ? static_cast<double>(image.height) / image.width
                            : static_cast<double>(image.width) / image.height;
  const int other = std::max(1, static_cast<int>(longest * ratio));
  return imaging::resized(image, wide ? longest : other, wide ? other : longest,
                          imaging::Filter::bicubic);
}

Tiles tiles_of(const Image& image, int edge, bool grid) {
  Tiles tiles{.size = {.width = image.width, .height = image.height}};
  if (!grid) {
    tiles.images = {imaging::resized(image, edge, edge, imaging::Filter::bicubic)};
    return tiles;
  }
  tiles.layout = imaging::anyres_layout(image.width, image.height, edge);
  tiles.images = imaging::anyres_tiles(image, edge);
  return tiles;
}

AnomalyMap stitched(const Tiles& tiles, const std::vector<float>& maps, int side) {
  const auto tokens = static_cast<std::size_t>(side) * static_cast<std::size_t>(side);
  LOOKTWICE_CHECK(maps.size() == tiles.images.size() * tokens);
  const auto value = [&](std::size_t tile, int y, int x) {
    return maps[tile * tokens + static_cast<std::size_t>(y) * static_cast<std::size_t>(side) +
                static_cast<std::size_t>(x)];
  };
  const int columns = tiles.columns(), rows = tiles.rows();
  if (columns == 0) return {.width = side, .height = side, .values = maps};
  // The part that the picture takes, widened to whole tokens.
  const double per_pixel = static_cast<double>(side) / tiles.images[0].width;
  const auto from = [&](int pixels) { return static_cast<int>(std::floor(pixels * per_pixel)); };
  const auto to = [&](int pixels) { return static_cast<int>(std::ceil(pixels * per_pixel)); };
  const imaging::AnyresLayout& layout = tiles.layout;
  const int left = from(layout.left), top = from(layout.top);
  const int right = std::min(columns * side, to(layout.left + layout.resized.width));
  const int bottom = std::min(rows * side, to(layout.top + layout.resized.height));
  AnomalyMap map{.width = right - left, .height = bottom - top};
  for (int y = top; y < bottom; ++y)
    for (int x = left; x < right; ++x)
      map.values.push_back(
          value(static_cast<std::size_t>(1 + y / side * columns + x / side), y % side, x % side));
  return map;
}

}  // namespace looktwice::anomaly_ov
