// What test and bench of token_select walk. Tolerance: weighted means of numbers below 1, so some
// tens of roundings; scores are sums over `dims` and enter an exponential.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "adapters/kernels/numbers_cases.h"
#include "adapters/kernels/token_select.h"

namespace looktwice::kernels {

struct TokenSelectCase {
  TokenSelect shape = {};
  std::uint64_t seed = 1;
};

inline std::string name_of(const TokenSelectCase& own) {
  return std::to_string(own.shape.tiles) + "x" + std::to_string(own.shape.grid) + "^2x" +
         std::to_string(own.shape.dims) + "/" + name_of(own.shape.number) +
         (own.shape.divide ? "/divide" : "") + "/seed" + std::to_string(own.seed);
}

// 27 x 27 x 1152 is what the models have; an even grid shares no row; one token is all windows.
inline std::vector<TokenSelectCase> token_select_cases() {
  std::vector<TokenSelectCase> cases;
  std::uint64_t seed = 1;
  struct Size {
    int tiles = 1, grid = 1, dims = 1;
  };
  for (const Number number : {Number::f32, Number::bf16, Number::f16})
    for (const bool divide : {true, false})
      for (const Size& size : {Size{1, 1, 1}, Size{2, 2, 15}, Size{1, 3, 17}, Size{3, 6, 48},
                               Size{2, 27, 24}, Size{1, 27, 1152}}) {
        TokenSelectCase own{.seed = seed++};
        own.shape = {.tiles = size.tiles,
                     .grid = size.grid,
                     .dims = size.dims,
                     .number = number,
                     .divide = divide};
        own.shape.scale = 1 / std::sqrt(static_cast<float>(size.dims));
        cases.push_back(own);
      }
  return cases;
}

struct TokenSelectProblem {
  std::vector<std::byte> features = {};
  std::vector<float> map = {}, query = {}, weight = {};
};

inline TokenSelectProblem problem_of(const TokenSelectCase& own) {
  const auto tiles = static_cast<std::size_t>(own.shape.tiles),
             grid = static_cast<std::size_t>(own.shape.grid),
             dims = static_cast<std::size_t>(own.shape.dims);
  RandomNumbers random(own.seed);
  return {.features = random.stored(tiles * grid * grid * dims, own.shape.number),
          .map = random.floats(tiles * grid * grid, 0.05f, 1),
          .query = random.floats(tiles * kWindows * dims, -3, 3),
          .weight = random.floats(tiles * kWindows, 0.1f, 1)};
}

inline float tolerance_of(const TokenSelectCase& own) {
  return 0x1p-23f * (32 + 4 * std::sqrt(static_cast<float>(own.shape.dims)));
}

}  // namespace looktwice::kernels
