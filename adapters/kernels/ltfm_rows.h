// Look-Twice Feature Matching on the CPU, straight from the vision model's features as ltfm_fused.h
// has it: the adaptor's matrix is laid out once, a few rows and columns of the product stay in
// registers while their sums grow, and what remains of them is two numbers per row, |e|^2 and
// e . (other / |other| - selected / |selected|), added up while the columns are near.
//   map[row] += share * softmax(scale * cos(weight x + bias, prompts[0..1]))[selected]
// Zeros that the matrix has at the left of 32 rows cost nothing: a matrix turned to triangular form
// (the map does not see a rotation) has a fifth of them. Sums are fp32 in the order of the depth: a
// row's bits hang on nothing but the row. Source: Goto and van de Geijn 2008. Not here: threads (a
// caller gives each of his own rows), the turning.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "adapters/kernels/number.h"
#include "adapters/kernels/vectors.h"

namespace looktwice::kernels {

// Floats at a cache line, not yet written.
class AlignedFloats {
 public:
  AlignedFloats() = default;
  explicit AlignedFloats(std::size_t count);
  float* data() { return values_.get(); }
  const float* data() const { return values_.get(); }
  std::size_t size() const { return size_; }

 private:
  struct Free {
    void operator()(float* values) const;
  };
  std::unique_ptr<float[], Free> values_ = {};
  std::size_t size_ = 0;
};

class LtfmRows {
 public:
  static constexpr std::int64_t kTileRows = 14;  // a caller's shares had best be of whole tiles

  LtfmRows() = default;
  // weight[dims][hidden], all >= 1; bias[dims], or null for none.
  LtfmRows(const void* weight, Number number, const float* bias, std::int64_t dims,
           std::int64_t hidden, Vectors vectors = best_vectors());

  struct How {
    int selected = 1;  // 0 or 1
    float scale = 100, share = 1;
  };
  // Rows of features with their numbers; prompts[2][dims]. room: kept from call to call by a
  // thread.
  void add(const void* features, Number number, std::int64_t rows, const float* prompts,
           const How& how, float* map, AlignedFloats& room) const;

  bool empty() const { return dims_ == 0; }
  std::int64_t products_per_row() const;  // multiplications left of dims * hidden

 private:
  // Thirty-two rows of the matrix, and where their numbers begin.
  struct Pair {
    std::int64_t first = 0, begin = 0;  // column of the features; place in packed_
  };
  std::int64_t dims_ = 0, hidden_ = 0;
  Vectors vectors_ = Vectors::plain;
  std::vector<Pair> pairs_ = {};
  AlignedFloats packed_ = {}, bias_ = {};
};

}  // namespace looktwice::kernels
