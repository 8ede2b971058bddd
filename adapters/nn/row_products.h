// Products of a few rows with large matrices on the CPU: what a decoder does for each new token.
// Such a product reads every weight once and does next to nothing with it, so the numbers per
// second are the memory's: weights stay as narrow as they are stored and become fp32 in registers,
// and each block of them is asked for while the one before is used, since the machine itself does
// not look beyond a page.
// Not here: many rows (a matrix product, LibTorch's), what else a decoder does (decoder_rows.h).
#pragma once

#include <cstdint>
#include <span>

#include "adapters/nn/isa.h"

namespace looktwice::nn {

enum class WeightBits : std::uint8_t { fp32, bf16, fp16 };

struct RowMatrix {
  const void* weight = nullptr;  // [out][in]
  WeightBits bits = WeightBits::fp32;
  const float* bias = nullptr;  // [out], or none
  std::int64_t out = 0;
  float* y = nullptr;  // [rows][out]
};

// isa: which form of the loops runs. All give a row the same bits for any number of rows and
// threads; they differ among each other by rounding.

// For each matrix y = x weight^T + bias, or with `add` y += it. x [rows][in]; fp32 sums. Runs on
// LibTorch's threads.
void row_products(const float* x, std::int64_t rows, std::int64_t in,
                  std::span<const RowMatrix> matrices, bool add = false, Isa isa = best_isa());

// y [rows][gate.out] = silu(x gate^T) * (x up^T), which the feed-forward part of a decoder wants.
// Both have the same `out` and no bias; their own `y` is not looked at.
void gated_products(const float* x, std::int64_t rows, std::int64_t in, const RowMatrix& gate,
                    const RowMatrix& up, float* y, Isa isa = best_isa());

// from[count] -> to[count]
void widen(const void* from, WeightBits bits, std::int64_t count, float* to, Isa isa = best_isa());

}  // namespace looktwice::nn
