#include "adapters/nn/panels.h"

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#ifdef LOOKTWICE_X86
#include <immintrin.h>
#endif

namespace looktwice::nn {
namespace {

constexpr std::int64_t kLine = 16;  // words of a cache line
// Of the depth at a time: a pair of panels (24 KB) and a tile's rows stay in the first cache.
constexpr std::int64_t kDepth = 192;
constexpr std::int64_t kHalfSums = 64;     // products that are summed in fp16
constexpr std::int64_t kMostColumns = 64;  // of a pair of panels

using TileOf = void (*)(const Tile&);

void plain_tile(const Tile& t, std::int64_t rows) {
  for (std::int64_t row = 0; row < rows; ++row) {
    float sums[kColumns];
    std::copy_n(t.start ? t.start : t.c + row * t.c_step, kColumns, sums);
    for (std::int64_t k = 0; k < t.depth; ++k) {
      const float x = t.a[row * t.a_step + k];
      for (std::int64_t j = 0; j < kColumns; ++j)
        sums[j] += x * t.b[k * t.b_step + j / kPanel * t.b_panel + j % kPanel];
    }
    std::copy_n(sums, kColumns, t.c + row * t.c_step);
  }
}

#ifdef LOOKTWICE_X86

// Rows 3 g, 3 g + 1, 3 g + 2 are addressed from one pointer and the step, so that 14 rows need five
// pointers; the compiler must not make 14 of them again, for which there are no registers.
#define LOOKTWICE_KEEP(pointer) asm volatile("" : "+r"(pointer))

// Into the second cache: a matrix comes from the third, once per block of rows.
#define LOOKTWICE_FETCH(from) _mm_prefetch(reinterpret_cast<const char*>(from), _MM_HINT_T1)

template <int kRows>
LOOKTWICE_AVX512 void wide_tile(const Tile& t) {
  constexpr int kGroups = (kRows + 2) / 3;
  __m512 sums[kRows][2];
#pragma GCC unroll 14
  for (int r = 0; r < kRows; ++r) {
    const float* from = t.start ? t.start : t.c + r * t.c_step;
    sums[r][0] = _mm512_loadu_ps(from);
    sums[r][1] = _mm512_loadu_ps(from + kPanel);
  }
  const std::int64_t step = t.a_step;
  const float* a[kGroups];
#pragma GCC unroll 5
  for (int g = 0; g < kGroups; ++g) a[g] = t.a + 3 * g * step;
  const float* b = t.b;
  const std::int64_t b_step = t.b_step, b_panel = t.b_panel, ahead = t.ahead;
  for (std::int64_t k = 0; k < t.depth; ++k) {
    const __m512 b0 = _mm512_loadu_ps(b), b1 = _mm512_loadu_ps(b + b_panel);
    LOOKTWICE_FETCH(b + ahead);
    LOOKTWICE_FETCH(b + b_panel + ahead);
    b += b_step;
#pragma GCC unroll 14
    for (int r = 0; r < kRows; ++r) {
      const __m512 x = _mm512_set1_ps(a[r / 3][r % 3 * step]);
      sums[r][0] = _mm512_fmadd_ps(x, b0, sums[r][0]);
      sums[r][1] = _mm512_fmadd_ps(x, b1, sums[r][1]);
    }
#pragma GCC unroll 5
    for (int g = 0; g < kGroups; ++g) {
      ++a[g];
      LOOKTWICE_KEEP(a[g]);
    }
  }
#pragma GCC unroll 14
  for (int r = 0; r < kRows; ++r) {
    _mm512_storeu_ps(t.c + r * t.c_step, sums[r][0]);
    _mm512_storeu_ps(t.c + r * t.c_step + kPanel, sums[r][1]);
  }
}

template <int kRows>
LOOKTWICE_AVX512_BF16 void pair_tile(const Tile& t) {
  constexpr int kGroups = (kRows + 2) / 3;
  __m512 sums[kRows][2];
#pragma GCC unroll 14
  for (int r = 0; r < kRows; ++r) {
    const float* from = t.start ? t.start : t.c + r * t.c_step;
    sums[r][0] = _mm512_loadu_ps(from);
    sums[r][1] = _mm512_loadu_ps(from + kPanel);
  }
  const std::int64_t step = t.a_step;
  const float* a[kGroups];
#pragma GCC unroll 5
  for (int g = 0; g < kGroups; ++g) a[g] = t.a + 3 * g * step;
  const float* b = t.b;
  const std::int64_t b_step = t.b_step, b_panel = t.b_panel, ahead = t.ahead;
  for (std::int64_t k = 0; k < t.depth; ++k) {
    const auto b0 = (__m512bh)_mm512_loadu_ps(b), b1 = (__m512bh)_mm512_loadu_ps(b + b_panel);
    LOOKTWICE_FETCH(b + ahead);
    LOOKTWICE_FETCH(b + b_panel + ahead);
    b += b_step;
#pragma GCC unroll 14
    for (int r = 0; r < kRows; ++r) {
      const auto x = (__m512bh)_mm512_set1_ps(a[r / 3][r % 3 * step]);
      sums[r][0] = _mm512_dpbf16_ps(sums[r][0], x, b0);
      sums[r][1] = _mm512_dpbf16_ps(sums[r][1], x, b1);
    }
#pragma GCC unroll 5
    for (int g = 0; g < kGroups; ++g) {
      ++a[g];
      LOOKTWICE_KEEP(a[g]);
    }
  }
#pragma GCC unroll 14
  for (int r = 0; r < kRows; ++r) {
    _mm512_storeu_ps(t.c + r * t.c_step, sums[r][0]);
    _mm512_storeu_ps(t.c + r * t.c_step + kPanel, sums[r][1]);
  }
}

// Sixty-four columns at a time: their sums in fp16 take the registers, those in fp32 lie in c.
template <int kRows>
LOOKTWICE_AVX512_FP16 void halves_tile(const Tile& t) {
  constexpr int kGroups = (kRows + 2) / 3;
  const std::int64_t step = t.a_step;
  const float* a[kGroups];
#pragma GCC unroll 5
  for (int g = 0; g < kGroups; ++g) a[g] = t.a + 3 * g * step;
  const float* b = t.b;
  const std::int64_t b_step = t.b_step, b_panel = t.b_panel, ahead = t.ahead;
  for (std::int64_t begin = 0; begin < t.depth; begin += kHalfSums) {
    __m512h sums[kRows][2];
#pragma GCC unroll 14
    for (int r = 0; r < kRows; ++r) sums[r][0] = sums[r][1] = _mm512_setzero_ph();
    for (std::int64_t k = std::min(kHalfSums, t.depth - begin); k > 0; --k) {
      const __m512h b0 = _mm512_loadu_ph(b), b1 = _mm512_loadu_ph(b + b_panel);
      LOOKTWICE_FETCH(b + ahead);
      LOOKTWICE_FETCH(b + b_panel + ahead);
      b += b_step;
#pragma GCC unroll 14
      for (int r = 0; r < kRows; ++r) {
        const auto x = (__m512h)_mm512_set1_ps(a[r / 3][r % 3 * step]);
        sums[r][0] = _mm512_fmadd_ph(x, b0, sums[r][0]);
        sums[r][1] = _mm512_fmadd_ph(x, b1, sums[r][1]);
      }
#pragma GCC unroll 5
      for (int g = 0; g < kGroups; ++g) {
        ++a[g];
        LOOKTWICE_KEEP(a[g]);
      }
    }
#pragma GCC unroll 14
    for (int r = 0; r < kRows; ++r) {
      float* c = t.c + r * t.c_step;
      const float* from = begin == 0 && t.start ? t.start : c;
#pragma GCC unroll 2
      for (int panel = 0; panel < 2; ++panel) {
        const auto both = (__m512i)sums[r][panel];
        const __m512 low =
            _mm512_maskz_cvtph_ps(0xFFFF, _mm512_maskz_extracti64x4_epi64(0xF, both, 0));
        const __m512 high =
            _mm512_maskz_cvtph_ps(0xFFFF, _mm512_maskz_extracti64x4_epi64(0xF, both, 1));
        _mm512_storeu_ps(c + 32 * panel, _mm512_add_ps(_mm512_loadu_ps(from + 32 * panel), low));
        _mm512_storeu_ps(c + 32 * panel + 16,
                         _mm512_add_ps(_mm512_loadu_ps(from + 32 * panel + 16), high));
      }
    }
  }
}

// One panel after the other: there are 16 registers.
template <int kRows>
LOOKTWICE_AVX2_FMA void narrow_tile(const Tile& t) {
  for (std::int64_t panel = 0; panel < 2; ++panel) {
    __m256 sums[kRows][2];
    float* c = t.c + panel * kPanel;
#pragma GCC unroll 6
    for (int r = 0; r < kRows; ++r) {
      const float* from = t.start ? t.start + panel * kPanel : c + r * t.c_step;
      sums[r][0] = _mm256_loadu_ps(from);
      sums[r][1] = _mm256_loadu_ps(from + 8);
    }
    const float *a = t.a, *b = t.b + panel * t.b_panel;
    const std::int64_t step = t.a_step;
    for (std::int64_t k = 0; k < t.depth; ++k) {
      const __m256 b0 = _mm256_loadu_ps(b), b1 = _mm256_loadu_ps(b + 8);
      b += t.b_step;
#pragma GCC unroll 6
      for (int r = 0; r < kRows; ++r) {
        const __m256 x = _mm256_broadcast_ss(a + r * step);
        sums[r][0] = _mm256_fmadd_ps(x, b0, sums[r][0]);
        sums[r][1] = _mm256_fmadd_ps(x, b1, sums[r][1]);
      }
      ++a;
    }
#pragma GCC unroll 6
    for (int r = 0; r < kRows; ++r) {
      _mm256_storeu_ps(c + r * t.c_step, sums[r][0]);
      _mm256_storeu_ps(c + r * t.c_step + 8, sums[r][1]);
    }
  }
}

constexpr TileOf kWide[] = {wide_tile<1>,  wide_tile<2>,  wide_tile<3>,  wide_tile<4>,
                            wide_tile<5>,  wide_tile<6>,  wide_tile<7>,  wide_tile<8>,
                            wide_tile<9>,  wide_tile<10>, wide_tile<11>, wide_tile<12>,
                            wide_tile<13>, wide_tile<14>};
constexpr TileOf kPairs[] = {pair_tile<1>,  pair_tile<2>,  pair_tile<3>,  pair_tile<4>,
                             pair_tile<5>,  pair_tile<6>,  pair_tile<7>,  pair_tile<8>,
                             pair_tile<9>,  pair_tile<10>, pair_tile<11>, pair_tile<12>,
                             pair_tile<13>, pair_tile<14>};
constexpr TileOf kHalves[] = {halves_tile<1>,  halves_tile<2>,  halves_tile<3>,  halves_tile<4>,
                              halves_tile<5>,  halves_tile<6>,  halves_tile<7>,  halves_tile<8>,
                              halves_tile<9>,  halves_tile<10>, halves_tile<11>, halves_tile<12>,
                              halves_tile<13>, halves_tile<14>};
constexpr TileOf kNarrow[] = {narrow_tile<1>, narrow_tile<2>, narrow_tile<3>,
                              narrow_tile<4>, narrow_tile<5>, narrow_tile<6>};

LOOKTWICE_AVX512_BF16 void round_to_pairs(const float* x, std::int64_t words, float* y) {
  for (std::int64_t i = 0; i < words; i += kPanel)
    _mm512_storeu_si512(y + i, (__m512i)_mm512_cvtne2ps_pbh(_mm512_loadu_ps(x + 2 * i + kPanel),
                                                            _mm512_loadu_ps(x + 2 * i)));
}

LOOKTWICE_AVX512 void round_to_halves(const float* x, std::int64_t words, float* y) {
  for (std::int64_t i = 0; i < words; i += kPanel) {
    const __m512i half = _mm512_maskz_cvtepu16_epi32(
        0xFFFF, _mm512_maskz_cvtps_ph(0xFFFF, _mm512_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT));
    _mm512_storeu_si512(y + i, _mm512_or_si512(half, _mm512_maskz_slli_epi32(0xFFFF, half, 16)));
  }
}

#endif

float as_factor(float value, Factors factors) {
  return factors == Factors::fp32 ? value : static_cast<float>(c10::BFloat16(value));
}

template <class Half>
float word_of(float first, float second) {
  const std::uint16_t halves[] = {Half(first).x, Half(second).x};
  float word;
  std::memcpy(&word, halves, sizeof word);
  return word;
}

std::int64_t up_to(std::int64_t size, std::int64_t whole) {
  return (size + whole - 1) / whole * whole;
}

}  // namespace

void Words::Free::operator()(float* words) const {
  std::free(words);
}

Words::Words(std::int64_t count) : size_(count) {
  const std::int64_t bytes = up_to(std::max<std::int64_t>(count, 1), kLine) * 4;
  auto* words = static_cast<float*>(std::aligned_alloc(64, static_cast<std::size_t>(bytes)));
  if (!words) throw std::bad_alloc();
  std::memset(words, 0, static_cast<std::size_t>(bytes));
  words_.reset(words);
}

std::int64_t row_step(std::int64_t size) {
  const std::int64_t whole = up_to(size, kMostColumns);
  return whole / kLine % 2 == 0 ? whole + kLine : whole;
}

void tiles(Isa isa, Word word, Tile tile, std::int64_t rows) {
#ifdef LOOKTWICE_X86
  if (isa != Isa::plain) {
    const TileOf* of = isa == Isa::avx2       ? kNarrow
                       : word == Word::one    ? kWide
                       : word == Word::halves ? kHalves
                                              : kPairs;
    const std::int64_t most = isa == Isa::avx2 ? std::ssize(kNarrow) : std::ssize(kWide);
    // Tiles of like height: one of 14 rows and one of 1 would cost almost two of 14.
    for (std::int64_t left = rows, count = (rows + most - 1) / most; count > 0; --count) {
      const std::int64_t own = (left + count - 1) / count;
      of[own - 1](tile);
      tile.a += own * tile.a_step;
      tile.c += own * tile.c_step;
      left -= own;
    }
    return;
  }
#else
  (void)isa, (void)word;
#endif
  plain_tile(tile, rows);
}

Panels::Panels(const float* weight, const float* bias, std::int64_t out, std::int64_t in,
               Factors factors, Isa isa)
    : word_(word_for(factors, isa)), isa_(isa) {
  const std::int64_t in_panel = word_ == Word::halves ? 2 * kPanel : kPanel;
  depth_ = word_ == Word::pair ? (in + 1) / 2 : in;
  columns_ = up_to(out, 2 * in_panel);
  words_ = Words(columns_ / in_panel * kPanel * depth_);
  bias_ = Words(columns_);
  if (bias) std::copy_n(bias, out, bias_.floats());
  const auto at = [&](std::int64_t column, std::int64_t k) {
    return column < out && k < in ? weight[column * in + k] : 0;
  };
  const std::int64_t step = word_ == Word::halves ? 2 : 1;  // columns of a word
  for (std::int64_t column = 0; column < columns_; column += step) {
    float* to = words_.floats() + column / in_panel * kPanel * depth_ + column % in_panel / step;
    for (std::int64_t k = 0; k < depth_; ++k)
      to[k * kPanel] = word_ == Word::halves ? word_of<c10::Half>(at(column, k), at(column + 1, k))
                       : word_ == Word::pair
                           ? word_of<c10::BFloat16>(at(column, 2 * k), at(column, 2 * k + 1))
                           : as_factor(at(column, k), factors);
  }
}

void Panels::times(const float* x, std::int64_t x_step, std::int64_t rows, float* y,
                   std::int64_t y_step) const {
  const std::int64_t at_once = word_ == Word::halves ? 4 * kPanel : 2 * kPanel;
  for (std::int64_t column = 0; column < columns_; column += at_once)
    for (std::int64_t k = 0; k < depth_; k += kDepth)
      tiles(isa_, word_,
            {.a = x + k,
             .a_step = x_step,
             .b = words_.floats() + column / at_once * 2 * kPanel * depth_ + k * kPanel,
             .b_panel = kPanel * depth_,
             .depth = std::min(kDepth, depth_ - k),
             // The next stretch of this pair of panels, or the start of the next pair.
             .ahead = kPanel * (k + kDepth < depth_ ? kDepth : 2 * depth_ - k),
             .c = y + column,
             .c_step = y_step,
             .start = k == 0 ? bias_.floats() + column : nullptr},
            rows);
}

FactorRows factor_rows(const float* x, std::int64_t step, std::int64_t rows, std::int64_t size,
                       Factors factors, Isa isa, Words& room) {
  if (factors == Factors::fp32) return {x, step};
  const Word word = word_for(factors, isa);
  const std::int64_t own = row_step(word == Word::pair ? (size + 1) / 2 : size);
  if (room.size() < rows * own) room = Words(rows * own);
  for (std::int64_t row = 0; row < rows; ++row) {
    const float* from = x + row * step;
    float* to = room.floats() + row * own;
#ifdef LOOKTWICE_X86
    if (word == Word::pair) {
      round_to_pairs(from, up_to(size, kColumns) / 2, to);
      continue;
    }
    if (word == Word::halves) {
      round_to_halves(from, up_to(size, kPanel), to);
      continue;
    }
#endif
    for (std::int64_t i = 0; i < size; ++i) to[i] = as_factor(from[i], factors);
  }
  return {room.floats(), own};
}

void panels_ref(const float* x, std::int64_t rows, const float* weight, const float* bias,
                std::int64_t out, std::int64_t in, Factors factors, float* y) {
  for (std::int64_t row = 0; row < rows; ++row)
    for (std::int64_t o = 0; o < out; ++o) {
      double sum = bias ? bias[o] : 0;
      for (std::int64_t i = 0; i < in; ++i)
        sum += static_cast<double>(as_factor(x[row * in + i], factors)) *
               static_cast<double>(as_factor(weight[o * in + i], factors));
      y[row * out + o] = static_cast<float>(sum);
    }
}

}  // namespace looktwice::nn
