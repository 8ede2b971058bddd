#include "adapters/imaging/anyres.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "harness/core/error.h"

namespace looktwice::imaging {
namespace {

constexpr int kMostTiles = 6;  // along one side

Size best_grid(int width, int height, int edge) {
  Size best;
  std::int64_t most_kept = 0, least_waste = 0;
  for (int columns = 1; columns <= kMostTiles; ++columns)
    for (int rows = 1; rows <= kMostTiles; ++rows) {
      const Size grid = {columns * edge, rows * edge};
      const double scale = std::min(static_cast<double>(grid.width) / width,
                                    static_cast<double>(grid.height) / height);
      const std::int64_t shown =
          static_cast<std::int64_t>(width * scale) * static_cast<std::int64_t>(height * scale);
      const std::int64_t kept = std::min(shown, std::int64_t{width} * height);
      const std::int64_t waste = std::int64_t{grid.width} * grid.height - kept;
      if (kept > most_kept || (kept == most_kept && waste < least_waste)) {
        best = grid;
        most_kept = kept;
        least_waste = waste;
      }
    }
  return best;
}

}  // namespace

AnyresLayout anyres_layout(int width, int height, int edge) {
  LOOKTWICE_CHECK(width >= 1 && height >= 1 && edge >= 1);
  AnyresLayout layout{.grid = best_grid(width, height, edge)};
  if (layout.grid.width == 0)
    throw Error(Kind::data, std::to_string(width) + "x" + std::to_string(height) +
                                " pixels: too narrow, nothing of the shorter side is left on any "
                                "grid of tiles");
  const double by_width = static_cast<double>(layout.grid.width) / width;
  const double by_height = static_cast<double>(layout.grid.height) / height;
  layout.resized = layout.grid;
  if (by_width < by_height) {
    layout.resized.height =
        std::min(static_cast<int>(std::ceil(height * by_width)), layout.grid.height);
  } else {
    layout.resized.width =
        std::min(static_cast<int>(std::ceil(width * by_height)), layout.grid.width);
  }
  layout.left = (layout.grid.width - layout.resized.width) / 2;
  layout.top = (layout.grid.height - layout.resized.height) / 2;
  return layout;
}

std::vector<Image> anyres_tiles(const Image& image, int edge) {
  LOOKTWICE_CHECK(image.channels == 3);
  const AnyresLayout layout = anyres_layout(image.width, image.height, edge);
  const Image fitted = resized(image, layout.resized.width, layout.resized.height, Filter::bicubic);
  std::vector<Image> tiles = {resized(image, edge, edge, Filter::bicubic)};
  for (int y = 0; y < layout.grid.height; y += edge)
    for (int x = 0; x < layout.grid.width; x += edge) {
      Image tile{.width = edge, .height = edge, .channels = 3};
      tile.pixels.resize(3 * std::size_t(edge) * std::size_t(edge));
      const int first = std::max(x, layout.left),
                last = std::min(x + edge, layout.left + fitted.width);
      for (int row = std::max(y, layout.top);
           row < std::min(y + edge, layout.top + fitted.height) && first < last; ++row)
        std::copy_n(
            &fitted.pixels[3 * (std::size_t(row - layout.top) * std::size_t(fitted.width) +
                                std::size_t(first - layout.left))],
            3 * std::size_t(last - first),
            &tile.pixels[3 * (std::size_t(row - y) * std::size_t(edge) + std::size_t(first - x))]);
      tiles.push_back(std::move(tile));
    }
  return tiles;
}

}  // namespace looktwice::imaging
