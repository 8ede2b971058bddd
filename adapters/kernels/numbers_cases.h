// Random numbers for the cases of kernels, stored as fp32, bf16 or fp16. The stored number is the
// truth: reference and kernel read the same bits.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "adapters/kernels/number.h"

namespace looktwice::kernels {

class RandomNumbers {
 public:
  explicit RandomNumbers(std::uint64_t seed) : state_(seed) {}

  // In [-1, 1).
  float next() {  // SplitMix64
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return static_cast<float>(static_cast<std::int64_t>(z ^ (z >> 31))) * 0x1p-63f;
  }

  std::vector<float> floats(std::size_t count, float low = -1, float high = 1) {
    std::vector<float> made(count);
    for (float& value : made) value = low + (high - low) * 0.5f * (next() + 1);
    return made;
  }

  // Bytes of `count` numbers; two of each fp16 exponent and sign come by, bf16 is a cut float.
  std::vector<std::byte> stored(std::size_t count, Number number) {
    std::vector<std::byte> made(count * bytes_of(number));
    for (std::size_t i = 0; i < count; ++i) {
      const float value = next();
      std::uint32_t bits;
      std::memcpy(&bits, &value, sizeof bits);
      std::uint16_t half = static_cast<std::uint16_t>(bits >> 16);
      if (number == Number::f16) {  // |value| < 1: subnormals included, nothing overflows
        const int scaled = static_cast<int>(std::ldexp(value, 10));
        half = static_cast<std::uint16_t>(half_of(scaled));
      }
      if (number == Number::f32)
        std::memcpy(&made[i * 4], &value, 4);
      else
        std::memcpy(&made[i * 2], &half, 2);
    }
    return made;
  }

 private:
  // fp16 bits of n / 1024 for |n| <= 1024: exact.
  static unsigned half_of(int n) {
    const unsigned sign = n < 0 ? 0x8000u : 0u;
    unsigned magnitude = static_cast<unsigned>(n < 0 ? -n : n);
    if (magnitude == 0) return sign;
    unsigned exponent = 15;
    while (magnitude < 1024) {
      magnitude <<= 1;
      --exponent;
    }
    return sign | exponent << 10 | (magnitude & 0x3ffu);
  }

  std::uint64_t state_;
};

}  // namespace looktwice::kernels
