// Products of a few rows with a large matrix on the CPU: what a decoder does for each new token.
// Such a product reads every weight once and does next to nothing with it, so the numbers per
// second are the memory's. LibTorch's own for bf16 reaches a third of that where the processor has
// no bf16 instructions; here the weights stay 16 bits wide in memory and become fp32 in registers.
// Not here: many rows (a matrix product, LibTorch's).
#pragma once

#include <cstdint>

namespace looktwice::nn {

enum class WeightBits : std::uint8_t { fp32, bf16, fp16 };

// y[rows][out] = x[rows][in] weight[out][in]^T + bias[out] (nullptr: none), fp32 sums in an order
// that depends on neither rows nor threads. Runs on LibTorch's threads.
void row_products(const float* x, std::int64_t rows, const void* weight, WeightBits bits,
                  const float* bias, std::int64_t out, std::int64_t in, float* y);

// The same, one number after the other: what the test compares with, and what runs without AVX2.
void row_products_ref(const float* x, std::int64_t rows, const void* weight, WeightBits bits,
                      const float* bias, std::int64_t out, std::int64_t in, float* y);

// x[rows][size] / sqrt(mean of squares + eps) * weight[size]
void rms_norm_rows(const float* x, std::int64_t rows, std::int64_t size, const float* weight,
                   float eps, float* y);

// Turns pairs (i, i + size / 2) of each head by the angle of its row; cos, sin [rows][size / 2].
// x[rows][heads][size], in place.
void rotate_rows(float* x, std::int64_t rows, std::int64_t heads, std::int64_t size,
                 const float* cos, const float* sin);

}  // namespace looktwice::nn
