#include "adapters/kernels/topk_tokens.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "adapters/kernels/device.h"

namespace looktwice::kernels {
namespace {
constexpr int kTopBits = 11;  // sign, exponent, two bits of mantissa: 8 KiB of counters stay in L1

// Larger float, larger key. Adding 0 turns -0 into 0.
std::uint32_t key_of(float weight) {
  const auto bits = std::bit_cast<std::uint32_t>(weight + 0.0f);
  return bits ^ ((bits >> 31) != 0 ? 0xffffffffu : 0x80000000u);
}

// What splits the kept from the rest: all keys above `key` are kept, and the first `ties` that
// equal it.
struct Threshold {
  std::uint32_t key = 0;
  std::int64_t ties = 0;
};

// One counting pass finds the bucket of the k-th largest key; only that bucket is searched further.
Threshold threshold_of(const std::vector<std::uint32_t>& keys, std::int64_t k,
                       std::vector<std::uint32_t>& bucket) {
  std::array<std::int32_t, 1 << kTopBits> count = {};
  for (const std::uint32_t key : keys) ++count[key >> (32 - kTopBits)];
  std::size_t top = count.size() - 1;
  while (k > count[top]) k -= count[top--];
  bucket.clear();
  for (const std::uint32_t key : keys)
    if (key >> (32 - kTopBits) == top) bucket.push_back(key);
  const auto kth = bucket.begin() + (k - 1);
  std::nth_element(bucket.begin(), kth, bucket.end(), std::greater<>());
  return {.key = *kth,
          .ties = k - std::count_if(bucket.begin(), kth, [&](auto key) { return key > *kth; })};
}

std::size_t first_nan(const float* weight, std::size_t size) {
  return static_cast<std::size_t>(
      std::find_if(weight, weight + size, [](float w) { return std::isnan(w); }) - weight);
}
}  // namespace

void topk_tokens_cpu(const TopkTokens& shape, const float* weight, std::int32_t* kept) {
  if (shape.k == 0) return;
  std::vector<std::uint32_t> keys(static_cast<std::size_t>(shape.tokens));
  std::vector<std::uint32_t> bucket;
  for (int image = 0; image < shape.images; ++image) {
    std::transform(weight, weight + shape.tokens, keys.begin(), key_of);
    auto [key, ties] = threshold_of(keys, shape.k, bucket);
    for (std::int32_t token = 0; token < shape.tokens; ++token) {
      const std::uint32_t own = keys[static_cast<std::size_t>(token)];
      if (own > key || (own == key && ties-- > 0)) *kept++ = token;
    }
    weight += shape.tokens;
  }
}

void topk_tokens(const TopkTokens& shape, const float* weight, std::int32_t* kept, Stream stream) {
  const auto [images, tokens, k] = shape;
  if (images < 0 || tokens < 1 || tokens > kMostTokens || k < 0 || k > tokens)
    throw std::invalid_argument("topk_tokens: images " + std::to_string(images) + ", tokens " +
                                std::to_string(tokens) + ", k " + std::to_string(k));
  if (images == 0 || k == 0) return;
  if (stream.device == Stream::Device::cuda) {
    if constexpr (kCudaBuilt)
      return topk_tokens_cuda(shape, weight, kept, stream);
    else
      throw std::invalid_argument("topk_tokens: " + cuda_devices().why_none);
  }
  const std::size_t size = static_cast<std::size_t>(images) * static_cast<std::size_t>(tokens);
  if (const std::size_t at = first_nan(weight, size); at < size)
    throw std::invalid_argument("topk_tokens: weight of token " + std::to_string(at % tokens) +
                                " of image " + std::to_string(at / tokens) + " is NaN");
  topk_tokens_cpu(shape, weight, kept);
}

}  // namespace looktwice::kernels
