// Sixteen floats at once in plain C++: one source that the compiler turns into the vector code of
// the function it is in-lined into, so that a loop can be built for several machines and chosen
// when it runs. Internal to adapters/kernels.
#pragma once

#include <cstdint>
#include <cstring>

#include "adapters/kernels/number.h"

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

// Two vectors of eight, as AVX2 has them: GCC keeps one of sixteen on the stack there, at a tenth
// of the speed. By reference everywhere: such vectors have no calling convention without AVX.
inline constexpr int kLanes = 16, kHalf = kLanes / 2;
using HalfLanes = float __attribute__((vector_size(32)));
using HalfBits = std::uint32_t __attribute__((vector_size(32)));
using HalfShorts = std::uint16_t __attribute__((vector_size(16)));
struct Lanes {
  HalfLanes low, high;
};

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

// of: given x with the type of its elements.
inline void as_elements(const void* x, Number number, const auto& of) {
  if (number == Number::f32)
    of(static_cast<const F32*>(x));
  else if (number == Number::bf16)
    of(static_cast<const Bf16*>(x));
  else
    of(static_cast<const F16*>(x));
}

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

LOOKTWICE_INLINE void load(const F32* from, HalfLanes& to) {
  std::memcpy(&to, from, sizeof to);
}
LOOKTWICE_INLINE void load(const Bf16* from, HalfLanes& to) {
  HalfShorts shorts;
  std::memcpy(&shorts, from, sizeof shorts);
  const HalfBits bits = __builtin_convertvector(shorts, HalfBits) << 16;
  std::memcpy(&to, &bits, sizeof to);
}
// As float_of(F16), eight at a time.
LOOKTWICE_INLINE void load(const F16* from, HalfLanes& to) {
  HalfShorts shorts;
  std::memcpy(&shorts, from, sizeof shorts);
  const HalfBits wide = __builtin_convertvector(shorts, HalfBits);
  const HalfBits magnitude = (wide & 0x7fffu) << 13, sign = (wide & 0x8000u) << 16;
  std::memcpy(&to, &magnitude, sizeof to);
  to *= 0x1p112f;
  HalfBits bits;
  std::memcpy(&bits, &to, sizeof bits);
  // The comparison has all bits set where it holds.
  const auto no_number = reinterpret_cast<HalfBits>(magnitude >= 0x0f800000u);
  bits |= (no_number & 0x7f800000u) | sign;
  std::memcpy(&to, &bits, sizeof to);
}
LOOKTWICE_INLINE void load(const float* from, HalfLanes& to) {
  std::memcpy(&to, from, sizeof to);
}
template <class Element>
LOOKTWICE_INLINE void load(const Element* from, Lanes& to) {
  load(from, to.low);
  load(from + kHalf, to.high);
}
LOOKTWICE_INLINE void store(const Lanes& from, float* to) {
  std::memcpy(to, &from.low, sizeof from.low);
  std::memcpy(to + kHalf, &from.high, sizeof from.high);
}

// to += x; to += x * y, rounded twice.
LOOKTWICE_INLINE void add(const Lanes& x, Lanes& to) {
  to.low += x.low;
  to.high += x.high;
}
LOOKTWICE_INLINE void add_product(const Lanes& x, const Lanes& y, Lanes& to) {
  to.low += x.low * y.low;
  to.high += x.high * y.high;
}
LOOKTWICE_INLINE void add_product(float x, const Lanes& y, Lanes& to) {
  to.low += x * y.low;
  to.high += x * y.high;
}

// In pairs, the same order on every machine.
LOOKTWICE_INLINE float sum_of(const Lanes& lanes) {
  float part[kLanes];
  store(lanes, part);
  for (int width = kLanes / 2; width > 0; width /= 2)
    for (int i = 0; i < width; ++i) part[i] += part[i + width];
  return part[0];
}

}  // namespace looktwice::kernels
