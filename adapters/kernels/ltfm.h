// Look-Twice Feature Matching of Anomaly-OneVision: how much nearer each token is to the abnormal
// prompt than to the normal one, averaged over the levels of the vision model.
//   e = features[level][tile][token][dims] + bias[level][dims]
//   map[tile][token] = sum over levels of share * softmax(scale * cos(e,
//   prompts[level][0..1]))[selected]
// Norms have no epsilon, as in the released code: a token or prompt of zeros is NaN. Released:
// selected 1, scale 100, share 1 / levels. Source: arXiv 2502.07601, equations 3 to 5;
// anomaly_expert.py of the released code. Not here: the products that give features and prompts.
#pragma once

#include "adapters/kernels/number.h"
#include "adapters/kernels/stream.h"

namespace looktwice::kernels {

struct Ltfm {
  int levels = 1, tiles = 1, tokens = 1, dims = 1;  // all >= 1, dims up to kMostLtfmDims
  Number number = Number::f32;                      // of the features; all else is float
  int selected = 1;                                 // 0 or 1
  float scale = 100;
  float share = 0;  // 0: 1 / levels
};
inline constexpr int kMostLtfmDims = 4096;

// bias: null for none. Runs where the stream is. A shape outside the limits is
// std::invalid_argument. Sums are floats in a fixed order: the same bits for the same machine.
void ltfm(const Ltfm& shape, const void* features, const float* bias, const float* prompts,
          float* map, Stream stream = {});

void ltfm_ref(const Ltfm& shape, const void* features, const float* bias, const float* prompts,
              float* map);
void ltfm_cpu(const Ltfm& shape, const void* features, const float* bias, const float* prompts,
              float* map);
// CUDA build only.
void ltfm_cuda(const Ltfm& shape, const void* features, const float* bias, const float* prompts,
               float* map, Stream stream);

}  // namespace looktwice::kernels
