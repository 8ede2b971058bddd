#include <cmath>
#include <cstdint>

#include "adapters/kernels/lanes.h"
#include "adapters/kernels/ltfm_fused.h"

namespace looktwice::kernels {
namespace {

double value(const void* numbers, Number number, std::int64_t place) {
  if (number == Number::f32) return float_of(static_cast<const F32*>(numbers)[place]);
  if (number == Number::bf16) return float_of(static_cast<const Bf16*>(numbers)[place]);
  return float_of(static_cast<const F16*>(numbers)[place]);
}

}  // namespace

void ltfm_fused_ref(const LtfmFused& shape, const void* const* features, const void* const* weights,
                    const float* const* biases, const float* prompts, float* map) {
  const double share = shape.share != 0 ? shape.share : 1.0 / shape.levels;
  const auto rows = static_cast<std::int64_t>(shape.tiles) * shape.tokens;
  for (std::int64_t row = 0; row < rows; ++row) {
    double sum = 0;
    for (int level = 0; level < shape.levels; ++level) {
      double norm = 0, dot[2] = {}, prompt_norm[2] = {};
      for (std::int64_t d = 0; d < shape.dims; ++d) {
        double e = biases ? biases[level][d] : 0;
        for (std::int64_t h = 0; h < shape.hidden; ++h)
          e += value(features[level], shape.number, row * shape.hidden + h) *
               value(weights[level], shape.number, d * shape.hidden + h);
        norm += e * e;
        for (std::int64_t p = 0; p < 2; ++p) {
          const double prompt = prompts[(2 * std::int64_t{level} + p) * shape.dims + d];
          dot[p] += e * prompt;
          prompt_norm[p] += prompt * prompt;
        }
      }
      double logit[2] = {};
      for (int p = 0; p < 2; ++p)
        logit[p] = shape.scale * dot[p] / std::sqrt(norm * prompt_norm[p]);
      const int own = shape.selected;
      sum += share / (1 + std::exp(logit[1 - own] - logit[own]));
    }
    map[row] = static_cast<float>(sum);
  }
}

}  // namespace looktwice::kernels
