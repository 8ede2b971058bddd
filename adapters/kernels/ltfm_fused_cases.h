// What tests and bench of ltfm_fused walk. Tolerance: a map's value moves by at most a quarter of
// what its logit moves, a logit is 100 times a cosine. The cosine's own sums of `dims` floats are
// off by about sqrt(dims) roundings; each e by sqrt(hidden) of them, independent of each other, so
// that sqrt(hidden / dims) of them stay.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "adapters/kernels/ltfm_fused.h"
#include "adapters/kernels/numbers_cases.h"

namespace looktwice::kernels {

struct LtfmFusedCase {
  LtfmFused shape = {};
  bool bias = false;
  std::uint64_t seed = 1;
};

inline std::string name_of(const LtfmFusedCase& own) {
  const LtfmFused& shape = own.shape;
  return std::to_string(shape.levels) + "x" + std::to_string(shape.tiles) + "x" +
         std::to_string(shape.tokens) + "x" + std::to_string(shape.hidden) + "->" +
         std::to_string(shape.dims) + "/" + name_of(shape.number) + (own.bias ? "/bias" : "") +
         "/seed" + std::to_string(own.seed);
}

// Around the edges of a GPU block (128 rows, 256 columns, 64 16-bit numbers or 32 floats a step)
// and of its pipeline (3 and 4 stages). hidden is a multiple of 8, as the GPU's copies want it.
inline std::vector<LtfmFusedCase> ltfm_fused_cases() {
  std::vector<LtfmFusedCase> cases;
  std::uint64_t seed = 1;
  for (const Number number : {Number::f32, Number::bf16, Number::f16})
    for (const auto& [levels, tiles, tokens, hidden, dims] :
         {std::array{1, 1, 1, 8, 1}, std::array{1, 1, 127, 64, 7}, std::array{2, 1, 128, 72, 255},
          std::array{1, 3, 43, 136, 256}, std::array{4, 1, 25, 200, 257},
          std::array{2, 2, 129, 32, 48}, std::array{1, 1, 65, 328, 520},
          std::array{8, 1, 3, 96, 16}}) {
      LtfmFusedCase own{.bias = seed % 3 != 0, .seed = seed};
      own.shape = {
          .levels = levels, .tiles = tiles, .tokens = tokens, .hidden = hidden, .dims = dims};
      own.shape.number = number;
      own.shape.selected = static_cast<int>(seed % 2);
      cases.push_back(own);
      ++seed;
    }
  return cases;
}

struct LtfmFusedProblem {
  std::vector<std::vector<std::byte>> features = {}, weights = {};  // by level
  std::vector<std::vector<float>> biases = {};                      // empty: none
  std::vector<float> prompts = {};
  std::size_t rows = 0;

  template <class Type, class Part>
  static std::vector<const Type*> pointers(const std::vector<std::vector<Part>>& parts) {
    std::vector<const Type*> made;
    for (const auto& part : parts) made.push_back(part.data());
    return made;
  }
};

inline LtfmFusedProblem problem_of(const LtfmFusedCase& own) {
  const auto at = [](int value) { return static_cast<std::size_t>(value); };
  const LtfmFused& shape = own.shape;
  RandomNumbers random(own.seed);
  LtfmFusedProblem made;
  made.rows = at(shape.tiles) * at(shape.tokens);
  for (int level = 0; level < shape.levels; ++level) {
    made.features.push_back(random.stored(made.rows * at(shape.hidden), shape.number));
    made.weights.push_back(random.stored(at(shape.dims) * at(shape.hidden), shape.number));
    if (own.bias) made.biases.push_back(random.floats(at(shape.dims), -4, 4));
  }
  made.prompts = random.floats(2 * at(shape.levels) * at(shape.dims));
  return made;
}

// run: ltfm_fused_ref, ltfm_fused_cpu.
inline std::vector<float> map_of(const LtfmFusedCase& own, const LtfmFusedProblem& problem,
                                 decltype(ltfm_fused_ref)& run) {
  const auto features = problem.pointers<void>(problem.features),
             weights = problem.pointers<void>(problem.weights);
  const auto biases = problem.pointers<float>(problem.biases);
  std::vector<float> map(problem.rows, 7);
  run(own.shape, features.data(), weights.data(), own.bias ? biases.data() : nullptr,
      problem.prompts.data(), map.data());
  return map;
}

inline float tolerance_of(const LtfmFusedCase& own) {
  const auto hidden = static_cast<float>(own.shape.hidden),
             dims = static_cast<float>(own.shape.dims);
  return 0.25f * 100 * 0x1p-23f * (4 + std::sqrt(dims) + 4 * std::sqrt(hidden / dims));
}

}  // namespace looktwice::kernels
