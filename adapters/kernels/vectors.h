// The vector code of a machine, chosen when it runs: nothing ships with -march=native.
#pragma once

#include <cstdint>
#include <vector>

namespace looktwice::kernels {

// Each faster than the one before. avx2: with fused multiply-add, where a kernel asks for it.
enum class Vectors : std::uint8_t { plain, avx2, avx512 };

inline Vectors best_vectors() {
#if defined(__x86_64__)
  static const Vectors best = [] {
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return Vectors::plain;
    return __builtin_cpu_supports("avx512f") ? Vectors::avx512 : Vectors::avx2;
  }();
  return best;
#else
  return Vectors::plain;
#endif
}

// All that run here, for tests.
inline std::vector<Vectors> vectors_here() {
  std::vector<Vectors> all;
  for (int i = 0; i <= static_cast<int>(best_vectors()); ++i)
    all.push_back(static_cast<Vectors>(i));
  return all;
}

inline const char* name_of(Vectors vectors) {
  return vectors == Vectors::avx512 ? "AVX-512" : vectors == Vectors::avx2 ? "AVX2" : "plain";
}

}  // namespace looktwice::kernels
