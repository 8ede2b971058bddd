#include "adapters/kernels/ltfm_rows.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <new>

#include "adapters/kernels/lanes.h"
#include "adapters/kernels/ltfm_difference.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define LOOKTWICE_X86_FMA __attribute__((target("avx2,fma")))
#define LOOKTWICE_X86_512 __attribute__((target("avx512f,avx2,fma")))
#endif

namespace looktwice::kernels {
namespace {

constexpr std::int64_t kColumns = 2 * kLanes;  // rows of the matrix at a time: a pair of vectors
// Of the depth at a time: a pair's numbers (24 KB) and a tile's rows (10 KB) stay in the first
// cache.
constexpr std::int64_t kDepth = 192;
constexpr std::int64_t kBlockRows = 8 * LtfmRows::kTileRows;  // their features stay in the second

std::size_t size_of(std::int64_t count) {
  return static_cast<std::size_t>(count);
}

// c[rows][kColumns] (+)= a[rows][depth] b[depth][kColumns]
struct Tile {
  const float* a = nullptr;
  std::int64_t a_step = 0, depth = 0;
  const float* b = nullptr;
  const float* start = nullptr;  // what the sums begin with, one per column; null: with c
  float* c = nullptr;
};
using TileOf = void (*)(const Tile&);

void plain_tile(const Tile& t, std::int64_t rows) {
  for (std::int64_t row = 0; row < rows; ++row) {
    float sums[kColumns];
    float* c = t.c + row * kColumns;
    std::copy_n(t.start ? t.start : c, kColumns, sums);
    for (std::int64_t k = 0; k < t.depth; ++k) {
      const float x = t.a[row * t.a_step + k];
      for (std::int64_t j = 0; j < kColumns; ++j) sums[j] += x * t.b[k * kColumns + j];
    }
    std::copy_n(sums, kColumns, c);
  }
}

#if defined(__x86_64__)

// Rows 3 g, 3 g + 1, 3 g + 2 are addressed from one pointer and the step, so that 14 rows need five
// pointers; the compiler must not make 14 of them again, for which there are no registers.
#define LOOKTWICE_KEEP(pointer) asm volatile("" : "+r"(pointer))

template <int kRows>
LOOKTWICE_X86_512 void tile_512(const Tile& t) {
  constexpr int kGroups = (kRows + 2) / 3;
  __m512 sums[kRows][2];
#pragma GCC unroll 14
  for (int r = 0; r < kRows; ++r) {
    const float* from = t.start ? t.start : t.c + r * kColumns;
    sums[r][0] = _mm512_loadu_ps(from);
    sums[r][1] = _mm512_loadu_ps(from + kLanes);
  }
  const std::int64_t step = t.a_step;
  const float* a[kGroups];
#pragma GCC unroll 5
  for (int g = 0; g < kGroups; ++g) a[g] = t.a + 3 * g * step;
  const float* b = t.b;
  const std::int64_t ahead = t.depth * kColumns;  // what the next tiles read as b lies behind it
  for (std::int64_t k = 0; k < t.depth; ++k) {
    const __m512 b0 = _mm512_loadu_ps(b), b1 = _mm512_loadu_ps(b + kLanes);
    _mm_prefetch(reinterpret_cast<const char*>(b + ahead), _MM_HINT_T1);
    _mm_prefetch(reinterpret_cast<const char*>(b + ahead + kLanes), _MM_HINT_T1);
    b += kColumns;
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
    _mm512_storeu_ps(t.c + r * kColumns, sums[r][0]);
    _mm512_storeu_ps(t.c + r * kColumns + kLanes, sums[r][1]);
  }
}

// One vector of sixteen after the other: there are 16 registers of eight.
template <int kRows>
LOOKTWICE_X86_FMA void tile_256(const Tile& t) {
  for (std::int64_t half = 0; half < kColumns; half += kLanes) {
    __m256 sums[kRows][2];
    float* c = t.c + half;
#pragma GCC unroll 6
    for (int r = 0; r < kRows; ++r) {
      const float* from = t.start ? t.start + half : c + r * kColumns;
      sums[r][0] = _mm256_loadu_ps(from);
      sums[r][1] = _mm256_loadu_ps(from + kHalf);
    }
    const float *a = t.a, *b = t.b + half;
    const std::int64_t step = t.a_step;
    for (std::int64_t k = 0; k < t.depth; ++k) {
      const __m256 b0 = _mm256_loadu_ps(b), b1 = _mm256_loadu_ps(b + kHalf);
      b += kColumns;
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
      _mm256_storeu_ps(c + r * kColumns, sums[r][0]);
      _mm256_storeu_ps(c + r * kColumns + kHalf, sums[r][1]);
    }
  }
}

constexpr TileOf k512[] = {tile_512<1>,  tile_512<2>,  tile_512<3>,  tile_512<4>, tile_512<5>,
                           tile_512<6>,  tile_512<7>,  tile_512<8>,  tile_512<9>, tile_512<10>,
                           tile_512<11>, tile_512<12>, tile_512<13>, tile_512<14>};
constexpr TileOf k256[] = {tile_256<1>, tile_256<2>, tile_256<3>,
                           tile_256<4>, tile_256<5>, tile_256<6>};

#endif

void tiles(Vectors vectors, Tile tile, std::int64_t rows) {
#if defined(__x86_64__)
  if (vectors != Vectors::plain) {
    const TileOf* of = vectors == Vectors::avx512 ? k512 : k256;
    const std::int64_t most = vectors == Vectors::avx512 ? std::ssize(k512) : std::ssize(k256);
    // Tiles of like height: one of 14 rows and one of 1 would cost almost two of 14.
    for (std::int64_t count = (rows + most - 1) / most; count > 0; --count) {
      const std::int64_t own = (rows + count - 1) / count;
      of[own - 1](tile);
      tile.a += own * tile.a_step;
      tile.c += own * kColumns;
      rows -= own;
    }
    return;
  }
#else
  (void)vectors;
#endif
  plain_tile(tile, rows);
}

// A row's sums over columns, sixteen of each, until all columns have been seen.
struct Sums {
  Lanes norm, dot;
};

LOOKTWICE_INLINE void add_columns(const float* c, std::int64_t rows, const float* difference,
                                  Sums* sums) {
  Lanes p[2], e;
  load(difference, p[0]);
  load(difference + kLanes, p[1]);
  for (std::int64_t row = 0; row < rows; ++row, c += kColumns)
    for (int half = 0; half < 2; ++half) {
      load(c + half * kLanes, e);
      add_product(e, e, sums[row].norm);
      add_product(e, p[half], sums[row].dot);
    }
}
LOOKTWICE_X86_AVX2 void add_columns_avx2(const float* c, std::int64_t rows, const float* difference,
                                         Sums* sums) {
  add_columns(c, rows, difference, sums);
}
void add_columns_plain(const float* c, std::int64_t rows, const float* difference, Sums* sums) {
  add_columns(c, rows, difference, sums);
}

template <class Element>
LOOKTWICE_INLINE void widen(const Element* from, std::int64_t count, float* to) {
  const std::int64_t whole = count / kLanes * kLanes;
  for (std::int64_t i = 0; i < whole; i += kLanes) {
    Lanes x;
    load(from + i, x);
    store(x, to + i);
  }
  for (std::int64_t i = whole; i < count; ++i) to[i] = float_of(from[i]);
}
template <class Element>
LOOKTWICE_X86_AVX2 void widen_avx2(const Element* from, std::int64_t count, float* to) {
  widen(from, count, to);
}
template <class Element>
void widen_plain(const Element* from, std::int64_t count, float* to) {
  widen(from, count, to);
}
void widen(const void* from, Number number, std::int64_t count, float* to) {
  const auto as = [&]<class Element>(const Element* own) {
    (has_avx2() ? widen_avx2<Element> : widen_plain<Element>)(own, count, to);
  };
  if (number == Number::f32)
    std::memcpy(to, from, size_of(count) * sizeof *to);
  else if (number == Number::bf16)
    as(static_cast<const Bf16*>(from));
  else
    as(static_cast<const F16*>(from));
}

// From row to row of widened features: an odd number of cache lines, so that the rows of a tile do
// not share the same places of the cache.
std::int64_t step_of(std::int64_t hidden) {
  const std::int64_t lines = (hidden + kLanes - 1) / kLanes;
  return (lines | 1) * kLanes;
}

std::int64_t columns_of(std::int64_t dims) {
  return (dims + kColumns - 1) / kColumns * kColumns;
}

}  // namespace

void AlignedFloats::Free::operator()(float* values) const {
  std::free(values);
}

AlignedFloats::AlignedFloats(std::size_t count) : size_(count) {
  constexpr std::size_t kLine = 64;
  const std::size_t bytes = (std::max<std::size_t>(count, 1) * 4 + kLine - 1) / kLine * kLine;
  values_.reset(static_cast<float*>(std::aligned_alloc(kLine, bytes)));
  if (!values_) throw std::bad_alloc();
}

LtfmRows::LtfmRows(const void* weight, Number number, const float* bias, std::int64_t dims,
                   std::int64_t hidden, Vectors vectors)
    : dims_(dims), hidden_(hidden), vectors_(vectors) {
  const std::int64_t columns = columns_of(dims);
  bias_ = AlignedFloats(size_of(columns));
  std::fill_n(bias_.data(), columns, 0.0f);
  if (bias) std::copy_n(bias, dims, bias_.data());
  AlignedFloats rows(size_of(kColumns * hidden));
  const auto rows_of = [&](std::int64_t begin) {
    const std::int64_t count = std::min(kColumns, dims - begin);
    widen(static_cast<const std::byte*>(weight) + size_of(begin * hidden) * bytes_of(number),
          number, count * hidden, rows.data());
    std::fill_n(rows.data() + count * hidden, (kColumns - count) * hidden, 0.0f);
  };
  const auto is_zero = [&](std::int64_t k) {
    for (std::int64_t j = 0; j < kColumns; ++j)
      if (rows.data()[j * hidden + k] != 0) return false;
    return true;
  };
  std::int64_t all = 0;
  for (std::int64_t begin = 0; begin < dims; begin += kColumns) {
    rows_of(begin);
    Pair pair{.begin = all};
    while (pair.first < hidden && is_zero(pair.first)) ++pair.first;
    all += (hidden - pair.first) * kColumns;
    pairs_.push_back(pair);
  }
  // Behind the end lies what is fetched ahead and never used.
  packed_ = AlignedFloats(size_of(all));
  for (std::size_t i = 0; i < pairs_.size(); ++i) {
    rows_of(static_cast<std::int64_t>(i) * kColumns);
    float* to = packed_.data() + pairs_[i].begin;
    for (std::int64_t k = pairs_[i].first; k < hidden; ++k)
      for (std::int64_t j = 0; j < kColumns; ++j) *to++ = rows.data()[j * hidden + k];
  }
}

std::int64_t LtfmRows::products_per_row() const {
  return static_cast<std::int64_t>(packed_.size());
}

void LtfmRows::add(const void* features, Number number, std::int64_t rows, const float* prompts,
                   const How& how, float* map, AlignedFloats& room) const {
  const std::int64_t step = step_of(hidden_), columns = columns_of(dims_);
  const std::int64_t most = std::min(rows, kBlockRows);
  const std::int64_t wanted = columns + most * (step + kColumns);
  if (room.size() < size_of(wanted)) room = AlignedFloats(size_of(wanted));
  float* const difference = room.data();
  float* const c = difference + columns;
  float* const x = c + most * kColumns;
  prompt_difference(prompts, dims_, how.selected, how.scale, difference);
  std::fill(difference + dims_, difference + columns, 0.0f);
  const auto add_to_sums = has_avx2() ? add_columns_avx2 : add_columns_plain;
  Sums sums[kBlockRows];
  const auto* from = static_cast<const std::byte*>(features);
  for (std::int64_t row = 0; row < rows;) {
    const std::int64_t count = std::min(kBlockRows, rows - row);
    for (std::int64_t i = 0; i < count; ++i, from += size_of(hidden_) * bytes_of(number))
      widen(from, number, hidden_, x + i * step);
    std::fill_n(sums, count, Sums{});
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      const auto column = static_cast<std::int64_t>(i) * kColumns;
      const float* b = packed_.data() + pairs_[i].begin;
      const float* start = bias_.data() + column;
      std::int64_t k = pairs_[i].first;
      do {  // once at least: a pair of zeros leaves the bias
        const std::int64_t depth = std::min(kDepth, hidden_ - k);
        tiles(vectors_,
              {.a = x + k, .a_step = step, .depth = depth, .b = b, .start = start, .c = c}, count);
        start = nullptr;
        b += depth * kColumns;
        k += depth;
      } while (k < hidden_);
      add_to_sums(c, count, difference + column, sums);
    }
    for (std::int64_t i = 0; i < count; ++i, ++row)
      map[row] +=
          how.share / (1.0f + std::exp(sum_of(sums[i].dot) / std::sqrt(sum_of(sums[i].norm))));
  }
}

}  // namespace looktwice::kernels
