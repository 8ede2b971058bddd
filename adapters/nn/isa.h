// Which vector code this machine can run; chosen at run time, since nothing ships with
// -march=native. Internal to adapters/nn.
#pragma once

#include <cstdint>
#include <vector>

#if defined(__x86_64__)
#include <cpuid.h>

#define LOOKTWICE_X86 1
#define LOOKTWICE_AVX2_FMA __attribute__((target("avx2,fma")))
#define LOOKTWICE_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")))
#define LOOKTWICE_AVX512_BF16 \
  __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma")))
#define LOOKTWICE_AVX512_FP16 \
  __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512fp16,avx2,fma")))
#endif

namespace looktwice::nn {

// Each can what the ones before can.
enum class Isa : std::uint8_t { plain, avx2, avx512, avx512_bf16, avx512_fp16 };

inline Isa best_isa() {
#ifdef LOOKTWICE_X86
  static const Isa best = [] {
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return Isa::plain;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl"))
      return Isa::avx2;
    if (!__builtin_cpu_supports("avx512bf16")) return Isa::avx512;
    // Not every compiler knows this name.
    unsigned a = 0, b = 0, c = 0, d = 0;
    const bool halves = __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d >> 23 & 1) != 0;
    return halves ? Isa::avx512_fp16 : Isa::avx512_bf16;
  }();
  return best;
#else
  return Isa::plain;
#endif
}

// Tiles of bf16 in matrix units (AMX), which multiply many times faster than fp32. Without them
// bf16 saves memory, not time: its dot products run at half the rate of fp32 or at the same.
inline bool multiplies_bf16_tiles() {
#ifdef LOOKTWICE_X86
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d >> 22 & 1) != 0 && (d >> 24 & 1) != 0;
#else
  return false;
#endif
}

// All that run here, for tests.
inline std::vector<Isa> isas_here() {
  std::vector<Isa> all;
  for (int i = 0; i <= static_cast<int>(best_isa()); ++i) all.push_back(static_cast<Isa>(i));
  return all;
}

}  // namespace looktwice::nn
