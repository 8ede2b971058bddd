// A float as a signed integer of the same order: comparing the integers compares the floats. -0 and
// +0 are one value. Not here: NaN, which has no place in an order; check is_finite first.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace looktwice::metrics {

inline bool is_finite(float value) {
  return (std::bit_cast<std::uint32_t>(value) & 0x7fffffffU) < 0x7f800000U;
}

inline std::int32_t ordered_bits(float value) {
  const auto bits = std::bit_cast<std::int32_t>(value + 0.0F);  // -0 + 0 is +0
  return bits ^ ((bits >> 31) & 0x7fffffff);
}

inline float from_ordered_bits(std::int32_t ordered) {
  return std::bit_cast<float>(ordered ^ ((ordered >> 31) & 0x7fffffff));
}

// The smallest float that is not below `threshold`: scores are compared with a threshold as it is,
// in double.
inline float smallest_float_from(double threshold) {
  const auto rounded = static_cast<float>(threshold);
  return static_cast<double>(rounded) < threshold
             ? std::nextafter(rounded, std::numeric_limits<float>::infinity())
             : rounded;
}

// The leading 16 of them as an index that grows with the float.
inline std::uint32_t leading_bits(std::int32_t ordered) {
  return (static_cast<std::uint32_t>(ordered) ^ 0x80000000U) >> 16;
}

}  // namespace looktwice::metrics
