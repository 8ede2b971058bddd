#include "adapters/nn/text_rows.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#ifdef LOOKTWICE_X86
#include <immintrin.h>
#endif

#define LOOKTWICE_INLINE inline __attribute__((always_inline))

namespace looktwice::nn {
namespace {

// One source; the compiler makes of it the vector code of the function it is in-lined into. GELU
// and softmax are written once more for AVX-512, where they would cost half as much as the
// products.
constexpr int kLanes = 16;
using Lanes = float __attribute__((vector_size(64)));
using LaneBits = std::int32_t __attribute__((vector_size(64)));

LOOKTWICE_INLINE void load(Lanes& lanes, const float* from) {
  std::memcpy(&lanes, from, sizeof lanes);
}
LOOKTWICE_INLINE void store(const Lanes& lanes, float* to) {
  std::memcpy(to, &lanes, sizeof lanes);
}
LOOKTWICE_INLINE float sum_of(const Lanes& lanes) {
  float half[8], quarter[4];
  for (int i = 0; i < 8; ++i) half[i] = lanes[i] + lanes[i + 8];
  for (int i = 0; i < 4; ++i) quarter[i] = half[i] + half[i + 4];
  return (quarter[0] + quarter[2]) + (quarter[1] + quarter[3]);
}

// erf(t) = t P(t^2) / Q(t^2) for |t| <= 4, where it is 1 in fp32. The coefficients were fitted to
// the double erf for the least largest error: 2.2e-8.
constexpr float kP[] = {1.128378987312317f,     0.19624324142932892f,    0.053466469049453735f,
                        0.0040033054538071156f, 0.00028801822918467224f, 1.974689439521171e-06f};
constexpr float kQ[] = {1.0f,
                        0.5072472095489502f,
                        0.11647381633520126f,
                        0.015443786978721619f,
                        0.0012162461644038558f,
                        3.7478148442460224e-05f};

LOOKTWICE_INLINE void gelu(Lanes& x) {
  const Lanes zero = {}, most = zero + 4.0f;
  Lanes t = x * 0.70710678118654752f;
  t = t > most ? most : t;
  t = t < -most ? -most : t;
  const Lanes u = t * t;
  Lanes p = zero + kP[5], q = zero + kQ[5];
  for (int i = 4; i >= 0; --i) {
    p = p * u + kP[i];
    q = q * u + kQ[i];
  }
  x = 0.5f * x * (1.0f + t * p / q);
}

// e^x for x <= 0: 2^n e^r, |r| <= ln(2) / 2, by its series; 0 below -87.
constexpr float kSeries[] = {1.0f,      1.0f,       1.0f / 2,   1.0f / 6,
                             1.0f / 24, 1.0f / 120, 1.0f / 720, 1.0f / 5040};
constexpr float kLog2 = 1.44269504088896341f;  // of e
constexpr float kLn2 = 0.693145751953125f, kLn2Rest = 1.42860682030941723e-6f;

LOOKTWICE_INLINE void exp_of(Lanes& x) {
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: what is added to it loses its fraction
  const Lanes zero = {}, least = zero - 87.0f;
  const LaneBits is_zero = x < least;
  x = is_zero ? least : x;
  const Lanes shifted = x * kLog2 + kRound;
  const Lanes n = shifted - kRound;
  const Lanes r = x - n * kLn2 - n * kLn2Rest;
  Lanes y = zero + kSeries[7];
  for (int i = 6; i >= 0; --i) y = y * r + kSeries[i];
  LaneBits bits, scale;
  std::memcpy(&bits, &y, sizeof bits);
  std::memcpy(&scale, &shifted, sizeof scale);
  bits += scale << 23;
  std::memcpy(&y, &bits, sizeof y);
  x = is_zero ? zero : y;
}

LOOKTWICE_INLINE void gelu_all(float* x, std::int64_t step, std::int64_t rows, std::int64_t size) {
  for (std::int64_t row = 0; row < rows; ++row)
    for (std::int64_t i = 0; i < size; i += kLanes) {
      Lanes lanes;
      load(lanes, x + row * step + i);
      gelu(lanes);
      store(lanes, x + row * step + i);
    }
}

LOOKTWICE_INLINE void add_norm(float* x, const float* more, std::int64_t size, const Norm& norm) {
  const std::int64_t whole = size / kLanes * kLanes;
  Lanes sums = {};
  for (std::int64_t i = 0; i < whole; i += kLanes) {
    Lanes y, add;
    load(y, x + i);
    if (more) {
      load(add, more + i);
      y += add;
      store(y, x + i);
    }
    sums += y;
  }
  float sum = sum_of(sums);
  for (std::int64_t i = whole; i < size; ++i) {
    if (more) x[i] += more[i];
    sum += x[i];
  }
  const float mean = sum / static_cast<float>(size);
  Lanes squares = {};
  for (std::int64_t i = 0; i < whole; i += kLanes) {
    Lanes y;
    load(y, x + i);
    y -= mean;
    squares += y * y;
  }
  float square = sum_of(squares);
  for (std::int64_t i = whole; i < size; ++i) square += (x[i] - mean) * (x[i] - mean);
  const auto scale = static_cast<float>(
      1 / std::sqrt(static_cast<double>(square) / static_cast<double>(size) + norm.eps));
  for (std::int64_t i = 0; i < whole; i += kLanes) {
    Lanes y, weight, bias;
    load(y, x + i);
    load(weight, norm.weight + i);
    load(bias, norm.bias + i);
    store((y - mean) * scale * weight + bias, x + i);
  }
  for (std::int64_t i = whole; i < size; ++i)
    x[i] = (x[i] - mean) * scale * norm.weight[i] + norm.bias[i];
}

LOOKTWICE_INLINE void add_norm_all(float* x, const float* more, std::int64_t step,
                                   std::int64_t rows, std::int64_t size, const Norm& norm) {
  for (std::int64_t row = 0; row < rows; ++row)
    add_norm(x + row * step, more ? more + row * step : nullptr, size, norm);
}

// scores[size] to their softmax; what follows up to whole lanes becomes 0.
LOOKTWICE_INLINE void softmax(float* scores, const float* bias, std::int64_t size, float scale) {
  const std::int64_t padded = (size + kLanes - 1) / kLanes * kLanes;
  for (std::int64_t i = size; i < padded; ++i) scores[i] = 0;
  Lanes most = {};
  most -= std::numeric_limits<float>::infinity();
  for (std::int64_t i = 0; i < padded; i += kLanes) {
    Lanes x;
    load(x, scores + i);
    x *= scale;
    if (bias)
      for (std::int64_t k = 0; k < std::min<std::int64_t>(kLanes, size - i); ++k)
        x[k] += bias[i + k];
    if (i + kLanes > size)
      for (std::int64_t k = size - i; k < kLanes; ++k)
        x[k] = -std::numeric_limits<float>::infinity();
    store(x, scores + i);
    most = x > most ? x : most;
  }
  float largest = most[0];
  for (int k = 1; k < kLanes; ++k) largest = std::max(largest, most[k]);
  Lanes sums = {};
  for (std::int64_t i = 0; i < padded; i += kLanes) {
    Lanes x;
    load(x, scores + i);
    x -= largest;
    exp_of(x);
    store(x, scores + i);
    sums += x;
  }
  const float inverse = 1.0f / sum_of(sums);
  for (std::int64_t i = 0; i < padded; i += kLanes) {
    Lanes x;
    load(x, scores + i);
    store(x * inverse, scores + i);
  }
}

LOOKTWICE_INLINE void softmax_all(float* scores, std::int64_t step, std::int64_t rows,
                                  const float* bias, std::int64_t length, float scale) {
  for (std::int64_t row = 0; row < rows; ++row)
    softmax(scores + row * step, bias ? bias + row * length : nullptr, length, scale);
}

#ifdef LOOKTWICE_X86
LOOKTWICE_AVX512 void gelu_wide(float* x, std::int64_t step, std::int64_t rows, std::int64_t size) {
  const __m512 most = _mm512_set1_ps(4.0f), one = _mm512_set1_ps(1.0f);
  for (std::int64_t row = 0; row < rows; ++row)
    for (std::int64_t i = 0; i < size; i += kLanes) {
      const __m512 in = _mm512_loadu_ps(x + row * step + i);
      __m512 t = _mm512_mul_ps(in, _mm512_set1_ps(0.70710678118654752f));
      t = _mm512_maskz_max_ps(0xFFFF, _mm512_maskz_min_ps(0xFFFF, t, most), -most);
      const __m512 u = _mm512_mul_ps(t, t);
      __m512 p = _mm512_set1_ps(kP[5]), q = _mm512_set1_ps(kQ[5]);
#pragma GCC unroll 5
      for (int k = 4; k >= 0; --k) {
        p = _mm512_fmadd_ps(p, u, _mm512_set1_ps(kP[k]));
        q = _mm512_fmadd_ps(q, u, _mm512_set1_ps(kQ[k]));
      }
      // 1 / q to 14 bits, then by Newton's rule to all.
      __m512 inverse = _mm512_maskz_rcp14_ps(0xFFFF, q);
      inverse = _mm512_fmadd_ps(_mm512_fnmadd_ps(q, inverse, one), inverse, inverse);
      const __m512 erf = _mm512_mul_ps(_mm512_mul_ps(t, p), inverse);
      const __m512 half = _mm512_mul_ps(in, _mm512_set1_ps(0.5f));
      _mm512_storeu_ps(x + row * step + i, _mm512_fmadd_ps(half, erf, half));
    }
}

// 0 below -87: numbers that small are slow, here and in what they are multiplied with.
LOOKTWICE_AVX512 inline __m512 exp_wide(__m512 x) {
  const __mmask16 here = _mm512_cmp_ps_mask(x, _mm512_set1_ps(-87.0f), _CMP_GE_OQ);
  x = _mm512_maskz_mov_ps(here, x);
  const __m512 n = _mm512_maskz_roundscale_ps(0xFFFF, _mm512_mul_ps(x, _mm512_set1_ps(kLog2)), 8);
  __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(kLn2), x);
  r = _mm512_fnmadd_ps(n, _mm512_set1_ps(kLn2Rest), r);
  __m512 y = _mm512_set1_ps(kSeries[7]);
#pragma GCC unroll 7
  for (int k = 6; k >= 0; --k) y = _mm512_fmadd_ps(y, r, _mm512_set1_ps(kSeries[k]));
  return _mm512_maskz_scalef_ps(here, y, n);
}

template <bool kMost>
LOOKTWICE_AVX512 inline __m512 joined(__m512 a, __m512 b) {
  return kMost ? _mm512_maskz_max_ps(0xFFFF, a, b) : _mm512_add_ps(a, b);
}

// The largest of all lanes, or their sum.
template <bool kMost>
LOOKTWICE_AVX512 inline float across(__m512 x) {
  x = joined<kMost>(x, _mm512_maskz_shuffle_f32x4(0xFFFF, x, x, 0x4E));
  x = joined<kMost>(x, _mm512_maskz_shuffle_f32x4(0xFFFF, x, x, 0xB1));
  x = joined<kMost>(x, _mm512_maskz_permute_ps(0xFFFF, x, 0x4E));
  x = joined<kMost>(x, _mm512_maskz_permute_ps(0xFFFF, x, 0xB1));
  return _mm512_cvtss_f32(x);
}

LOOKTWICE_AVX512 void softmax_wide(float* scores, std::int64_t step, std::int64_t rows,
                                   const float* bias, std::int64_t length, float scale) {
  const std::int64_t whole = length / kLanes * kLanes;
  const auto rest = static_cast<__mmask16>((1U << (length - whole)) - 1);
  const __m512 least = _mm512_set1_ps(-std::numeric_limits<float>::infinity());
  const __m512 scales = _mm512_set1_ps(scale);
  for (std::int64_t row = 0; row < rows; ++row, scores += step) {
    const float* own = bias ? bias + row * length : nullptr;
    __m512 most = least;
    for (std::int64_t i = 0; i < length; i += kLanes) {
      const __mmask16 here = i < whole ? static_cast<__mmask16>(0xFFFF) : rest;
      __m512 x = _mm512_mul_ps(_mm512_loadu_ps(scores + i), scales);
      if (own) x = _mm512_add_ps(x, _mm512_maskz_loadu_ps(here, own + i));
      x = _mm512_mask_mov_ps(least, here, x);
      _mm512_storeu_ps(scores + i, x);
      most = _mm512_maskz_max_ps(0xFFFF, most, x);
    }
    const __m512 largest = _mm512_set1_ps(across<true>(most));
    __m512 sums = _mm512_setzero_ps();
    for (std::int64_t i = 0; i < length; i += kLanes) {
      const __m512 x = exp_wide(_mm512_sub_ps(_mm512_loadu_ps(scores + i), largest));
      _mm512_storeu_ps(scores + i, x);
      sums = _mm512_add_ps(sums, x);
    }
    const __m512 inverse = _mm512_set1_ps(1.0f / across<false>(sums));
    for (std::int64_t i = 0; i < length; i += kLanes)
      _mm512_storeu_ps(scores + i, _mm512_mul_ps(_mm512_loadu_ps(scores + i), inverse));
  }
}

#define LOOKTWICE_FOR_EACH_ISA(call)                                 \
  if (isa >= Isa::avx512) return [&]() LOOKTWICE_AVX512 { call; }(); \
  if (isa == Isa::avx2) return [&]() LOOKTWICE_AVX2_FMA { call; }(); \
  call
#else
#define LOOKTWICE_FOR_EACH_ISA(call) (void)isa, call
#endif

void softmax_rows(float* scores, std::int64_t step, std::int64_t rows, const float* bias,
                  std::int64_t length, float scale, Isa isa) {
#ifdef LOOKTWICE_X86
  if (isa >= Isa::avx512) return softmax_wide(scores, step, rows, bias, length, scale);
#endif
  LOOKTWICE_FOR_EACH_ISA(softmax_all(scores, step, rows, bias, length, scale));
}

LOOKTWICE_INLINE void finite_all(const float* x, std::int64_t step, std::int64_t rows,
                                 std::int64_t size, bool& finite) {
  Lanes sums = {};
  float sum = 0;
  for (std::int64_t row = 0; row < rows; ++row) {
    std::int64_t i = 0;
    for (; i + kLanes <= size; i += kLanes) {
      Lanes lanes;
      load(lanes, x + row * step + i);
      sums += lanes * 0.0f;
    }
    for (; i < size; ++i) sum += x[row * step + i] * 0.0f;
  }
  finite = sum_of(sums) + sum == 0;
}

// A row of panels per 16 rows of x: the layout of Panels, without its copy of a matrix.
void pack_rows(const float* x, std::int64_t step, std::int64_t rows, std::int64_t size, Isa isa,
               float* panels) {
  for (std::int64_t row = 0; row < rows; row += kPanel)
    kernels::to_panel(x + row * step, kernels::Number::f32, step, std::min(kPanel, rows - row),
                      size, isa, panels + row * size);
}

void grow(Words& words, std::int64_t count) {
  if (words.size() < count) words = Words(count);
}

}  // namespace

void gelu_rows(float* x, std::int64_t step, std::int64_t rows, std::int64_t size, Isa isa) {
#ifdef LOOKTWICE_X86
  if (isa >= Isa::avx512) return gelu_wide(x, step, rows, size);
#endif
  LOOKTWICE_FOR_EACH_ISA(gelu_all(x, step, rows, size));
}

void add_norm_rows(float* x, const float* more, std::int64_t step, std::int64_t rows,
                   std::int64_t size, const Norm& norm, Isa isa) {
  LOOKTWICE_FOR_EACH_ISA(add_norm_all(x, more, step, rows, size, norm));
}

bool finite_rows(const float* x, std::int64_t step, std::int64_t rows, std::int64_t size, Isa isa) {
  bool finite = true;
  const auto find = [&] { LOOKTWICE_FOR_EACH_ISA(finite_all(x, step, rows, size, finite)); };
  find();
  return finite;
}

void attend(const Attention& text, Isa isa, AttentionRoom& room) {
  static const Words none(kColumns);
  // Scores of so many tokens stay in the second cache; a pair of panels of so many values in the
  // first.
  constexpr std::int64_t kQueries = 128, kDepth = 192;
  const std::int64_t length = text.length, width = text.width;
  const std::int64_t columns = (length + kColumns - 1) / kColumns * kColumns;
  const std::int64_t step = row_step(length);
  const std::int64_t wide = (width + kColumns - 1) / kColumns * kColumns;
  const bool in_place = wide == width;  // no head reaches into its neighbour's columns
  const std::int64_t most = std::min(length, kQueries);
  grow(room.keys, columns * width);
  grow(room.scores, most * step);
  if (!in_place) {
    grow(room.values, length * wide);
    grow(room.out, most * wide);
    std::fill_n(room.values.floats(), length * wide, 0.0f);
  }
  // Columns beyond the text are of the text before; no score of theirs is read.
  for (std::int64_t head = 0; head < text.heads; ++head) {
    const float *q = text.q + head * width, *v = text.v + head * width;
    pack_rows(text.k + head * width, text.step, length, width, isa, room.keys.floats());
    if (!in_place)
      for (std::int64_t row = 0; row < length; ++row)
        std::copy_n(v + row * text.step, width, room.values.floats() + row * wide);
    const float* values = in_place ? v : room.values.floats();
    const std::int64_t v_step = in_place ? text.step : wide;
    for (std::int64_t first = 0; first < length; first += kQueries) {
      const std::int64_t rows = std::min(kQueries, length - first);
      for (std::int64_t column = 0; column < columns; column += kColumns)
        tiles(isa, Word::one,
              {.a = q + first * text.step,
               .a_step = text.step,
               .b = room.keys.floats() + column * width,
               .b_panel = kPanel * width,
               .depth = width,
               .c = room.scores.floats() + column,
               .c_step = step,
               .start = none.floats()},
              rows);
      softmax_rows(room.scores.floats(), step, rows,
                   text.bias ? text.bias + (head * length + first) * length : nullptr, length,
                   1.0f / std::sqrt(static_cast<float>(width)), isa);
      float* own = text.out + first * text.out_step + head * width;
      float* out = in_place ? own : room.out.floats();
      const std::int64_t out_step = in_place ? text.out_step : wide;
      for (std::int64_t column = 0; column < wide; column += kColumns)
        for (std::int64_t k = 0; k < length; k += kDepth)
          tiles(isa, Word::one,
                {.a = room.scores.floats() + k,
                 .a_step = step,
                 .b = values + k * v_step + column,
                 .b_step = v_step,
                 .b_panel = kPanel,
                 .depth = std::min(kDepth, length - k),
                 .c = out + column,
                 .c_step = out_step,
                 .start = k == 0 ? none.floats() : nullptr},
                rows);
      if (!in_place)
        for (std::int64_t row = 0; row < rows; ++row)
          std::copy_n(out + row * wide, width, own + row * text.out_step);
    }
  }
}

}  // namespace looktwice::nn
