// Products of many rows with large matrices on the CPU, whose weights stay as narrow as they are
// stored: a stretch of a matrix becomes fp32 panels in the second cache just before all rows are
// multiplied with it, so wide copies of weights are never kept, and what follows a product is done
// while its numbers are still in the cache. Sums are fp32.
// Not here: few rows, which the memory bounds (row_products.h); matrices that are used again and
// again by small batches (panels.h, whose tiles are used). Source: Goto and van de Geijn 2008.
#pragma once

#include <cstdint>
#include <span>

#include "adapters/nn/factors.h"
#include "adapters/nn/isa.h"
#include "adapters/nn/row_products.h"

namespace looktwice::nn {

// gelu: x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))), the "tanh" form.
enum class Then : std::uint8_t { nothing, gelu };

// What happens to a product.
struct Finish {
  bool add = false;  // to what y holds
  Then then = Then::nothing;
};

// For each matrix y[rows][out] = x weight^T + bias, or with `add` y += it; then `then`. x
// [rows][in]. factors bf16: x is rounded to bf16 where that is faster (Isa::amx). There x is laid
// out anew, a thousand rows at a time: 2 bytes a number, 6 for fp32. A row has the same bits for
// any number of rows and threads. Runs on LibTorch's threads.
void many_row_products(const float* x, std::int64_t rows, std::int64_t in,
                       std::span<const RowMatrix> matrices, Factors factors, Finish finish = {},
                       Isa isa = best_isa());

}  // namespace looktwice::nn
