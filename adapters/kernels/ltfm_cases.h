// What test and bench of ltfm walk. Tolerance: a map's value moves by at most a quarter of what its
// logit moves; a logit is 100 times a cosine whose sums of `dims` floats are off by about
// sqrt(dims) roundings.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "adapters/kernels/ltfm.h"
#include "adapters/kernels/numbers_cases.h"

namespace looktwice::kernels {

struct LtfmCase {
  Ltfm shape = {};
  bool bias = false;
  std::uint64_t seed = 1;
};

inline std::string name_of(const LtfmCase& own) {
  const Ltfm& shape = own.shape;
  return std::to_string(shape.levels) + "x" + std::to_string(shape.tiles) + "x" +
         std::to_string(shape.tokens) + "x" + std::to_string(shape.dims) + "/" +
         name_of(shape.number) + (own.bias ? "/bias" : "") + "/seed" + std::to_string(own.seed);
}

// 4 levels, 729 tokens and 512 dims are what the models have; the rest are edges of vectors.
inline std::vector<LtfmCase> ltfm_cases() {
  std::vector<LtfmCase> cases;
  std::uint64_t seed = 1;
  for (const Number number : {Number::f32, Number::bf16, Number::f16})
    for (const bool bias : {false, true})
      for (const auto& [levels, tiles, tokens, dims] :
           {std::array{1, 1, 1, 1}, std::array{1, 2, 3, 15}, std::array{2, 1, 5, 16},
            std::array{3, 2, 7, 17}, std::array{4, 3, 25, 24}, std::array{4, 1, 64, 512},
            std::array{4, 2, 33, 1152}}) {
        LtfmCase own{.bias = bias, .seed = seed++};
        own.shape = {.levels = levels, .tiles = tiles, .tokens = tokens, .dims = dims};
        own.shape.number = number;
        own.shape.selected = static_cast<int>(seed % 2);
        cases.push_back(own);
      }
  return cases;
}

struct LtfmProblem {
  std::vector<std::byte> features = {};
  std::vector<float> bias = {}, prompts = {};
  std::size_t rows = 0;
  const float* bias_or_null() const { return bias.empty() ? nullptr : bias.data(); }
};

inline LtfmProblem problem_of(const LtfmCase& own) {
  const auto at = [](int value) { return static_cast<std::size_t>(value); };
  const Ltfm& shape = own.shape;
  RandomNumbers random(own.seed);
  LtfmProblem made;
  made.rows = at(shape.tiles) * at(shape.tokens);
  made.features = random.stored(at(shape.levels) * made.rows * at(shape.dims), shape.number);
  if (own.bias) made.bias = random.floats(at(shape.levels) * at(shape.dims));
  made.prompts = random.floats(2 * at(shape.levels) * at(shape.dims));
  return made;
}

inline float tolerance_of(const LtfmCase& own) {
  return 0.25f * 100 * 0x1p-23f * (4 + std::sqrt(static_cast<float>(own.shape.dims)));
}

}  // namespace looktwice::kernels
