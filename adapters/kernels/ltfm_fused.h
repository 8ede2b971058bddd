// Look-Twice Feature Matching straight from the vision model's features: the adaptor's product and
// ltfm's matching (ltfm.h) in one kernel, so that the levels x tokens x dims adapted features are
// never written.
//   e = features[level][row] . weight[level]' + bias[level]
//   map[row] = sum over levels of share * softmax(scale * cos(e, prompts[level][0..1]))[selected]
// The softmax of two is a logistic of their difference, so each row needs two sums over e only:
// |e|^2 and e . (other / |other| - selected / |selected|). Norms have no epsilon, as in ltfm.
// Sums are fp32 whatever the numbers; fp32 on a GPU is three TF32 products (high x high, high x
// low, low x high) whose parts are added outside the tensor cores, so no bits of fp32 are given up.
// Source: arXiv 2502.07601, equations 3 to 5; splitting: Ootomo and Yokota 2022. Not here: the
// prompts.
#pragma once

#include <string>

#include "adapters/kernels/number.h"
#include "adapters/kernels/stream.h"

namespace looktwice::kernels {

struct LtfmFused {
  int levels = 1;               // 1 .. kMostFusedLevels
  int tiles = 1, tokens = 1;    // all >= 1; rows = tiles * tokens
  int hidden = 1, dims = 1;     // up to kMostFusedWidth each
  Number number = Number::f32;  // of features and weights; all else is float
  int selected = 1;             // 0 or 1
  float scale = 100;
  float share = 0;  // 0: 1 / levels
};
inline constexpr int kMostFusedLevels = 8, kMostFusedWidth = 65536;

// Why the GPU kernel cannot take this shape; empty when it can. Then do the product with a library
// and the matching with ltfm(). Rows of features must start at multiples of 16 bytes.
std::string ltfm_fused_refusal(const LtfmFused& shape,
                               Stream stream = {.device = Stream::Device::cuda});

// features[levels] point to [rows][hidden], weights[levels] to [dims][hidden], biases[levels] to
// [dims] (biases null: none); the arrays of pointers are the host's. prompts[levels][2][dims] ->
// map[rows]. Runs where the stream is. A shape outside the limits or, on a GPU, one that
// ltfm_fused_refusal() names is std::invalid_argument. The same bits for the same machine.
void ltfm_fused(const LtfmFused& shape, const void* const* features, const void* const* weights,
                const float* const* biases, const float* prompts, float* map, Stream stream = {});

void ltfm_fused_ref(const LtfmFused& shape, const void* const* features, const void* const* weights,
                    const float* const* biases, const float* prompts, float* map);
void ltfm_fused_cpu(const LtfmFused& shape, const void* const* features, const void* const* weights,
                    const float* const* biases, const float* prompts, float* map);
// CUDA build only. The second: with the instructions of sm_90a, on such a device and 16-bit
// numbers; ltfm_fused_cuda() chooses.
void ltfm_fused_cuda(const LtfmFused& shape, const void* const* features,
                     const void* const* weights, const float* const* biases, const float* prompts,
                     float* map, Stream stream);

}  // namespace looktwice::kernels
