// A float as an unsigned integer of the same order: comparing the integers compares the floats. -0
// and +0 are one value, and 0 belongs to no finite float. Not here: NaN, which has no place in an
// order; check is_finite first.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace looktwice::metrics {

inline bool is_finite(float value) {
  return (std::bit_cast<std::uint32_t>(value) & 0x7fffffffU) < 0x7f800000U;
}

inline std::uint32_t pixel_key(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value + 0.0F);  // -0 + 0 is +0
  const auto negative = static_cast<std::uint32_t>(static_cast<std::int32_t>(bits) >> 31);
  return bits ^ (negative | 0x80000000U);
}

inline float from_pixel_key(std::uint32_t key) {
  return std::bit_cast<float>(key & 0x80000000U ? key ^ 0x80000000U : ~key);
}

// The smallest float that is not below `threshold`: scores are compared with a threshold as it is,
// in double.
inline float smallest_float_from(double threshold) {
  const auto rounded = static_cast<float>(threshold);
  return static_cast<double>(rounded) < threshold
             ? std::nextafter(rounded, std::numeric_limits<float>::infinity())
             : rounded;
}

}  // namespace looktwice::metrics
