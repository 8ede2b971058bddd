// Which vector code this machine can run; chosen at run time, since nothing ships with
// -march=native. Internal to adapters/imaging.
#pragma once

#if defined(__x86_64__)
#define LOOKTWICE_X86 1
#define LOOKTWICE_AVX2 __attribute__((target("avx2")))
#define LOOKTWICE_SSE4 __attribute__((target("sse4.1,ssse3")))
#endif

namespace looktwice::imaging {

enum class Isa { plain, sse4, avx2 };

inline Isa best_isa() {
#ifdef LOOKTWICE_X86
  static const Isa best = __builtin_cpu_supports("avx2")     ? Isa::avx2
                          : __builtin_cpu_supports("sse4.1") ? Isa::sse4
                                                             : Isa::plain;
  return best;
#else
  return Isa::plain;
#endif
}

}  // namespace looktwice::imaging
