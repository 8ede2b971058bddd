#include "adapters/imaging/area.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>

#include "harness/core/error.h"

namespace looktwice::imaging {
namespace {

std::uint8_t rounded_to_byte(float value) {
  return static_cast<std::uint8_t>(std::clamp(std::lrint(value), 0L, 255L));  // half to even
}

std::size_t offset(const Image& image, int x, int y) {
  return (static_cast<std::size_t>(y) * static_cast<std::size_t>(image.width) +
          static_cast<std::size_t>(x)) *
         static_cast<std::size_t>(image.channels);
}

Image blank(const Image& image, int width, int height) {
  Image made{.width = width, .height = height, .channels = image.channels};
  made.pixels.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) *
                     static_cast<std::size_t>(image.channels));
  return made;
}

// Both sides shrink by whole numbers: sums of integers.
Image by_blocks(const Image& image, int width, int height, int across, int down) {
  Image made = blank(image, width, height);
  const int area = across * down;
  const float scale = 1.f / static_cast<float>(area);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < image.channels; ++c) {
        int sum = 0;
        for (int v = 0; v < down; ++v)
          for (int u = 0; u < across; ++u)
            sum += image.pixels[offset(image, x * across + u, y * down + v) +
                                static_cast<std::size_t>(c)];
        // OpenCV's shortcut for 2 x 2 rounds half up.
        made.pixels[offset(made, x, y) + static_cast<std::size_t>(c)] =
            across == 2 && down == 2 ? static_cast<std::uint8_t>((sum + 2) >> 2)
                                     : rounded_to_byte(static_cast<float>(sum) * scale);
      }
  return made;
}

struct Share {
  int from = 0, to = 0;
  float weight = 0;
};

// Which source pixels go into which result, and how much of each.
std::vector<Share> shares(int source, int result, double scale) {
  constexpr double kNothing = 1e-3;
  std::vector<Share> table;
  for (int to = 0; to < result; ++to) {
    const double begin = to * scale, end = begin + scale;
    const double cell = std::min(scale, source - begin);
    const int last = std::min(static_cast<int>(std::floor(end)), source - 1);
    const int first = std::min(static_cast<int>(std::ceil(begin)), last);
    if (first - begin > kNothing)
      table.push_back({first - 1, to, static_cast<float>((first - begin) / cell)});
    for (int from = first; from < last; ++from)
      table.push_back({from, to, static_cast<float>(1.0 / cell)});
    if (end - last > kNothing)
      table.push_back(
          {last, to, static_cast<float>(std::min(std::min(end - last, 1.0), cell) / cell)});
  }
  return table;
}

Image by_shares(const Image& image, int width, int height, double scale_x, double scale_y) {
  Image made = blank(image, width, height);
  const std::vector<Share> across = shares(image.width, width, scale_x);
  const std::vector<Share> down = shares(image.height, height, scale_y);
  const auto channels = static_cast<std::size_t>(image.channels);
  const std::size_t row_size = static_cast<std::size_t>(width) * channels;
  std::vector<float> row(row_size), sum(row_size);
  int at = down.front().to;
  const auto write = [&] {
    std::uint8_t* to = made.pixels.data() + static_cast<std::size_t>(at) * row_size;
    for (std::size_t i = 0; i < row_size; ++i) to[i] = rounded_to_byte(sum[i]);
  };
  for (const Share& line : down) {
    std::ranges::fill(row, 0.f);
    const std::uint8_t* source = image.pixels.data() + offset(image, 0, line.from);
    for (const Share& share : across)
      for (std::size_t c = 0; c < channels; ++c)
        row[static_cast<std::size_t>(share.to) * channels + c] +=
            static_cast<float>(source[static_cast<std::size_t>(share.from) * channels + c]) *
            share.weight;
    if (line.to != at) {
      write();
      at = line.to;
      for (std::size_t i = 0; i < row_size; ++i) sum[i] = line.weight * row[i];
    } else {
      for (std::size_t i = 0; i < row_size; ++i) sum[i] += line.weight * row[i];
    }
  }
  write();
  return made;
}

struct Pair {
  int from = 0;
  int first = 0, second = 0;  // weights, times 2048
};

std::vector<Pair> pairs(int source, int result, double scale) {
  constexpr float kOne = 2048;
  const double inverse = static_cast<double>(result) / source;
  std::vector<Pair> table;
  for (int to = 0; to < result; ++to) {
    int from = static_cast<int>(std::floor(to * scale));
    auto part = static_cast<float>((to + 1) - (from + 1) * inverse);
    part = part <= 0 ? 0.f : part - std::floor(part);
    if (from < 0) from = 0, part = 0;
    if (from >= source - 1) from = source - 1, part = 0;
    table.push_back({from, static_cast<int>(std::lrint((1.f - part) * kOne)),
                     static_cast<int>(std::lrint(part * kOne))});
  }
  return table;
}

Image by_pairs(const Image& image, int width, int height, double scale_x, double scale_y) {
  Image made = blank(image, width, height);
  const std::vector<Pair> across = pairs(image.width, width, scale_x);
  const std::vector<Pair> down = pairs(image.height, height, scale_y);
  const auto channels = static_cast<std::size_t>(image.channels);
  const auto row_of = [&](int y) {
    std::vector<int> row;
    row.reserve(static_cast<std::size_t>(width) * channels);
    const std::uint8_t* source = image.pixels.data() + offset(image, 0, y);
    for (const Pair& pair : across) {
      const int next = std::min(pair.from + 1, image.width - 1);
      for (std::size_t c = 0; c < channels; ++c)
        row.push_back(source[static_cast<std::size_t>(pair.from) * channels + c] * pair.first +
                      source[static_cast<std::size_t>(next) * channels + c] * pair.second);
    }
    return row;
  };
  for (int y = 0; y < height; ++y) {
    const Pair& pair = down[static_cast<std::size_t>(y)];
    const std::vector<int> upper = row_of(pair.from);
    const std::vector<int> lower = row_of(std::min(pair.from + 1, image.height - 1));
    std::uint8_t* to = made.pixels.data() + offset(made, 0, y);
    for (std::size_t i = 0; i < upper.size(); ++i) {
      const int value =
          ((((pair.first * (upper[i] >> 4)) >> 16) + ((pair.second * (lower[i] >> 4)) >> 16) + 2) >>
           2);
      to[i] = static_cast<std::uint8_t>(std::clamp(value, 0, 255));
    }
  }
  return made;
}

}  // namespace

Image area_resized(const Image& image, int width, int height) {
  LOOKTWICE_CHECK(width >= 1 && height >= 1 && image.width >= 1 && image.height >= 1);
  if (width == image.width && height == image.height) return image;
  const double scale_x = 1.0 / (static_cast<double>(width) / image.width);
  const double scale_y = 1.0 / (static_cast<double>(height) / image.height);
  if (scale_x < 1 || scale_y < 1) return by_pairs(image, width, height, scale_x, scale_y);
  const int across = static_cast<int>(std::lrint(scale_x));
  const int down = static_cast<int>(std::lrint(scale_y));
  constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
  if (std::abs(scale_x - across) < kEpsilon && std::abs(scale_y - down) < kEpsilon)
    return by_blocks(image, width, height, across, down);
  return by_shares(image, width, height, scale_x, scale_y);
}

}  // namespace looktwice::imaging
