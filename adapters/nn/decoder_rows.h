// What a decoder does on the CPU with few rows besides products: norms, rotary positions, attention
// of one token to its text. A row's result has the same bits for any number of rows and threads.
// Not here: products (row_products.h), many tokens at once (LibTorch's attention).
#pragma once

#include <cstdint>
#include <span>

#include "adapters/nn/row_products.h"

namespace looktwice::nn {

// x[rows][size] / sqrt(mean of squares + eps) * weight[size]
void rms_norm_rows(const float* x, std::int64_t rows, std::int64_t size, const float* weight,
                   float eps, float* y);

// Turns pairs (i, i + size / 2) of each head by the angle of its row; cos, sin [rows][size / 2].
// x[rows][heads][size], in place.
void rotate_rows(float* x, std::int64_t rows, std::int64_t heads, std::int64_t size,
                 const float* cos, const float* sin);

// One token looking at its text. keys, values: [kv_heads][room][size], of which `length` tokens are
// there.
struct Glance {
  const float* q = nullptr;  // [heads][size]
  const float *keys = nullptr, *values = nullptr;
  std::int64_t room = 0, length = 0;
  float* y = nullptr;  // [heads][size]
};
struct HeadShape {
  std::int64_t heads = 0, kv_heads = 0, size = 0;
};
// y = softmax(q keys^T / sqrt(size)) values, the heads in groups of heads / kv_heads on one key.
// Tokens are taken in blocks, of which each thread does some; so one long text keeps all busy.
void attend(std::span<const Glance> glances, const HeadShape& shape, Isa isa = best_isa());

}  // namespace looktwice::nn
