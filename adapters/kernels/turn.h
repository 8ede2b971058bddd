// Sixteen vectors of sixteen, rows to columns. For .cc files only.
#pragma once

#include "adapters/kernels/isa.h"

#ifdef LOOKTWICE_X86
#include <immintrin.h>

namespace looktwice::kernels {

// Rows to columns, in four steps of pairs: of one lane, of two, of four, of eight.
LOOKTWICE_AVX512 inline void turn(__m512 (&r)[16]) {
  __m512 t[16];
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4)
#pragma GCC unroll 2
    for (int j = 0; j < 2; ++j) {
      const __m512d a = _mm512_castps_pd(t[i + j]), b = _mm512_castps_pd(t[i + j + 2]);
      r[i + 2 * j] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
      r[i + 2 * j + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
    }
    // r[4 g + j]: in its quarter q the numbers 4 q + j of the rows 4 g to 4 g + 3.
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    const __m512 even01 = _mm512_shuffle_f32x4(r[j], r[4 + j], 0x88),
                 odd01 = _mm512_shuffle_f32x4(r[j], r[4 + j], 0xDD),
                 even23 = _mm512_shuffle_f32x4(r[8 + j], r[12 + j], 0x88),
                 odd23 = _mm512_shuffle_f32x4(r[8 + j], r[12 + j], 0xDD);
    t[j] = _mm512_shuffle_f32x4(even01, even23, 0x88);
    t[8 + j] = _mm512_shuffle_f32x4(even01, even23, 0xDD);
    t[4 + j] = _mm512_shuffle_f32x4(odd01, odd23, 0x88);
    t[12 + j] = _mm512_shuffle_f32x4(odd01, odd23, 0xDD);
  }
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) r[i] = t[i];
}

}  // namespace looktwice::kernels
#endif
