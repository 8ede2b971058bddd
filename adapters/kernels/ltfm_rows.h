// Look-Twice Feature Matching on the CPU, straight from the vision model's features as ltfm_fused.h
// has it: the adaptor's matrix is laid out once, a few rows and columns of the product stay in
// registers while their sums grow, and what remains of them is two numbers per row, |e|^2 and
// e . (other / |other| - selected / |selected|), added up while the columns are near.
//   map[row] += share * softmax(scale * cos(weight x + bias, prompts[0..1]))[selected]
// Zeros that the matrix has at the left of 32 rows cost nothing: a matrix turned to triangular form
// (the map does not see a rotation) has a fifth of them. Sums are fp32 in the order of the depth: a
// row's bits hang on nothing but the row. In matrix units (product_tiles.h) features in fp32 and
// their weights are three bf16 each; in bf16 one and two, in fp16 two and two: a feature is itself
// and a weight has 16 bits, eight more than the released arithmetic rounds to. Not here: threads (a
// caller gives each of his own rows), the turning.
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

  struct How {
    int selected = 1;  // 0 or 1
    float scale = 100, share = 1;
  };
  // features[rows][hidden]; prompts[2][dims]. room: kept from call to call by a thread.
  void add(const void* features, std::int64_t rows, const float* prompts, const How& how,
           float* map, Words& room) const;

  bool empty() const { return dims_ == 0; }
  std::int64_t products_per_row() const;  // multiplications left of dims * hidden

 private:
  // Thirty-two rows of the matrix, and where their numbers begin.
  struct Pair {
    std::int64_t first = 0, begin = 0;  // column of the features; word of packed_
  };
  std::int64_t depth_from(std::int64_t first) const;
  void lay_out(const std::byte* features, std::int64_t rows, float* to) const;
  void multiply(const Pair& pair, const float* x, const float* bias, std::int64_t rows,
                float* c) const;

  std::int64_t dims_ = 0, hidden_ = 0, products_ = 0;
  Number features_ = Number::f32;
  Isa isa_ = Isa::plain;
  // Planes of a feature and of a weight in matrix units; elsewhere both are floats.
  int x_planes_ = 1, planes_ = 1;
  Word word_ = Word::one;
  std::vector<Pair> pairs_ = {};
  Words packed_ = {}, bias_ = {};
};

}  // namespace looktwice::kernels
