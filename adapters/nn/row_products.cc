#include "adapters/nn/row_products.h"

#include <ATen/Parallel.h>
#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#ifdef LOOKTWICE_X86
// GCC 12 takes the undefined registers in its own AVX-512 headers for mistakes (GCC bug 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <immintrin.h>
// Whoever has AVX2 has f16c.
#define LOOKTWICE_ROWS_AVX2 __attribute__((target("avx2,fma,f16c")))
#define LOOKTWICE_ROWS_AVX512 \
  __attribute__((target("avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq")))
#endif

namespace looktwice::nn {
namespace {

// Outputs [from, to) of one matrix for all rows; y[rows][stride], its first column that of `from`.
struct Job {
  const float* x = nullptr;
  const float* split = nullptr;  // x as split_rows() lays it out; where the loop wants it
  std::int64_t rows = 0, in = 0;
  const void* weight = nullptr;
  const float* bias = nullptr;
  std::int64_t from = 0, to = 0;
  float* y = nullptr;
  std::int64_t stride = 0;
  bool add = false;

  void put(std::int64_t row, std::int64_t o, float sum) const {
    float& place = y[row * stride + o - from];
    sum += bias ? bias[o] : 0;
    place = add ? place + sum : sum;
  }
};
using Loop = void (*)(const Job&);

template <class Weight>
void plain(const Job& job) {
  const auto* weight = static_cast<const Weight*>(job.weight);
  for (std::int64_t o = job.from; o < job.to; ++o)
    for (std::int64_t row = 0; row < job.rows; ++row) {
      float sum = 0;
      for (std::int64_t i = 0; i < job.in; ++i)
        sum += job.x[row * job.in + i] * static_cast<float>(weight[o * job.in + i]);
      job.put(row, o, sum);
    }
}

template <class Weight>
void widen_plain(const Weight* from, std::int64_t count, float* to) {
  for (std::int64_t i = 0; i < count; ++i) to[i] = static_cast<float>(from[i]);
}

#ifdef LOOKTWICE_X86
constexpr int kOuts = 4;  // outputs at once: as many streams of memory, and one load of x for all

LOOKTWICE_ROWS_AVX2 inline __m256 eight(const float* w) {
  return _mm256_loadu_ps(w);
}
LOOKTWICE_ROWS_AVX2 inline __m256 eight(const c10::BFloat16* w) {
  const __m128i half = _mm_loadu_si128(reinterpret_cast<const __m128i*>(w));
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
}
LOOKTWICE_ROWS_AVX2 inline __m256 eight(const c10::Half* w) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(w)));
}
LOOKTWICE_ROWS_AVX2 inline float total(__m256 v) {
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

// The block of weights after this one, a cache line at a time into L2, since two blocks of long
// rows do not fit into L1; past the end it is a hint that does nothing.
template <class Weight>
LOOKTWICE_ROWS_AVX2 inline void ask_for(const Weight* weight, std::int64_t ahead) {
  _mm_prefetch(reinterpret_cast<const char*>(weight + ahead), _MM_HINT_T1);
}

template <class Weight, int rows, int outs>
LOOKTWICE_ROWS_AVX2 void block_avx2(const Job& job, std::int64_t row, std::int64_t o) {
  constexpr std::int64_t kLine = 64 / sizeof(Weight);
  const std::int64_t in = job.in;
  const Weight* w = static_cast<const Weight*>(job.weight) + o * in;
  const float* x = job.x + row * in;
  __m256 sum[rows][outs];
  for (auto& sums : sum)
    for (__m256& one : sums) one = _mm256_setzero_ps();
  std::int64_t i = 0;
  for (; i + kLine <= in; i += kLine) {
    for (int k = 0; k < outs; ++k) ask_for(w + k * in + i, outs * in);
    for (std::int64_t part = i; part < i + kLine; part += 8)
      for (int k = 0; k < outs; ++k) {
        const __m256 weight = eight(w + k * in + part);
        for (int r = 0; r < rows; ++r)
          sum[r][k] = _mm256_fmadd_ps(weight, _mm256_loadu_ps(x + r * in + part), sum[r][k]);
      }
  }
  for (; i + 8 <= in; i += 8)
    for (int k = 0; k < outs; ++k) {
      const __m256 weight = eight(w + k * in + i);
      for (int r = 0; r < rows; ++r)
        sum[r][k] = _mm256_fmadd_ps(weight, _mm256_loadu_ps(x + r * in + i), sum[r][k]);
    }
  for (int r = 0; r < rows; ++r)
    for (int k = 0; k < outs; ++k) {
      float made = total(sum[r][k]);
      for (std::int64_t j = i; j < in; ++j)  // one rounding, whatever the compiler unrolls
        made = __builtin_fmaf(x[r * in + j], static_cast<float>(w[k * in + j]), made);
      job.put(row + r, o + k, made);
    }
}

template <class Weight, int outs>
LOOKTWICE_ROWS_AVX2 void outs_avx2(const Job& job, std::int64_t o) {
  constexpr int kRows = 2;  // eight sums, and registers to spare
  std::int64_t row = 0;
  for (; row + kRows <= job.rows; row += kRows) block_avx2<Weight, kRows, outs>(job, row, o);
  if (row < job.rows) block_avx2<Weight, 1, outs>(job, row, o);
}

template <class Weight>
LOOKTWICE_ROWS_AVX2 void wide_avx2(const Job& job) {
  std::int64_t o = job.from;
  for (; o + kOuts <= job.to; o += kOuts) outs_avx2<Weight, kOuts>(job, o);
  for (; o < job.to; ++o) outs_avx2<Weight, 1>(job, o);
}

template <class Weight>
LOOKTWICE_ROWS_AVX2 void widen_avx2(const Weight* from, std::int64_t count, float* to) {
  std::int64_t i = 0;
  for (; i + 8 <= count; i += 8) _mm256_storeu_ps(to + i, eight(from + i));
  widen_plain(from + i, count - i, to + i);
}

LOOKTWICE_ROWS_AVX512 inline __m512 sixteen(const float* w) {
  return _mm512_loadu_ps(w);
}
LOOKTWICE_ROWS_AVX512 inline __m512 sixteen(const c10::BFloat16* w) {
  const __m256i half = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(w));
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}
LOOKTWICE_ROWS_AVX512 inline __m512 sixteen(const c10::Half* w) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(w)));
}

// A line of 32 bf16 numbers becomes fp32 with one instruction for those at even places and one for
// those at odd ones; so x lies that way, too: of each 32 numbers first the even ones.
constexpr std::int64_t kSplit = 32;
std::vector<float> split_rows(const float* x, std::int64_t rows, std::int64_t in) {
  std::vector<float> split(static_cast<std::size_t>(rows * in));
  for (std::int64_t row = 0; row < rows; ++row) {
    const float* from = x + row * in;
    float* to = split.data() + row * in;
    for (std::int64_t i = 0; i + kSplit <= in; i += kSplit)
      for (std::int64_t k = 0; k < kSplit; ++k) to[i + k % 2 * (kSplit / 2) + k / 2] = from[i + k];
  }
  return split;
}

template <int rows, int outs>
LOOKTWICE_ROWS_AVX512 inline std::int64_t whole_lines(const Job& job, std::int64_t row,
                                                      const c10::BFloat16* w,
                                                      __m512 (&sum)[rows][outs]) {
  const __m512i odd = _mm512_set1_epi32(static_cast<int>(0xFFFF0000));
  const std::int64_t in = job.in;
  const float* x = job.split + row * in;
  std::int64_t i = 0;
  for (; i + kSplit <= in; i += kSplit)
    for (int k = 0; k < outs; ++k) {
      ask_for(w + k * in + i, outs * in);
      const __m512i line = _mm512_loadu_si512(w + k * in + i);
      const __m512 first = _mm512_castsi512_ps(_mm512_slli_epi32(line, 16)),
                   second = _mm512_castsi512_ps(_mm512_and_si512(line, odd));
      for (int r = 0; r < rows; ++r) {
        sum[r][k] = _mm512_fmadd_ps(first, _mm512_loadu_ps(x + r * in + i), sum[r][k]);
        sum[r][k] =
            _mm512_fmadd_ps(second, _mm512_loadu_ps(x + r * in + i + kSplit / 2), sum[r][k]);
      }
    }
  return i;
}

template <class Weight, int rows, int outs>
LOOKTWICE_ROWS_AVX512 inline std::int64_t whole_lines(const Job& job, std::int64_t row,
                                                      const Weight* w, __m512 (&sum)[rows][outs]) {
  constexpr std::int64_t kLine = 64 / sizeof(Weight);
  const std::int64_t in = job.in;
  const float* x = job.x + row * in;
  std::int64_t i = 0;
  for (; i + kLine <= in; i += kLine)
    for (int k = 0; k < outs; ++k) {
      ask_for(w + k * in + i, outs * in);
      for (std::int64_t part = i; part < i + kLine; part += 16) {
        const __m512 weight = sixteen(w + k * in + part);
        for (int r = 0; r < rows; ++r)
          sum[r][k] = _mm512_fmadd_ps(weight, _mm512_loadu_ps(x + r * in + part), sum[r][k]);
      }
    }
  return i;
}

template <class Weight, int rows, int outs>
LOOKTWICE_ROWS_AVX512 void block_avx512(const Job& job, std::int64_t row, std::int64_t o) {
  const std::int64_t in = job.in;
  const Weight* w = static_cast<const Weight*>(job.weight) + o * in;
  const float* x = job.x + row * in;
  __m512 sum[rows][outs];
  for (auto& sums : sum)
    for (__m512& one : sums) one = _mm512_setzero_ps();
  std::int64_t i = whole_lines(job, row, w, sum);
  for (; i + 16 <= in; i += 16)
    for (int k = 0; k < outs; ++k) {
      const __m512 weight = sixteen(w + k * in + i);
      for (int r = 0; r < rows; ++r)
        sum[r][k] = _mm512_fmadd_ps(weight, _mm512_loadu_ps(x + r * in + i), sum[r][k]);
    }
  for (int r = 0; r < rows; ++r)
    for (int k = 0; k < outs; ++k) {
      float made = _mm512_reduce_add_ps(sum[r][k]);
      for (std::int64_t j = i; j < in; ++j)  // one rounding, whatever the compiler unrolls
        made = __builtin_fmaf(x[r * in + j], static_cast<float>(w[k * in + j]), made);
      job.put(row + r, o + k, made);
    }
}

template <class Weight, int outs>
LOOKTWICE_ROWS_AVX512 void outs_avx512(const Job& job, std::int64_t o) {
  std::int64_t row = 0;
  for (; row + 4 <= job.rows; row += 4) block_avx512<Weight, 4, outs>(job, row, o);
  for (; row + 2 <= job.rows; row += 2) block_avx512<Weight, 2, outs>(job, row, o);
  if (row < job.rows) block_avx512<Weight, 1, outs>(job, row, o);
}

template <class Weight>
LOOKTWICE_ROWS_AVX512 void wide_avx512(const Job& job) {
  std::int64_t o = job.from;
  for (; o + kOuts <= job.to; o += kOuts) outs_avx512<Weight, kOuts>(job, o);
  for (; o < job.to; ++o) outs_avx512<Weight, 1>(job, o);
}

template <class Weight>
LOOKTWICE_ROWS_AVX512 void widen_avx512(const Weight* from, std::int64_t count, float* to) {
  std::int64_t i = 0;
  for (; i + 16 <= count; i += 16) _mm512_storeu_ps(to + i, sixteen(from + i));
  widen_plain(from + i, count - i, to + i);
}
#endif

template <class Weight>
Loop loop_for(Isa isa) {
#ifdef LOOKTWICE_X86
  if (isa >= Isa::avx512) return wide_avx512<Weight>;
  if (isa >= Isa::avx2) return wide_avx2<Weight>;
#endif
  static_cast<void>(isa);
  return plain<Weight>;
}

Loop loop_for(WeightBits bits, Isa isa) {
  return bits == WeightBits::fp32   ? loop_for<float>(isa)
         : bits == WeightBits::bf16 ? loop_for<c10::BFloat16>(isa)
                                    : loop_for<c10::Half>(isa);
}

template <class Weight>
void widen(const void* from, std::int64_t count, float* to, Isa isa) {
  const auto* own = static_cast<const Weight*>(from);
#ifdef LOOKTWICE_X86
  if (isa >= Isa::avx512) return widen_avx512(own, count, to);
  if (isa >= Isa::avx2) return widen_avx2(own, count, to);
#endif
  static_cast<void>(isa);
  widen_plain(own, count, to);
}

std::int64_t bytes_of(WeightBits bits) {
  return bits == WeightBits::fp32 ? 4 : 2;
}

// Empty where no loop wants it.
std::vector<float> split_for(std::span<const RowMatrix> matrices, const float* x, std::int64_t rows,
                             std::int64_t in, Isa isa) {
#ifdef LOOKTWICE_X86
  if (isa >= Isa::avx512 &&
      std::ranges::any_of(matrices, [](const RowMatrix& m) { return m.bits == WeightBits::bf16; }))
    return split_rows(x, rows, in);
#endif
  static_cast<void>(matrices), static_cast<void>(x), static_cast<void>(rows);
  static_cast<void>(in), static_cast<void>(isa);
  return {};
}

// Outputs that are worth a thread of their own.
std::int64_t grain_of(std::int64_t in, std::int64_t rows) {
  return std::max<std::int64_t>(1, 65536 / std::max<std::int64_t>(1, in * rows));
}

}  // namespace

void row_products(const float* x, std::int64_t rows, std::int64_t in,
                  std::span<const RowMatrix> matrices, bool add, Isa isa) {
  std::int64_t all = 0;
  for (const RowMatrix& matrix : matrices) all += matrix.out;
  const std::vector<float> split = split_for(matrices, x, rows, in, isa);
  at::parallel_for(0, all, grain_of(in, rows), [&](std::int64_t from, std::int64_t to) {
    std::int64_t first = 0;  // of the matrix, in the row of all matrices' outputs
    for (const RowMatrix& matrix : matrices) {
      const std::int64_t own_from = std::max<std::int64_t>(from - first, 0),
                         own_to = std::min(to - first, matrix.out);
      first += matrix.out;
      if (own_from >= own_to) continue;
      loop_for(matrix.bits, isa)({.x = x,
                                  .split = split.data(),
                                  .rows = rows,
                                  .in = in,
                                  .weight = matrix.weight,
                                  .bias = matrix.bias,
                                  .from = own_from,
                                  .to = own_to,
                                  .y = matrix.y + own_from,
                                  .stride = matrix.out,
                                  .add = add});
    }
  });
}

void gated_products(const float* x, std::int64_t rows, std::int64_t in, const RowMatrix& gate,
                    const RowMatrix& up, float* y, Isa isa) {
  constexpr std::int64_t kMost = 64;  // outputs at a time
  const RowMatrix both[] = {gate, up};
  const std::vector<float> split = split_for(both, x, rows, in, isa);
  at::parallel_for(0, gate.out, grain_of(in, 2 * rows), [&](std::int64_t from, std::int64_t to) {
    std::vector<float> gates(static_cast<std::size_t>(rows * kMost)), ups(gates);
    for (std::int64_t o = from; o < to; o += kMost) {
      const std::int64_t count = std::min(kMost, to - o);
      for (const auto& [matrix, made] : {std::pair(&gate, &gates), std::pair(&up, &ups)})
        loop_for(matrix->bits, isa)({.x = x,
                                     .split = split.data(),
                                     .rows = rows,
                                     .in = in,
                                     .weight = matrix->weight,
                                     .bias = matrix->bias,
                                     .from = o,
                                     .to = o + count,
                                     .y = made->data(),
                                     .stride = kMost});
      for (std::int64_t row = 0; row < rows; ++row)
        for (std::int64_t i = 0; i < count; ++i) {
          const auto at = static_cast<std::size_t>(row * kMost + i);
          y[row * gate.out + o + i] = gates[at] / (1 + std::exp(-gates[at])) * ups[at];
        }
    }
  });
}

void widen(const void* from, WeightBits bits, std::int64_t count, float* to, Isa isa) {
  const std::int64_t size = bytes_of(bits);
  at::parallel_for(0, count, 65536, [&](std::int64_t begin, std::int64_t end) {
    const void* own = static_cast<const char*>(from) + begin * size;
    switch (bits) {
      case WeightBits::fp32:
        return widen<float>(own, end - begin, to + begin, isa);
      case WeightBits::bf16:
        return widen<c10::BFloat16>(own, end - begin, to + begin, isa);
      case WeightBits::fp16:
        return widen<c10::Half>(own, end - begin, to + begin, isa);
    }
  });
}

}  // namespace looktwice::nn
