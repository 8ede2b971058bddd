#include "adapters/imaging/smart_resize.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "harness/core/error.h"

namespace looktwice::imaging {
namespace {

constexpr double kMostAspect = 200;

}  // namespace

Size smart_size(int width, int height, const PatchRule& rule) {
  const int factor = rule.factor();
  const std::string size = std::to_string(width) + "x" + std::to_string(height);
  if (!rule.grow_small && (width < factor || height < factor))
    throw Error(Kind::data, "a picture of " + size + " pixels: the model's sides are " +
                                std::to_string(factor) + " and more");
  if (static_cast<double>(std::max(width, height)) / std::min(width, height) > kMostAspect)
    throw Error(Kind::data, "a picture of " + size +
                                " pixels: the model's aspects are 200 to 1 "
                                "at most");
  // nearbyint rounds half to even, as Python's round; the divisions are Python's, in double.
  const auto rounded = [&](int side) {
    const double near = std::nearbyint(static_cast<double>(side) / factor) * factor;
    return rule.grow_small ? std::max(near, static_cast<double>(factor)) : near;
  };
  double w = rounded(width), h = rounded(height);
  const double area = static_cast<double>(std::int64_t{width} * height);
  if (h * w > static_cast<double>(rule.max_pixels)) {
    const double beta = std::sqrt(area / static_cast<double>(rule.max_pixels));
    h = std::floor(height / beta / factor) * factor;
    w = std::floor(width / beta / factor) * factor;
  } else if (h * w < static_cast<double>(rule.min_pixels)) {
    const double beta = std::sqrt(static_cast<double>(rule.min_pixels) / area);
    h = std::ceil(height * beta / factor) * factor;
    w = std::ceil(width * beta / factor) * factor;
  }
  if (w < factor || h < factor)
    throw Error(Kind::data, "a picture of " + size + " pixels within max_pixels=" +
                                std::to_string(rule.max_pixels) + " would lose a side");
  return {.width = static_cast<int>(w), .height = static_cast<int>(h)};
}

Size fitted_size(int width, int height, int longest) {
  const int most = std::max(width, height);
  const auto scaled = [&](int side) {
    return std::max(1, static_cast<int>(std::int64_t{side} * longest / most));
  };
  return {.width = scaled(width), .height = scaled(height)};
}

PatchGrid patch_grid(Size size, const PatchRule& rule) {
  LOOKTWICE_CHECK(size.width % rule.factor() == 0 && size.height % rule.factor() == 0);
  return {.rows = size.height / rule.patch, .columns = size.width / rule.patch};
}

void patch_values(const Image& image, const ValueTable& table, const PatchRule& rule,
                  std::span<float> values) {
  const PatchGrid grid = patch_grid({.width = image.width, .height = image.height}, rule);
  const auto side = static_cast<std::size_t>(rule.patch);
  const std::size_t plane = side * side, frames = static_cast<std::size_t>(rule.frames);
  const std::size_t line = static_cast<std::size_t>(image.width) * 3;
  LOOKTWICE_CHECK(image.channels == 3 &&
                  values.size() == static_cast<std::size_t>(grid.patches()) * 3 * frames * plane);
  float* to = values.data();
  const auto merge = static_cast<std::int64_t>(rule.merge);
  const auto put = [&](std::int64_t row, std::int64_t column) {
    const std::uint8_t* corner = image.pixels.data() + static_cast<std::size_t>(row) * side * line +
                                 static_cast<std::size_t>(column) * side * 3;
    for (std::size_t c = 0; c < 3; ++c) {
      float* const first = to;
      for (std::size_t y = 0; y < side; ++y)
        for (std::size_t x = 0; x < side; ++x) *to++ = table[c][corner[y * line + x * 3 + c]];
      for (std::size_t frame = 1; frame < frames; ++frame) to = std::copy_n(first, plane, to);
    }
  };
  for (std::int64_t row = 0; row < grid.rows; row += merge)
    for (std::int64_t column = 0; column < grid.columns; column += merge)
      for (std::int64_t y = 0; y < merge; ++y)
        for (std::int64_t x = 0; x < merge; ++x) put(row + y, column + x);
}

}  // namespace looktwice::imaging
