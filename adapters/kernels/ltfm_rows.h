// Look-Twice Feature Matching on the CPU, straight from the vision model's features as ltfm_fused.h
// has it. Of e = weight x + bias two numbers are needed:
//   map[row] += share * softmax(scale * cos(e, prompts[0..1]))[selected]
//             = share / (1 + exp(e . d / |e|)),  d = scale * (other/|other| - selected/|selected|)
// e . d is x times one vector, weight' d, in fp32. |e| takes the whole product: the matrix is laid
// out once, a few rows and columns of the product stay in registers while their sums grow, and what
// remains of them is the sum of their squares. Zeros that the matrix has at the left of 32 rows
// cost nothing: a matrix turned to triangular form (the map does not see a rotation) has a fifth of
// them. Sums are fp32 in the order of the depth: a row's bits hang on nothing but the row.
//
// In matrix units (product_tiles.h) factors of |e|^2 are two planes of bf16, 16 bits, and one where
// features are bf16: what each e is off by is independent of the others, so the sum of `dims`
// squares is off by sqrt(dims) times less, a millionth and some hundred thousandths
// (ltfm_rows_test). Not here: threads (a caller gives each of his own rows), the turning.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "adapters/kernels/isa.h"
#include "adapters/kernels/number.h"
#include "adapters/kernels/product_tiles.h"

namespace looktwice::kernels {

class LtfmRows {
 public:
  static constexpr std::int64_t kTileRows = 32;  // a caller's shares had best be of whole tiles

  LtfmRows() = default;
  // weight[dims][hidden], all >= 1; bias[dims], or null for none; features: what add() is given.
  LtfmRows(const void* weight, Number number, const float* bias, std::int64_t dims,
           std::int64_t hidden, Number features, Isa isa = best_isa());

  // What e . (other / |other| - selected / |selected|) is made of, already times scale: a product
  // of the features and a constant.
  struct Against {
    Words along = {};  // [hidden]
    float start = 0;
  };
  // prompts[2][dims]; selected: 0 or 1. Once for all rows and threads.
  Against against(const float* prompts, int selected = 1, float scale = 100) const;
  // features[rows][hidden]. room: kept from call to call by a thread.
  void add(const void* features, std::int64_t rows, const Against& against, float share, float* map,
           Words& room) const;

  bool empty() const { return dims_ == 0; }
  std::int64_t products_per_row() const;  // multiplications left of dims * hidden

 private:
  // Thirty-two rows of the matrix, and where their numbers begin.
  struct Pair {
    std::int64_t first = 0, begin = 0;  // column of the features; word of packed_
  };
  std::int64_t depth_from(std::int64_t first) const;
  void lay_out(const std::byte* features, std::int64_t rows, const Against& against, float* to,
               float* dots) const;
  void multiply(const Pair& pair, const float* x, const float* bias, std::int64_t rows, Later later,
                float* c) const;

  std::int64_t dims_ = 0, hidden_ = 0, products_ = 0;
  Number features_ = Number::f32;
  Isa isa_ = Isa::plain;
  int planes_ = 1;  // of features and weights in matrix units; elsewhere both are floats
  Word word_ = Word::one;
  std::vector<Pair> pairs_ = {};
  Words weight_ = {}, packed_ = {}, bias_ = {};
};

}  // namespace looktwice::kernels
