// What test and bench of topk_tokens walk: shapes, kinds of weights, seeds. Results are indices: no
// tolerance.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "adapters/kernels/topk_tokens.h"

namespace looktwice::kernels {

enum class Weights { random, few_levels, all_equal, rising, falling, extreme };

struct TopkCase {
  TopkTokens shape = {};
  Weights weights = Weights::random;
  std::uint64_t seed = 1;
};

inline const char* name_of(Weights weights) {
  static constexpr const char* kNames[] = {"random", "few_levels", "all_equal",
                                           "rising", "falling",    "extreme"};
  return kNames[static_cast<int>(weights)];
}
inline std::string name_of(const TopkCase& own) {
  return std::to_string(own.shape.images) + "x" + std::to_string(own.shape.tokens) + "/k" +
         std::to_string(own.shape.k) + "/" + name_of(own.weights) + "/seed" +
         std::to_string(own.seed);
}

// 729 = 27 x 27 and 576 = 24 x 24 patches are what the models have; 5 x 729 an anyres picture; the
// rest are edges of a block, of a step and of the limits.
inline std::vector<TopkCase> topk_cases() {
  std::vector<TopkCase> cases;
  std::uint64_t seed = 1;
  for (const auto weights : {Weights::random, Weights::few_levels, Weights::all_equal,
                             Weights::rising, Weights::falling, Weights::extreme})
    for (const TopkTokens& shape :
         {TopkTokens{1, 1, 0}, TopkTokens{1, 1, 1}, TopkTokens{3, 2, 1}, TopkTokens{2, 31, 7},
          TopkTokens{2, 511, 510}, TopkTokens{2, 512, 512}, TopkTokens{2, 513, 1},
          TopkTokens{4, 576, 64}, TopkTokens{5, 729, 256}, TopkTokens{1, 3645, 729},
          TopkTokens{1, 65536, 1}, TopkTokens{1, 65536, 30000}, TopkTokens{2, 65536, 65536},
          TopkTokens{1, 65535, 65534}})
      cases.push_back({.shape = shape, .weights = weights, .seed = seed++});
  return cases;
}

inline std::vector<float> weights_of(const TopkCase& own) {
  std::uint64_t state = own.seed;
  const auto random = [&state] {  // SplitMix64
    std::uint64_t z = (state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  };
  using Limits = std::numeric_limits<float>;
  const float extremes[] = {0.0f,
                            -0.0f,
                            Limits::infinity(),
                            -Limits::infinity(),
                            Limits::max(),
                            Limits::lowest(),
                            Limits::denorm_min(),
                            -Limits::denorm_min(),
                            1.0f,
                            1.0f + Limits::epsilon()};
  std::vector<float> weights(static_cast<std::size_t>(own.shape.images) *
                             static_cast<std::size_t>(own.shape.tokens));
  float step = 0;
  for (float& weight : weights) {
    const std::uint64_t draw = random();
    switch (own.weights) {
      case Weights::random:
        weight = static_cast<float>(static_cast<std::int64_t>(draw)) * 0x1p-63f;
        break;
      case Weights::few_levels:
        weight = static_cast<float>(draw % 5) - 2.0f;
        break;
      case Weights::all_equal:
        weight = 0.25f;
        break;
      case Weights::rising:
        weight = step++;
        break;
      case Weights::falling:
        weight = step--;
        break;
      case Weights::extreme:
        weight = extremes[draw % 10];
        break;
    }
  }
  return weights;
}

}  // namespace looktwice::kernels
