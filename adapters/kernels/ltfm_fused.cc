#include "adapters/kernels/ltfm_fused.h"

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "adapters/kernels/device.h"
#include "adapters/kernels/lanes.h"
#include "adapters/kernels/ltfm.h"

namespace looktwice::kernels {

std::string ltfm_fused_device_refusal(Stream stream);  // ltfm_fused_cuda.cu

namespace {

constexpr int kRows = 48;  // whose products stay in the cache until they are matched
constexpr int kTileRows = 3, kTileColumns = 4;  // dot products at once

// y[rows][dims]: kTileRows x kTileColumns products that share what they load.
template <int kDown, int kAcross, class Element>
LOOKTWICE_INLINE void tile(int hidden, const Element* x, const Element* w, int stride, float* y) {
  const int whole = hidden / kLanes * kLanes;
  Lanes sums[kDown][kAcross] = {};
  for (int h = 0; h < whole; h += kLanes) {
    Lanes right[kAcross];
    for (int c = 0; c < kAcross; ++c) load(w + std::ptrdiff_t{c} * hidden + h, right[c]);
    for (int r = 0; r < kDown; ++r) {
      Lanes left;
      load(x + std::ptrdiff_t{r} * hidden + h, left);
      for (int c = 0; c < kAcross; ++c) add_product(left, right[c], sums[r][c]);
    }
  }
  for (int r = 0; r < kDown; ++r)
    for (int c = 0; c < kAcross; ++c) {
      float sum = sum_of(sums[r][c]);
      for (int h = whole; h < hidden; ++h)
        sum += float_of(x[std::ptrdiff_t{r} * hidden + h]) *
               float_of(w[std::ptrdiff_t{c} * hidden + h]);
      y[std::ptrdiff_t{r} * stride + c] = sum;
    }
}

template <class Element>
LOOKTWICE_INLINE void multiply(int rows, int hidden, int dims, const Element* x, const Element* w,
                               float* y) {
  for (int d = 0; d < dims; d += kTileColumns)
    for (int r = 0; r < rows; r += kTileRows) {
      const Element* own_x = x + std::ptrdiff_t{r} * hidden;
      const Element* own_w = w + std::ptrdiff_t{d} * hidden;
      float* own_y = y + std::ptrdiff_t{r} * dims + d;
      if (r + kTileRows <= rows && d + kTileColumns <= dims) {
        tile<kTileRows, kTileColumns>(hidden, own_x, own_w, dims, own_y);
        continue;
      }
      for (int i = 0; i < std::min(kTileRows, rows - r); ++i)
        for (int j = 0; j < std::min(kTileColumns, dims - d); ++j)
          tile<1, 1>(hidden, own_x + std::ptrdiff_t{i} * hidden, own_w + std::ptrdiff_t{j} * hidden,
                     dims, own_y + std::ptrdiff_t{i} * dims + j);
    }
}

template <class Element>
LOOKTWICE_X86_AVX2 void multiply_avx2(int rows, int hidden, int dims, const Element* x,
                                      const Element* w, float* y) {
  multiply(rows, hidden, dims, x, w, y);
}
template <class Element>
void multiply_plain(int rows, int hidden, int dims, const Element* x, const Element* w, float* y) {
  multiply(rows, hidden, dims, x, w, y);
}

template <class Element>
void match(const LtfmFused& shape, const void* const* features, const void* const* weights,
           const float* const* biases, const float* prompts, float* map) {
  const auto rows = static_cast<std::int64_t>(shape.tiles) * shape.tokens;
  const auto product = has_avx2() ? multiply_avx2<Element> : multiply_plain<Element>;
  std::vector<float> y(static_cast<std::size_t>(kRows) * static_cast<std::size_t>(shape.dims));
  float part[kRows];
  Ltfm own{.dims = shape.dims, .selected = shape.selected, .scale = shape.scale};
  own.share = shape.share != 0 ? shape.share : 1.0f / static_cast<float>(shape.levels);
  std::fill_n(map, rows, 0.0f);
  for (std::int64_t level = 0; level < shape.levels; ++level)
    for (std::int64_t first = 0; first < rows; first += kRows) {
      own.tokens = static_cast<int>(std::min<std::int64_t>(kRows, rows - first));
      product(own.tokens, shape.hidden, shape.dims,
              static_cast<const Element*>(features[level]) + first * shape.hidden,
              static_cast<const Element*>(weights[level]), y.data());
      ltfm_cpu(own, y.data(), biases ? biases[level] : nullptr, prompts + 2 * level * shape.dims,
               part);
      for (int i = 0; i < own.tokens; ++i) map[first + i] += part[i];
    }
}

}  // namespace

void ltfm_fused_cpu(const LtfmFused& shape, const void* const* features, const void* const* weights,
                    const float* const* biases, const float* prompts, float* map) {
  if (shape.number == Number::f32)
    match<F32>(shape, features, weights, biases, prompts, map);
  else if (shape.number == Number::bf16)
    match<Bf16>(shape, features, weights, biases, prompts, map);
  else
    match<F16>(shape, features, weights, biases, prompts, map);
}

std::string ltfm_fused_refusal(const LtfmFused& shape, [[maybe_unused]] Stream stream) {
  if constexpr (!kCudaBuilt) return cuda_devices().why_none;
  if (static_cast<std::size_t>(shape.hidden) * bytes_of(shape.number) % 16 != 0)
    return "rows of " + std::to_string(shape.hidden) + " " + name_of(shape.number) +
           " do not start at multiples of 16 bytes";
  if (static_cast<std::int64_t>(shape.tiles) * shape.tokens > (std::int64_t{1} << 29))
    return "more than 2^29 rows";
  if constexpr (kCudaBuilt) return ltfm_fused_device_refusal(stream);
}

void ltfm_fused(const LtfmFused& shape, const void* const* features, const void* const* weights,
                const float* const* biases, const float* prompts, float* map, Stream stream) {
  if (shape.levels < 1 || shape.levels > kMostFusedLevels || shape.tiles < 1 || shape.tokens < 1 ||
      shape.hidden < 1 || shape.hidden > kMostFusedWidth || shape.dims < 1 ||
      shape.dims > kMostFusedWidth || shape.selected < 0 || shape.selected > 1)
    throw std::invalid_argument(
        "ltfm_fused: levels " + std::to_string(shape.levels) + ", tiles " +
        std::to_string(shape.tiles) + ", tokens " + std::to_string(shape.tokens) + ", hidden " +
        std::to_string(shape.hidden) + ", dims " + std::to_string(shape.dims) + ", selected " +
        std::to_string(shape.selected));
  if (stream.device != Stream::Device::cuda)
    return ltfm_fused_cpu(shape, features, weights, biases, prompts, map);
  if (const std::string why = ltfm_fused_refusal(shape, stream); !why.empty())
    throw std::invalid_argument("ltfm_fused: " + why);
  for (int level = 0; level < shape.levels; ++level)
    for (const void* rows : {features[level], weights[level]})
      if (reinterpret_cast<std::uintptr_t>(rows) % 16 != 0)
        throw std::invalid_argument("ltfm_fused: level " + std::to_string(level) +
                                    " does not start at a multiple of 16 bytes");
  if constexpr (kCudaBuilt) ltfm_fused_cuda(shape, features, weights, biases, prompts, map, stream);
}

}  // namespace looktwice::kernels
