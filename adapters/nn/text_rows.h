// What an encoder does between its matrix products, on the CPU: the sum with a layer norm, GELU,
// and attention within one text (or of the patches of one picture). Rows are fp32; their columns
// beyond `size`, up to whole pairs of panels, are zero and stay so. Not here: products with weights
// (panels.h), threads. Sources: Ba et al. 2016 (layer norm); Hendrycks and Gimpel 2016 (GELU, by
// erf); Vaswani et al. 2017.
#pragma once

#include <cstdint>

#include "adapters/nn/panels.h"

namespace looktwice::nn {

// x / 2 (1 + erf(x / sqrt 2)), in place; within 3e-7 + 3e-7 |x|.
void gelu_rows(float* x, std::int64_t step, std::int64_t rows, std::int64_t size, Isa isa);

// (y - mean) / sqrt(variance + eps) * weight + bias of y = x + more (nullptr: x), into x.
struct Norm {
  const float *weight = nullptr, *bias = nullptr;  // [size]
  double eps = 1e-12;
};
void add_norm_rows(float* x, const float* more, std::int64_t step, std::int64_t rows,
                   std::int64_t size, const Norm& norm, Isa isa);

// No number is infinite or none.
bool finite_rows(const float* x, std::int64_t step, std::int64_t rows, std::int64_t size, Isa isa);

// Memory of attention, kept from text to text.
struct AttentionRoom {
  Words keys = {}, values = {}, scores = {}, out = {};
};

// softmax(q k^T / sqrt(width) + bias) v for each head. q, k, v: [length][step], of which
// [heads][width]; bias[heads][length][length] or nullptr; out[length][out_step].
struct Attention {
  std::int64_t heads = 1, width = 1, length = 1;
  const float *q = nullptr, *k = nullptr, *v = nullptr;
  std::int64_t step = 0;
  const float* bias = nullptr;
  float* out = nullptr;
  std::int64_t out_step = 0;
};
void attend(const Attention& text, Isa isa, AttentionRoom& room);

}  // namespace looktwice::nn
