#include "adapters/kernels/ltfm.h"

#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "adapters/kernels/device.h"
#include "adapters/kernels/lanes.h"
#include "adapters/kernels/ltfm_difference.h"

namespace looktwice::kernels {
namespace {

template <class Element>
LOOKTWICE_INLINE void add_level(const Ltfm& shape, float share, const Element* features,
                                const float* bias, const float* difference, float* map) {
  const int dims = shape.dims, whole = dims / kLanes * kLanes;
  const auto rows = static_cast<std::int64_t>(shape.tiles) * shape.tokens;
  for (std::int64_t row = 0; row < rows; ++row, features += dims) {
    Lanes dots = {}, norms = {};
    for (int d = 0; d < whole; d += kLanes) {
      Lanes e, b, p;
      load(features + d, e);
      if (bias) {
        load(bias + d, b);
        add(b, e);
      }
      load(difference + d, p);
      add_product(e, p, dots);
      add_product(e, e, norms);
    }
    float dot = sum_of(dots), norm = sum_of(norms);
    for (int d = whole; d < dims; ++d) {
      const float e = float_of(features[d]) + (bias ? bias[d] : 0.0f);
      dot += e * difference[d];
      norm += e * e;
    }
    map[row] += share / (1.0f + std::exp(dot / std::sqrt(norm)));
  }
}

template <class Element>
LOOKTWICE_X86_AVX2 void add_level_avx2(const Ltfm& shape, float share, const Element* features,
                                       const float* bias, const float* difference, float* map) {
  add_level(shape, share, features, bias, difference, map);
}

template <class Element>
void add_level_plain(const Ltfm& shape, float share, const Element* features, const float* bias,
                     const float* difference, float* map) {
  add_level(shape, share, features, bias, difference, map);
}

template <class Element>
void add_levels(const Ltfm& shape, const Element* features, const float* bias, const float* prompts,
                float* map) {
  const float share = shape.share != 0 ? shape.share : 1.0f / static_cast<float>(shape.levels);
  const auto rows = static_cast<std::int64_t>(shape.tiles) * shape.tokens;
  std::vector<float> difference(static_cast<std::size_t>(shape.dims));
  for (std::int64_t row = 0; row < rows; ++row) map[row] = 0;
  for (std::int64_t level = 0; level < shape.levels; ++level) {
    prompt_difference(prompts + 2 * level * shape.dims, shape.dims, shape.selected, shape.scale,
                      difference.data());
    const Element* own = features + level * rows * shape.dims;
    const float* own_bias = bias ? bias + level * shape.dims : nullptr;
    if (has_avx2())
      add_level_avx2(shape, share, own, own_bias, difference.data(), map);
    else
      add_level_plain(shape, share, own, own_bias, difference.data(), map);
  }
}

}  // namespace

void ltfm_cpu(const Ltfm& shape, const void* features, const float* bias, const float* prompts,
              float* map) {
  if (shape.number == Number::f32)
    add_levels(shape, static_cast<const F32*>(features), bias, prompts, map);
  else if (shape.number == Number::bf16)
    add_levels(shape, static_cast<const Bf16*>(features), bias, prompts, map);
  else
    add_levels(shape, static_cast<const F16*>(features), bias, prompts, map);
}

void ltfm(const Ltfm& shape, const void* features, const float* bias, const float* prompts,
          float* map, Stream stream) {
  if (shape.levels < 1 || shape.tiles < 1 || shape.tokens < 1 || shape.dims < 1 ||
      shape.dims > kMostLtfmDims || shape.selected < 0 || shape.selected > 1)
    throw std::invalid_argument(
        "ltfm: levels " + std::to_string(shape.levels) + ", tiles " + std::to_string(shape.tiles) +
        ", tokens " + std::to_string(shape.tokens) + ", dims " + std::to_string(shape.dims) +
        ", selected " + std::to_string(shape.selected));
  if (stream.device == Stream::Device::cuda) {
    if constexpr (kCudaBuilt)
      return ltfm_cuda(shape, features, bias, prompts, map, stream);
    else
      throw std::invalid_argument("ltfm: " + cuda_devices().why_none);
  }
  ltfm_cpu(shape, features, bias, prompts, map);
}

}  // namespace looktwice::kernels
