#include "adapters/nn/row_products.h"

#include <ATen/Parallel.h>
#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#include <algorithm>
#include <cmath>

#if defined(__x86_64__)
#include <immintrin.h>
#define LOOKTWICE_X86 1
#define LOOKTWICE_AVX2 __attribute__((target("avx2,fma,f16c")))
#endif

namespace looktwice::nn {
namespace {

struct Product {
  const float* x = nullptr;
  const void* weight = nullptr;
  const float* bias = nullptr;
  float* y = nullptr;
  std::int64_t rows = 0, out = 0, in = 0;
};

template <class Weight>
void plain(const Product& p, std::int64_t from, std::int64_t to) {
  const auto* weight = static_cast<const Weight*>(p.weight);
  for (std::int64_t o = from; o < to; ++o)
    for (std::int64_t row = 0; row < p.rows; ++row) {
      float sum = 0;
      for (std::int64_t i = 0; i < p.in; ++i)
        sum += p.x[row * p.in + i] * static_cast<float>(weight[o * p.in + i]);
      p.y[row * p.out + o] = sum + (p.bias ? p.bias[o] : 0);
    }
}

using Part = void (*)(const Product&, std::int64_t, std::int64_t);

#ifdef LOOKTWICE_X86
LOOKTWICE_AVX2 inline __m256 eight(const float* w) {
  return _mm256_loadu_ps(w);
}
LOOKTWICE_AVX2 inline __m256 eight(const c10::BFloat16* w) {
  const __m128i half = _mm_loadu_si128(reinterpret_cast<const __m128i*>(w));
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
}
LOOKTWICE_AVX2 inline __m256 eight(const c10::Half* w) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(w)));
}
LOOKTWICE_AVX2 inline float total(__m256 v) {
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

// Row blocks of n: the weights of one output stay in registers for all of them.
template <class Weight, int n>
LOOKTWICE_AVX2 void block(const Product& p, std::int64_t row, std::int64_t o) {
  const Weight* w = static_cast<const Weight*>(p.weight) + o * p.in;
  const float* x = p.x + row * p.in;
  __m256 sum[n][4];
  for (int r = 0; r < n; ++r)
    for (int k = 0; k < 4; ++k) sum[r][k] = _mm256_setzero_ps();
  std::int64_t i = 0;
  for (; i + 32 <= p.in; i += 32)
    for (int k = 0; k < 4; ++k) {
      const __m256 weight = eight(w + i + 8 * k);
      for (int r = 0; r < n; ++r)
        sum[r][k] = _mm256_fmadd_ps(weight, _mm256_loadu_ps(x + r * p.in + i + 8 * k), sum[r][k]);
    }
  for (; i + 8 <= p.in; i += 8) {
    const __m256 weight = eight(w + i);
    for (int r = 0; r < n; ++r)
      sum[r][0] = _mm256_fmadd_ps(weight, _mm256_loadu_ps(x + r * p.in + i), sum[r][0]);
  }
  for (int r = 0; r < n; ++r) {
    float made = total(
        _mm256_add_ps(_mm256_add_ps(sum[r][0], sum[r][1]), _mm256_add_ps(sum[r][2], sum[r][3])));
    for (std::int64_t j = i; j < p.in; ++j) made += x[r * p.in + j] * static_cast<float>(w[j]);
    p.y[(row + r) * p.out + o] = made + (p.bias ? p.bias[o] : 0);
  }
}

template <class Weight>
LOOKTWICE_AVX2 void wide(const Product& p, std::int64_t from, std::int64_t to) {
  for (std::int64_t o = from; o < to; ++o) {
    std::int64_t row = 0;
    for (; row + 2 <= p.rows; row += 2) block<Weight, 2>(p, row, o);
    if (row < p.rows) block<Weight, 1>(p, row, o);
  }
}
#endif

Part part_for(WeightBits bits) {
#ifdef LOOKTWICE_X86
  static const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                               __builtin_cpu_supports("f16c");
  if (has_avx2)
    return bits == WeightBits::fp32   ? wide<float>
           : bits == WeightBits::bf16 ? wide<c10::BFloat16>
                                      : wide<c10::Half>;
#endif
  return bits == WeightBits::fp32   ? plain<float>
         : bits == WeightBits::bf16 ? plain<c10::BFloat16>
                                    : plain<c10::Half>;
}

}  // namespace

void row_products(const float* x, std::int64_t rows, const void* weight, WeightBits bits,
                  const float* bias, std::int64_t out, std::int64_t in, float* y) {
  const Product product{x, weight, bias, y, rows, out, in};
  const Part part = part_for(bits);
  const std::int64_t grain =
      std::max<std::int64_t>(1, 65536 / std::max<std::int64_t>(1, in * rows));
  at::parallel_for(0, out, grain,
                   [&](std::int64_t from, std::int64_t to) { part(product, from, to); });
}

void row_products_ref(const float* x, std::int64_t rows, const void* weight, WeightBits bits,
                      const float* bias, std::int64_t out, std::int64_t in, float* y) {
  const Product product{x, weight, bias, y, rows, out, in};
  switch (bits) {
    case WeightBits::fp32:
      return plain<float>(product, 0, out);
    case WeightBits::bf16:
      return plain<c10::BFloat16>(product, 0, out);
    case WeightBits::fp16:
      return plain<c10::Half>(product, 0, out);
  }
}

void rms_norm_rows(const float* x, std::int64_t rows, std::int64_t size, const float* weight,
                   float eps, float* y) {
  at::parallel_for(0, rows, std::max<std::int64_t>(1, 32768 / size),
                   [&](std::int64_t from, std::int64_t to) {
                     for (std::int64_t row = from; row < to; ++row) {
                       const float* in = x + row * size;
                       float lanes[8] = {};
                       std::int64_t i = 0;
                       for (; i + 8 <= size; i += 8)
                         for (int k = 0; k < 8; ++k) lanes[k] += in[i + k] * in[i + k];
                       float sum = 0;
                       for (; i < size; ++i) sum += in[i] * in[i];
                       for (const float lane : lanes) sum += lane;
                       const float scale = 1.0f / std::sqrt(sum / static_cast<float>(size) + eps);
                       for (std::int64_t j = 0; j < size; ++j)
                         y[row * size + j] = weight[j] * (in[j] * scale);
                     }
                   });
}

void rotate_rows(float* x, std::int64_t rows, std::int64_t heads, std::int64_t size,
                 const float* cos, const float* sin) {
  const std::int64_t half = size / 2;
  at::parallel_for(0, rows, std::max<std::int64_t>(1, 32768 / (heads * size)),
                   [&](std::int64_t from, std::int64_t to) {
                     for (std::int64_t row = from; row < to; ++row)
                       for (std::int64_t head = 0; head < heads; ++head) {
                         float* first = x + (row * heads + head) * size;
                         float* second = first + half;
                         const float *c = cos + row * half, *s = sin + row * half;
                         for (std::int64_t i = 0; i < half; ++i) {
                           const float a = first[i], b = second[i];
                           first[i] = a * c[i] - b * s[i];
                           second[i] = b * c[i] + a * s[i];
                         }
                       }
                   });
}

}  // namespace looktwice::nn
