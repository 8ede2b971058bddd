// What test and bench of pixel_counts walk: sizes, kinds of scores, seeds. Results are counts: no
// tolerance.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "adapters/kernels/pixel_counts.h"

namespace looktwice::kernels {

enum class PixelScores { random, few_levels, all_equal, zero_one, neighbours, extreme };

struct PixelCase {
  std::int64_t pixels = 0;
  int anomalous_in_1000 = 20;  // as in the data sets
  PixelScores scores = PixelScores::random;
  std::uint64_t seed = 1;
};

inline std::string name_of(const PixelCase& own) {
  static constexpr const char* kNames[] = {"random",   "few_levels", "all_equal",
                                           "zero_one", "neighbours", "extreme"};
  return std::to_string(own.pixels) + "/" + std::to_string(own.anomalous_in_1000) + "/" +
         kNames[static_cast<int>(own.scores)] + "/seed" + std::to_string(own.seed);
}

// Sizes around a block, a chunk of the test and nothing at all.
inline std::vector<PixelCase> pixel_cases() {
  std::vector<PixelCase> cases;
  std::uint64_t seed = 1;
  for (const auto scores : {PixelScores::random, PixelScores::few_levels, PixelScores::all_equal,
                            PixelScores::zero_one, PixelScores::neighbours, PixelScores::extreme})
    for (const auto& [pixels, share] :
         {std::pair{0, 20}, std::pair{1, 0}, std::pair{1, 1000}, std::pair{255, 500},
          std::pair{256, 20}, std::pair{257, 990}, std::pair{5000, 0}, std::pair{65537, 20},
          std::pair{100000, 300}})
      cases.push_back(
          {.pixels = pixels, .anomalous_in_1000 = share, .scores = scores, .seed = seed++});
  return cases;
}

struct PixelData {
  std::vector<float> score = {};
  std::vector<std::uint8_t> mask = {};
  std::vector<std::uint64_t> entries = {};  // of the masked pixels, with sizes from 1 on
};

inline PixelData data_of(const PixelCase& own) {
  std::uint64_t state = own.seed;
  const auto random = [&state] {  // SplitMix64
    std::uint64_t z = (state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  };
  using Limits = std::numeric_limits<float>;
  const float extremes[] = {
      0.0f,  -0.0f,  Limits::max(), Limits::lowest(), Limits::denorm_min(), -Limits::denorm_min(),
      1e30f, -1e-30f};
  PixelData data;
  for (std::int64_t i = 0; i < own.pixels; ++i) {
    const std::uint64_t draw = random();
    float score = 0.25f;
    switch (own.scores) {
      case PixelScores::random:
        score = static_cast<float>(static_cast<std::int64_t>(draw)) * 0x1p-63f;
        break;
      case PixelScores::few_levels:
        score = static_cast<float>(draw % 5) - 2.0f;
        break;
      case PixelScores::all_equal:
        break;
      case PixelScores::zero_one:
        score = draw % 3 == 0 ? 1.0f : 0.0f;
        break;
      case PixelScores::neighbours:
        score = std::bit_cast<float>(0x3f7ffff0u + static_cast<std::uint32_t>(draw % 64));
        break;
      case PixelScores::extreme:
        score = extremes[draw % 8];
        break;
    }
    const bool anomalous = static_cast<int>(random() % 1000) < own.anomalous_in_1000;
    data.score.push_back(score);
    data.mask.push_back(anomalous ? 255 : 0);
    if (anomalous)
      data.entries.push_back(std::uint64_t{pixel_key(score)} << 32 | (1 + random() % 1000));
  }
  return data;
}

}  // namespace looktwice::kernels
