// Procedural textures with a defect planted at a known place.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <numbers>
#include <random>
#include <string>
#include <vector>

#include "harness/core/image.h"

namespace looktwice::testing {

struct Texture {
  std::string name = {};
  bool coloured = false;
  // Red, green and blue at (x, y), 0 to 1; noise: a standard normal number of that pixel.
  std::function<std::array<double, 3>(int x, int y, double noise)> at = {};
};

inline std::array<double, 3> grey(double value) {
  return {value, value, value};
}

inline std::vector<Texture> textures() {
  const auto wave = [](double x, double period) {
    return std::sin(2 * std::numbers::pi * x / period);
  };
  return {
      {"plain", false, [=](int, int, double n) { return grey(0.6 + 0.02 * n); }},
      {"light from the left", false,
       [=](int x, int, double n) { return grey(0.8 - 0.002 * x + 0.02 * n); }},
      {"grid", false,
       [=](int x, int y, double n) {
         return grey(x % 32 < 3 || y % 48 < 3 ? 0.2 : 0.7 + 0.02 * n);
       }},
      {"weave", false,
       [=](int x, int y, double n) {
         return grey(0.5 + 0.15 * wave(x, 8) * wave(y, 8) + 0.03 * n);
       }},
      {"grain", false,
       [=](int x, int y, double n) {
         return grey(0.5 + 0.05 * wave(x + 0.3 * y, 19) + 0.05 * wave(x - 2.1 * y, 43) + 0.08 * n);
       }},
      {"cell with bars", false,
       [=](int x, int y, double n) {
         return grey(y % 80 < 4 || x < 4 || x > 251 ? 0.25
                                                    : 0.7 - 0.001 * std::abs(x - 128) + 0.02 * n);
       }},
      {"disc on black", false,
       [=](int x, int y, double n) {
         const double r = std::hypot(x - 127.5, y - 127.5);
         return grey(r < 100 ? 0.7 - 0.001 * r + 0.02 * n : 0.02 + 0.002 * n);
       }},
      {"leather", true,
       [=](int x, int y, double n) {
         const double value = 1 + 0.1 * wave(x + y, 11) * wave(x - y, 13) + 0.05 * n;
         return std::array{0.5 * value, 0.35 * value, 0.2 * value};
       }},
  };
}

// Pixels are multiplied by `factor` per channel where it is set.
struct Defect {
  Region region = {};
  std::array<double, 3> factor = {1, 1, 1};
};

inline Image drawn(const Texture& texture, std::uint32_t seed, const Defect& defect = {},
                   int size = 256) {
  std::mt19937 bits(seed);
  // Not std::normal_distribution, which differs between libraries: the sum of 12 uniform numbers.
  const auto normal = [&] {
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += static_cast<double>(bits()) / 4294967296.0;
    return sum;
  };
  Image image{.width = size, .height = size, .channels = 3};
  const Region& r = defect.region;
  for (int y = 0; y < size; ++y)
    for (int x = 0; x < size; ++x) {
      const bool inside = x >= r.x && x < r.x + r.width && y >= r.y && y < r.y + r.height;
      const auto colour = texture.at(x, y, normal());
      for (std::size_t c = 0; c < 3; ++c)
        image.pixels.push_back(static_cast<std::uint8_t>(
            std::clamp(std::lround(255 * colour[c] * (inside ? defect.factor[c] : 1)), 0l, 255l)));
    }
  return image;
}

}  // namespace looktwice::testing
