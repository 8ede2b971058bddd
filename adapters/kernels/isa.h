// Which vector code this machine can run; chosen at run time, since nothing ships with
// -march=native.
#pragma once

#include <cstdint>
#include <vector>

#if defined(__x86_64__)
#define LOOKTWICE_X86 1
#define LOOKTWICE_AVX2_FMA __attribute__((target("avx2,fma")))
#define LOOKTWICE_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")))
#define LOOKTWICE_AVX512_BF16 \
  __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma")))
#define LOOKTWICE_AVX512_FP16 \
  __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512fp16,avx2,fma")))
#define LOOKTWICE_AMX                                                                \
  __attribute__((                                                                    \
      target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,amx-tile,amx-bf16,avx2," \
             "fma")))
#endif

namespace looktwice::kernels {

// Each can what the ones before can. amx: tiles of bf16 in matrix units, which multiply an order of
// magnitude faster than vectors of fp32.
enum class Isa : std::uint8_t { plain, avx2, avx512, avx512_bf16, avx512_fp16, amx };

// The last that processor and system allow, or the one before it that the environment names:
// LOOKTWICE_ISA=avx512 computes as a machine without matrix units would. Throws
// std::invalid_argument for a name that is none.
Isa best_isa();

const char* name_of(Isa isa);

// All that run here, for tests.
inline std::vector<Isa> isas_here() {
  std::vector<Isa> all;
  for (int i = 0; i <= static_cast<int>(best_isa()); ++i) all.push_back(static_cast<Isa>(i));
  return all;
}

}  // namespace looktwice::kernels
