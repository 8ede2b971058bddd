// Products of many rows with a matrix that is used again and again, on the CPU: the matrix is laid
// out once in panels of 16 columns, and a tile of the result stays in registers while its sums
// grow. Not here: single rows (row_products.h), what happens between two products (text_rows.h),
// threads: a caller gives each of his own rows. Source: Goto and van de Geijn 2008.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "adapters/kernels/product_tiles.h"
#include "adapters/nn/factors.h"
#include "adapters/nn/isa.h"

namespace looktwice::nn {

using kernels::kColumns;
using kernels::kPanel;
using kernels::row_step;
using kernels::Tile;
using kernels::tiles;
using kernels::Word;
using kernels::Words;

// How factors lie in memory; planes: of Word::pair, see product_tiles.h. fp32 are floats, or in
// matrix units three bf16. bf16 are that in matrix units; elsewhere fp16 (more digits, less range;
// sums of 64 products in fp16, of those in fp32), pairs of bf16, or bf16 in floats. All other sums
// are fp32.
struct Layout {
  Word word = Word::one;
  int planes = 1;
};
inline Layout layout_of(Factors factors, Isa isa) {
  if (factors == Factors::fp32) return isa == Isa::amx ? Layout{Word::pair, 3} : Layout{};
  return isa == Isa::avx512_fp16   ? Layout{Word::halves}
         : isa >= Isa::avx512_bf16 ? Layout{Word::pair}
                                   : Layout{};
}

class Panels {
 public:
  Panels() = default;
  // weight[out][in]; bias[out] or nullptr: none.
  Panels(const float* weight, const float* bias, std::int64_t out, std::int64_t in, Factors factors,
         Isa isa = best_isa());

  // y[rows][y_step] = x weight^T + bias. x: of factor_rows(). y's columns from `out` to the end of
  // its last pair of panels become 0.
  void times(const float* x, std::int64_t x_step, std::int64_t rows, float* y,
             std::int64_t y_step) const;

  std::int64_t columns() const { return columns_; }  // `out`, up to whole pairs of panels

 private:
  std::int64_t pair_words() const;

  Words words_ = {}, bias_ = {};
  std::int64_t depth_ = 0, columns_ = 0;  // depth: words of a plane
  Layout layout_ = {};
  Isa isa_ = Isa::plain;
};

// Rows as a product takes them: floats stay where they are, all else is laid out in `room`. What is
// beyond fp16 becomes infinite there.
struct FactorRows {
  const float* x = nullptr;
  std::int64_t step = 0;
};
FactorRows factor_rows(const float* x, std::int64_t step, std::int64_t rows, std::int64_t size,
                       Factors factors, Isa isa, Words& room);

// y[rows][out] = x[rows][in] weight[out][in]^T + bias[out], one number after the other, in double:
// what the test compares with.
void panels_ref(const float* x, std::int64_t rows, const float* weight, const float* bias,
                std::int64_t out, std::int64_t in, Factors factors, float* y);

}  // namespace looktwice::nn
