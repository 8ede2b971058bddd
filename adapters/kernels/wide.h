// Sixteen floats in one AVX-512 register, from elements as they lie in memory. Internal to
// adapters/kernels; for .cc files only.
#pragma once

#include <cstdint>

#include "adapters/kernels/isa.h"
#include "adapters/kernels/lanes.h"

#ifdef LOOKTWICE_X86
// GCC 12 takes the undefined registers in its own AVX-512 headers for mistakes (GCC bug 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <immintrin.h>

namespace looktwice::kernels {

LOOKTWICE_AVX512 inline __m512 loaded(const F32* x) {
  return _mm512_loadu_ps(x);
}
LOOKTWICE_AVX512 inline __m512 loaded(const Bf16* x) {
  const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x));
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}
LOOKTWICE_AVX512 inline __m512 loaded(const F16* x) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x)));
}

// What is there of sixteen numbers, zeros behind.
inline __mmask16 mask_of(std::int64_t count) {
  return static_cast<__mmask16>(count >= kLanes ? 0xFFFF : count <= 0 ? 0 : (1U << count) - 1);
}
LOOKTWICE_AVX512 inline __m512 some(const F32* x, std::int64_t count) {
  return _mm512_maskz_loadu_ps(mask_of(count), x);
}
LOOKTWICE_AVX512 inline __m512 some(const Bf16* x, std::int64_t count) {
  const __m512i wide = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask_of(count), x));
  return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}
LOOKTWICE_AVX512 inline __m512 some(const F16* x, std::int64_t count) {
  return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask_of(count), x));
}

}  // namespace looktwice::kernels
#endif
