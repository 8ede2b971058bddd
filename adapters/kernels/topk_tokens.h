// Keeps the k tokens of largest weight in their original order; equal weights: the earlier token.
// weight[images][tokens] -> kept[images][k], numbers of tokens, ascending. -0 equals 0; infinities
// have their place. Not here: scores of the tokens, gathering their features.
#pragma once

#include <cstdint>

#include "adapters/kernels/stream.h"

namespace looktwice::kernels {

struct TopkTokens {
  int images = 1;
  int tokens = 1;  // 1 .. kMostTokens
  int k = 1;       // 0 .. tokens
};
inline constexpr int kMostTokens = 65536;

// Runs where the stream is. A shape outside the limits is std::invalid_argument, and so is a NaN on
// the CPU; a CUDA queue cannot throw, so every kept of an image with a NaN is kNotKept there.
void topk_tokens(const TopkTokens&, const float* weight, std::int32_t* kept, Stream stream = {});
inline constexpr std::int32_t kNotKept = -1;

// The parts, for test and bench. They trust the shape; ref and cpu trust that there is no NaN.
void topk_tokens_ref(const TopkTokens&, const float* weight, std::int32_t* kept);
void topk_tokens_cpu(const TopkTokens&, const float* weight, std::int32_t* kept);
void topk_tokens_cuda(const TopkTokens&, const float* weight, std::int32_t* kept,
                      Stream);  // CUDA build only

}  // namespace looktwice::kernels
