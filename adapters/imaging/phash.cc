#include "adapters/imaging/phash.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "adapters/imaging/resize.h"
#include "harness/core/error.h"

namespace looktwice::imaging {
namespace {

constexpr std::size_t kSide = 32, kLow = 8;

// Pillow's convert("L").
Image grey_of(const Image& image) {
  if (image.channels == 1) return image;
  LOOKTWICE_CHECK(image.channels == 3);
  Image grey{.width = image.width, .height = image.height, .channels = 1};
  grey.pixels.reserve(image.pixels.size() / 3);
  for (std::size_t i = 0; i + 2 < image.pixels.size(); i += 3)
    grey.pixels.push_back(
        static_cast<std::uint8_t>((image.pixels[i] * 19595u + image.pixels[i + 1] * 38470u +
                                   image.pixels[i + 2] * 7471u + 0x8000u) >>
                                  16));
  return grey;
}

using Cosines = std::array<std::array<double, kSide>, kLow>;

const Cosines& cosines() {
  static const Cosines table = [] {
    Cosines all = {};
    for (std::size_t k = 0; k < kLow; ++k)
      for (std::size_t n = 0; n < kSide; ++n)
        all[k][n] = 2 * std::cos(std::numbers::pi * static_cast<double>(k) *
                                 (2 * static_cast<double>(n) + 1) / (2 * kSide));
    return all;
  }();
  return table;
}

}  // namespace

std::optional<std::uint64_t> phash(const Image& image) {
  const Image small =
      resized(grey_of(image), static_cast<int>(kSide), static_cast<int>(kSide), Filter::lanczos);
  if (std::ranges::adjacent_find(small.pixels, std::not_equal_to{}) == small.pixels.end())
    return {};
  const Cosines& cosine = cosines();
  std::array<std::array<double, kSide>, kLow> down = {};  // over the rows
  for (std::size_t k = 0; k < kLow; ++k)
    for (std::size_t x = 0; x < kSide; ++x)
      for (std::size_t y = 0; y < kSide; ++y)
        down[k][x] += cosine[k][y] * small.pixels[y * kSide + x];
  std::array<double, kLow* kLow> low = {};
  for (std::size_t k = 0; k < kLow; ++k)
    for (std::size_t l = 0; l < kLow; ++l)
      for (std::size_t x = 0; x < kSide; ++x) low[k * kLow + l] += cosine[l][x] * down[k][x];
  std::array<double, kLow* kLow> sorted = low;
  std::ranges::sort(sorted);
  const double median = (sorted[31] + sorted[32]) / 2;
  std::uint64_t hash = 0;
  for (const double value : low) hash = hash << 1 | static_cast<std::uint64_t>(value > median);
  return hash;
}

}  // namespace looktwice::imaging
