// The visual token selector of Anomaly-OneVision, in three steps over tiles of grid x grid tokens.
//   token_pool:   pooled[tile][w] = mean of map over window w; query = mean of map * features over
//                 w, divided by pooled where `divide` (released code; the paper prints none)
//   token_attend: token[tile][w] = sum over positions of softmax(scale * query . feature) *
//   feature,
//                 where `query` has been through the Q-Former's two projections already: the key
//                 projection is a constant matrix, so W_k' (W_q q + b_q) . f gives the same scores
//                 as (W_q q + b_q) . (W_k f + b_k) up to a constant that softmax does not see
//   token_mean:   global = sum(weight * token) / sum(weight) over all tiles and windows
// The four windows of nn.AdaptiveAvgPool2d(2): [0, ceil(grid / 2)) and [floor(grid / 2), grid),
// which share the middle row and column of an odd grid. A pooled map of 0 makes its query NaN or
// infinite, as released. Source: anomaly_expert.py; arXiv 2502.07601, equations 6 to 9.
#pragma once

#include "adapters/kernels/isa.h"
#include "adapters/kernels/number.h"
#include "adapters/kernels/stream.h"

namespace looktwice::kernels {

inline constexpr int kWindows = 4;
inline constexpr int kMostGrid = 256, kMostTiles = 65535;

struct TokenSelect {
  int tiles = 1, grid = 1, dims = 1;  // all >= 1, tiles and grid up to the most
  Number number = Number::f32;        // of the features; all else is float
  bool divide = true;
  float scale = 1;  // 1 / sqrt(dims of the attention)
};

// features[tiles][grid * grid][dims], map[tiles][grid * grid] -> query[tiles][4][dims],
// pooled[tiles][4]. Shapes outside the limits are std::invalid_argument.
void token_pool(const TokenSelect& shape, const void* features, const float* map, float* query,
                float* pooled, Stream stream = {});
// query[tiles][4][dims] -> token[tiles][4][dims]
void token_attend(const TokenSelect& shape, const void* features, const float* query, float* token,
                  Stream stream = {});
// token[tiles][4][dims], weight[tiles][4] -> global[dims]
void token_mean(const TokenSelect& shape, const float* token, const float* weight, float* global,
                Stream stream = {});

void token_pool_ref(const TokenSelect& shape, const void* features, const float* map, float* query,
                    float* pooled);
void token_attend_ref(const TokenSelect& shape, const void* features, const float* query,
                      float* token);
void token_mean_ref(const TokenSelect& shape, const float* token, const float* weight,
                    float* global);
void token_pool_cpu(const TokenSelect& shape, const void* features, const float* map, float* query,
                    float* pooled);
void token_attend_cpu(const TokenSelect& shape, const void* features, const float* query,
                      float* token);
// The two above by vectors that this machine has, for tests; _cpu takes the best.
void token_pool_by(Isa isa, const TokenSelect& shape, const void* features, const float* map,
                   float* query, float* pooled);
void token_attend_by(Isa isa, const TokenSelect& shape, const void* features, const float* query,
                     float* token);
// CUDA build only.
void token_pool_cuda(const TokenSelect& shape, const void* features, const float* map, float* query,
                     float* pooled, Stream stream);
void token_attend_cuda(const TokenSelect& shape, const void* features, const float* query,
                       float* token, Stream stream);
void token_mean_cuda(const TokenSelect& shape, const float* token, const float* weight,
                     float* global, Stream stream);

}  // namespace looktwice::kernels
