// Sixteen floats at a time in plain C++; becomes the vector code of the function that it is
// inlined into. Internal to adapters/nn; for .cc files only.
#pragma once

#include <cstdint>
#include <cstring>

#define LOOKTWICE_INLINE inline __attribute__((always_inline))

namespace looktwice::nn {

inline constexpr int kLanes = 16;
using Lanes = float __attribute__((vector_size(64)));
using LaneBits = std::int32_t __attribute__((vector_size(64)));

LOOKTWICE_INLINE void load(const float* from, Lanes& to) {
  std::memcpy(&to, from, sizeof to);
}
LOOKTWICE_INLINE void store(const Lanes& from, float* to) {
  std::memcpy(to, &from, sizeof from);
}
LOOKTWICE_INLINE float sum_of(const Lanes& lanes) {
  using Half = float __attribute__((vector_size(32)));
  using Quarter = float __attribute__((vector_size(16)));
  Half halves[2];
  std::memcpy(halves, &lanes, sizeof halves);
  const Half half = halves[0] + halves[1];
  Quarter quarters[2];
  std::memcpy(quarters, &half, sizeof quarters);
  const Quarter quarter = quarters[0] + quarters[1];
  return (quarter[0] + quarter[2]) + (quarter[1] + quarter[3]);
}

// e^x for x <= 0 to 2 units in the last place: 2^n times a polynomial (Cephes' expf). Below -87: 0.
LOOKTWICE_INLINE void exponential(Lanes& x) {
  constexpr float kRounder = 12582912.0f;  // 1.5 * 2^23: what is added loses its fraction
  const Lanes scaled = x * 1.44269504f + kRounder;
  const Lanes whole = scaled - kRounder;
  const Lanes rest = (x - whole * 0.693359375f) + whole * 2.12194440e-4f;
  Lanes sum = rest * 1.9875691500e-4f + 1.3981999507e-3f;
  sum = sum * rest + 8.3334519073e-3f;
  sum = sum * rest + 4.1665795894e-2f;
  sum = sum * rest + 1.6666665459e-1f;
  sum = sum * rest + 5.0000001201e-1f;
  sum = sum * rest * rest + rest + 1.0f;
  LaneBits bits, power;
  std::memcpy(&bits, &sum, sizeof bits);
  std::memcpy(&power, &scaled, sizeof power);
  bits += (power - 0x4B400000) << 23;
  std::memcpy(&sum, &bits, sizeof sum);
  x = x < -87.0f ? Lanes{} : sum;
}

}  // namespace looktwice::nn
