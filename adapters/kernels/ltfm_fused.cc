#include "adapters/kernels/ltfm_fused.h"

#include <algorithm>
#include <cstdint>
#include <stdexcept>

#include "adapters/kernels/device.h"
#include "adapters/kernels/ltfm_rows.h"

namespace looktwice::kernels {

std::string ltfm_fused_device_refusal(Stream stream);  // ltfm_fused_cuda.cu

void ltfm_fused_cpu(const LtfmFused& shape, const void* const* features, const void* const* weights,
                    const float* const* biases, const float* prompts, float* map) {
  const auto rows = static_cast<std::int64_t>(shape.tiles) * shape.tokens;
  const float share = shape.share != 0 ? shape.share : 1.0f / static_cast<float>(shape.levels);
  Words room;
  std::fill_n(map, rows, 0.0f);
  for (std::int64_t level = 0; level < shape.levels; ++level) {
    const LtfmRows own(weights[level], shape.number, biases ? biases[level] : nullptr, shape.dims,
                       shape.hidden, shape.number);
    own.add(features[level], rows,
            own.against(prompts + 2 * level * shape.dims, shape.selected, shape.scale), share, map,
            room);
  }
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
