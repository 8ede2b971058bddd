// Sixteen floats at once in plain C++: one source that the compiler turns into the vector code of
// the function it is in-lined into, so that a loop can be built for several machines and chosen
// when it runs. Internal to adapters/kernels.
#pragma once

#include <cstdint>
#include <cstring>

namespace looktwice::kernels {

#if defined(__x86_64__)
#define LOOKTWICE_X86_AVX2 __attribute__((target("avx2")))
#else
#define LOOKTWICE_X86_AVX2
#endif
#define LOOKTWICE_INLINE inline __attribute__((always_inline))

inline bool has_avx2() {
#if defined(__x86_64__)
  static const bool has = __builtin_cpu_supports("avx2");
  return has;
#else
  return false;
#endif
}

inline constexpr int kLanes = 16;
using Lanes = float __attribute__((vector_size(64)));
using LaneBits = std::uint32_t __attribute__((vector_size(64)));

// Elements as they lie in memory.
struct F32 {
  float value;
};
struct Bf16 {
  std::uint16_t bits;
};
struct F16 {
  std::uint16_t bits;
};

LOOKTWICE_INLINE float float_of(F32 x) {
  return x.value;
}
LOOKTWICE_INLINE float float_of(Bf16 x) {
  const std::uint32_t bits = std::uint32_t{x.bits} << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
// Exponent and fraction move to their places in a float, 2^112 mends the bias, subnormals included;
// infinity and NaN keep an exponent of ones.
LOOKTWICE_INLINE float float_of(F16 x) {
  const std::uint32_t magnitude = std::uint32_t{x.bits & 0x7fffu} << 13;
  float value;
  std::memcpy(&value, &magnitude, sizeof value);
  value *= 0x1p112f;
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  if (magnitude >= 0x0f800000u) bits |= 0x7f800000u;
  bits |= std::uint32_t{x.bits & 0x8000u} << 16;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

LOOKTWICE_INLINE void load(const F32* from, Lanes& to) {
  std::memcpy(&to, from, sizeof to);
}
LOOKTWICE_INLINE void load(const Bf16* from, Lanes& to) {
  LaneBits bits;
  for (int i = 0; i < kLanes; ++i) bits[i] = std::uint32_t{from[i].bits} << 16;
  std::memcpy(&to, &bits, sizeof to);
}
LOOKTWICE_INLINE void load(const F16* from, Lanes& to) {
  for (int i = 0; i < kLanes; ++i) to[i] = float_of(from[i]);
}
LOOKTWICE_INLINE void load(const float* from, Lanes& to) {
  std::memcpy(&to, from, sizeof to);
}
LOOKTWICE_INLINE void store(const Lanes& from, float* to) {
  std::memcpy(to, &from, sizeof from);
}

// In pairs, the same order on every machine.
LOOKTWICE_INLINE float sum_of(const Lanes& lanes) {
  float part[kLanes];
  std::memcpy(part, &lanes, sizeof part);
  for (int width = kLanes / 2; width > 0; width /= 2)
    for (int i = 0; i < width; ++i) part[i] += part[i + width];
  return part[0];
}

}  // namespace looktwice::kernels
