#include "adapters/kernels/product_tiles.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <type_traits>

#include "adapters/kernels/lanes.h"
#include "adapters/kernels/wide.h"

namespace looktwice::kernels {
namespace {

constexpr std::int64_t kLine = 16;         // words of a cache line
constexpr std::int64_t kHalfSums = 64;     // products that are summed in fp16
constexpr std::int64_t kMostColumns = 64;  // of a pair of panels

std::int64_t up_to(std::int64_t size, std::int64_t whole) {
  return (size + whole - 1) / whole * whole;
}

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

// sum += x * b of floats or of pairs. Written out for pairs, since a function that may use their
// instruction cannot be in-lined into one that may not.
template <bool kPairs>
LOOKTWICE_AVX512 inline void add_products(__m512 x, __m512 b, __m512& sum) {
  if constexpr (kPairs)
    asm("vdpbf16ps %2, %1, %0" : "+v"(sum) : "v"(x), "v"(b));
  else
    sum = _mm512_fmadd_ps(x, b, sum);
}

template <int kRows, bool kPairs>
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
      add_products<kPairs>(x, b0, sums[r][0]);
      add_products<kPairs>(x, b1, sums[r][1]);
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

template <bool kPairs>
constexpr TileOf kWide[] = {wide_tile<1, kPairs>,  wide_tile<2, kPairs>,  wide_tile<3, kPairs>,
                            wide_tile<4, kPairs>,  wide_tile<5, kPairs>,  wide_tile<6, kPairs>,
                            wide_tile<7, kPairs>,  wide_tile<8, kPairs>,  wide_tile<9, kPairs>,
                            wide_tile<10, kPairs>, wide_tile<11, kPairs>, wide_tile<12, kPairs>,
                            wide_tile<13, kPairs>, wide_tile<14, kPairs>};
constexpr TileOf kHalves[] = {halves_tile<1>,  halves_tile<2>,  halves_tile<3>,  halves_tile<4>,
                              halves_tile<5>,  halves_tile<6>,  halves_tile<7>,  halves_tile<8>,
                              halves_tile<9>,  halves_tile<10>, halves_tile<11>, halves_tile<12>,
                              halves_tile<13>, halves_tile<14>};
constexpr TileOf kNarrow[] = {narrow_tile<1>, narrow_tile<2>, narrow_tile<3>,
                              narrow_tile<4>, narrow_tile<5>, narrow_tile<6>};

// Matrix units: registers 0 to 3 hold 32 x 32 sums, 4 and 5 sixteen rows of a each, 6 and 7 a
// panel each. What the compiler would move across such instructions, it must not.
#define LOOKTWICE_WRITTEN(pointer) asm volatile("" ::"r"(pointer) : "memory")

struct TileShapes {  // as LDTILECFG reads it
  std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
  std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
constexpr std::int64_t kRows = 16;  // of a register

// What is read next, into the second cache: some lines at each step of the depth.
struct Ahead {
  const char* at = nullptr;
  std::int64_t lines = 0;  // at a step

  Ahead() = default;
  Ahead(const void* from, std::int64_t all, std::int64_t steps)
      : at(static_cast<const char*>(from)), lines(steps > 0 ? (all + steps - 1) / steps : 0) {}
  LOOKTWICE_INLINE void step() {
    for (std::int64_t i = 0; i < lines; ++i, at += 64) __builtin_prefetch(at, 0, 2);
  }
};

// kTwo: rows of a second register follow.
template <int kA, int kB, bool kTwo>
LOOKTWICE_AMX void unit_tile(const Tile& t, Ahead& ahead, Ahead& later) {
  constexpr int kMost = std::max(kA, kB);
  constexpr std::int64_t kLineBytes = 64;
  const std::int64_t a_bytes = t.a_step * 4, c_bytes = t.c_step * 4;
  const float* below = t.c + kRows * t.c_step;
  if (t.start) {
    _tile_loadd(0, t.start, 0);
    _tile_loadd(1, t.start + kPanel, 0);
    if constexpr (kTwo) {
      _tile_loadd(2, t.start, 0);
      _tile_loadd(3, t.start + kPanel, 0);
    }
  } else {
    _tile_loadd(0, t.c, c_bytes);
    _tile_loadd(1, t.c + kPanel, c_bytes);
    if constexpr (kTwo) {
      _tile_loadd(2, below, c_bytes);
      _tile_loadd(3, below + kPanel, c_bytes);
    }
  }
  const float* b = t.b;
  for (std::int64_t k = 0; k < t.depth; k += kPairStep, b += unit_step(kB)) {
    ahead.step();
    later.step();
#pragma GCC unroll 3
    for (int q = 0; q < kB; ++q) {
      const float* own = b + q * kUnit;
      _tile_loadd(6, own, kLineBytes);
      _tile_loadd(7, own + kB * kUnit, kLineBytes);
#pragma GCC unroll 3
      for (int p = 0; p < kA; ++p) {
        if (p + q >= kMost) continue;
        const float* a = t.a + p * t.a_plane + k;
        _tile_loadd(4, a, a_bytes);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        if constexpr (kTwo) {
          _tile_loadd(5, a + kRows * t.a_step, a_bytes);
          _tile_dpbf16ps(2, 5, 6);
          _tile_dpbf16ps(3, 5, 7);
        }
      }
    }
  }
  _tile_stored(0, t.c, c_bytes);
  _tile_stored(1, t.c + kPanel, c_bytes);
  if constexpr (kTwo) {
    _tile_stored(2, below, c_bytes);
    _tile_stored(3, below + kPanel, c_bytes);
  }
}

// A stretch of the depth for all rows before the next, so that its panels (18 KB) stay in the first
// cache beside a tile's rows; the rows come from the second.
template <int kA, int kB, bool kTwo>
LOOKTWICE_AMX void unit_rows(Tile t, std::int64_t rows, Ahead& ahead, Ahead& later) {
  constexpr std::int64_t kStretch = 9 / kB * kPairStep;
  const std::int64_t depth = t.depth;
  for (std::int64_t k = 0; k < depth; k += kStretch) {
    t.depth = std::min(kStretch, depth - k);
    Tile own = t;
    for (std::int64_t row = 0; row < rows; row += 2 * kRows) {
      unit_tile<kA, kB, kTwo>(own, ahead, later);
      own.a += 2 * kRows * t.a_step;
      own.c += 2 * kRows * t.c_step;
    }
    t.a += t.depth;
    t.b += t.depth / kPairStep * unit_step(kB);
    t.start = nullptr;
  }
}

template <int kA, int kB>
LOOKTWICE_AMX void unit_tiles(Tile t, std::int64_t rows) {
  const std::int64_t steps = (rows + 2 * kRows - 1) / (2 * kRows) * (t.depth / kPairStep);
  Ahead ahead(t.b + t.ahead, t.ahead == 0 ? 0 : t.depth / kPairStep * unit_step(kB) / kLine, steps);
  Ahead later(t.later.at, t.later.lines, steps);
  const std::int64_t rest = rows % (2 * kRows), whole = rows - rest;
  TileShapes shapes;
  if (whole > 0) {
    LOOKTWICE_WRITTEN(&shapes);
    _tile_loadconfig(&shapes);
    unit_rows<kA, kB, true>(t, whole, ahead, later);
    t.a += whole * t.a_step;
    t.c += whole * t.c_step;
  }
  if (rest > 0) {
    const bool two = rest > kRows;
    // Registers of the last rows: sums of both panels, factors.
    const int last[] = {two ? 2 : 0, two ? 3 : 1, two ? 5 : 4};
    for (const int part : last)
      shapes.rows[part] = static_cast<std::uint8_t>((rest - 1) % kRows + 1);
    LOOKTWICE_WRITTEN(&shapes);
    _tile_loadconfig(&shapes);
    two ? unit_rows<kA, kB, true>(t, rest, ahead, later)
        : unit_rows<kA, kB, false>(t, rest, ahead, later);
  }
  _tile_release();
}

void unit_tiles(const Tile& t, std::int64_t rows) {
  using Of = void (*)(Tile, std::int64_t);
  constexpr Of kOf[3][3] = {{unit_tiles<1, 1>, unit_tiles<1, 2>, unit_tiles<1, 3>},
                            {unit_tiles<2, 1>, unit_tiles<2, 2>, unit_tiles<2, 3>},
                            {unit_tiles<3, 1>, unit_tiles<3, 2>, unit_tiles<3, 3>}};
  kOf[t.a_planes - 1][t.b_planes - 1](t, rows);
}

// Planes of sixteen numbers and the sixteen behind them: pairs of neighbours.
struct PairPlanes {
  __m512i high, middle, low;
};
// What is left of a number after its bf16; nothing of infinity or no number.
LOOKTWICE_AVX512_BF16 inline __m512 rest_of(__m512 x, __m512 bf16) {
  const __m512 none = _mm512_sub_ps(bf16, bf16);
  const __mmask16 finite = _mm512_cmp_ps_mask(none, none, _CMP_ORD_Q);
  return _mm512_maskz_sub_ps(finite, x, bf16);
}
LOOKTWICE_AVX512_BF16 inline __m512 low_floats(__m512i pairs) {  // numbers 0 to 15
  return _mm512_castsi512_ps(
      _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_castsi512_si256(pairs)), 16));
}
LOOKTWICE_AVX512_BF16 inline __m512 high_floats(__m512i pairs) {  // numbers 16 to 31
  return _mm512_castsi512_ps(
      _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_maskz_extracti64x4_epi64(0xF, pairs, 1)), 16));
}
LOOKTWICE_AVX512_BF16 inline PairPlanes pairs_of(__m512 first, __m512 second, int planes) {
  PairPlanes made = {};
  made.high = (__m512i)_mm512_cvtne2ps_pbh(second, first);
  if (planes == 1) return made;
  first = rest_of(first, low_floats(made.high));
  second = rest_of(second, high_floats(made.high));
  made.middle = (__m512i)_mm512_cvtne2ps_pbh(second, first);
  if (planes == 2) return made;
  first = rest_of(first, low_floats(made.middle));
  second = rest_of(second, high_floats(made.middle));
  made.low = (__m512i)_mm512_cvtne2ps_pbh(second, first);
  return made;
}

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

// Sixteen words of a column each, turned.
LOOKTWICE_AVX512 inline void put_unit(__m512 (&block)[16], float* to) {
  turn(block);
#pragma GCC unroll 16
  for (std::int64_t k = 0; k < kPairStep; ++k) _mm512_storeu_ps(to + k * kPanel, block[k]);
}

template <class Element>
LOOKTWICE_AVX512_BF16 void pack_pairs(const Element* x, std::int64_t x_step, std::int64_t columns,
                                      std::int64_t count, int planes, std::int64_t step,
                                      float* to) {
  constexpr std::int64_t kSome = 2 * kPanel;
  for (std::int64_t i = 0; i < count; i += kSome, to += step) {
    __m512 blocks[3][16];
    if constexpr (std::is_same_v<Element, Bf16>)
      if (planes == 1 && columns == kPanel && count - i >= kSome) {  // neighbours are pairs already
#pragma GCC unroll 16
        for (std::int64_t column = 0; column < kPanel; ++column)
          blocks[0][column] = _mm512_loadu_ps(x + column * x_step + i);
        put_unit(blocks[0], to);
        continue;
      }
#pragma GCC unroll 16
    for (std::int64_t column = 0; column < kPanel; ++column) {
      const Element* from = x + std::min(column, columns) * x_step + i;
      const std::int64_t here = column < columns ? count - i : 0;
      const PairPlanes made =
          pairs_of(some(from, here), some(from + kPanel, here - kPanel), planes);
      blocks[0][column] = _mm512_castsi512_ps(made.high);
      blocks[1][column] = _mm512_castsi512_ps(made.middle);
      blocks[2][column] = _mm512_castsi512_ps(made.low);
    }
    for (int plane = 0; plane < planes; ++plane) put_unit(blocks[plane], to + plane * kUnit);
  }
}

template <class Element>
LOOKTWICE_AVX512 void pack_floats(const Element* x, std::int64_t x_step, std::int64_t columns,
                                  std::int64_t count, float* to) {
  for (std::int64_t i = 0; i < count; i += kPanel) {
    __m512 block[16];
#pragma GCC unroll 16
    for (std::int64_t column = 0; column < kPanel; ++column)
      block[column] =
          some(x + std::min(column, columns) * x_step + i, column < columns ? count - i : 0);
    turn(block);
#pragma GCC unroll 16
    for (std::int64_t k = 0; k < kPanel; ++k)
      if (i + k < count) _mm512_storeu_ps(to + (i + k) * kPanel, block[k]);
  }
}

#endif

template <class Element>
void pack_floats_plain(const Element* x, std::int64_t x_step, std::int64_t columns,
                       std::int64_t count, float* to) {
  for (std::int64_t k = 0; k < count; ++k)
    for (std::int64_t column = 0; column < kPanel; ++column)
      to[k * kPanel + column] = column < columns ? float_of(x[column * x_step + k]) : 0;
}

}  // namespace

void Words::Free::operator()(float* words) const {
  std::free(words);
}

Words::Words(std::int64_t count, bool zeros) : size_(count) {
  const std::int64_t bytes = up_to(std::max<std::int64_t>(count, 1), kLine) * 4;
  auto* words = static_cast<float*>(std::aligned_alloc(64, static_cast<std::size_t>(bytes)));
  if (!words) throw std::bad_alloc();
  if (zeros) std::memset(words, 0, static_cast<std::size_t>(bytes));
  words_.reset(words);
}

std::int64_t row_step(std::int64_t size) {
  const std::int64_t whole = up_to(size, kMostColumns);
  return whole / kLine % 2 == 0 ? whole + kLine : whole;
}

void tiles(Isa isa, Word word, Tile tile, std::int64_t rows) {
#ifdef LOOKTWICE_X86
  if (isa == Isa::amx && word == Word::pair) return unit_tiles(tile, rows);
  if (isa != Isa::plain) {
    const TileOf* of = isa == Isa::avx2       ? kNarrow
                       : word == Word::one    ? kWide<false>
                       : word == Word::halves ? kHalves
                                              : kWide<true>;
    const std::int64_t most = isa == Isa::avx2 ? std::ssize(kNarrow) : std::ssize(kHalves);
    // Tiles of like height: one of 14 rows and one of 1 would cost almost two of 14.
    std::int64_t left = rows, count = (rows + most - 1) / most;
    for (Ahead later(tile.later.at, tile.later.lines, count); count > 0; --count) {
      later.step();
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

void to_panel(const void* x, Number number, std::int64_t x_step, std::int64_t columns,
              std::int64_t count, Isa isa, float* to) {
  as_elements(x, number, [&](const auto* own) {
#ifdef LOOKTWICE_X86
    if (isa >= Isa::avx512) return pack_floats(own, x_step, columns, count, to);
#endif
    pack_floats_plain(own, x_step, columns, count, to);
  });
}

#ifdef LOOKTWICE_X86

LOOKTWICE_AVX512_BF16 void to_pairs(const float* x, std::int64_t count, int planes,
                                    std::int64_t step, float* to) {
  const auto* from = reinterpret_cast<const F32*>(x);
  for (std::int64_t i = 0; i < count; i += 2 * kPanel, to += kPanel) {
    const PairPlanes made =
        pairs_of(some(from + i, count - i), some(from + i + kPanel, count - i - kPanel), planes);
    _mm512_storeu_si512(to, made.high);
    if (planes > 1) _mm512_storeu_si512(to + step, made.middle);
    if (planes > 2) _mm512_storeu_si512(to + 2 * step, made.low);
  }
}

LOOKTWICE_AVX512 void to_halves(const float* x, std::int64_t count, float* to) {
  const auto* from = reinterpret_cast<const F32*>(x);
  for (std::int64_t i = 0; i < count; i += kPanel) {
    const __m512i half = _mm512_maskz_cvtepu16_epi32(
        0xFFFF,
        _mm512_maskz_cvtps_ph(0xFFFF, some(from + i, count - i), _MM_FROUND_TO_NEAREST_INT));
    _mm512_storeu_si512(to + i, _mm512_or_si512(half, _mm512_maskz_slli_epi32(0xFFFF, half, 16)));
  }
}

void to_pair_panel(const void* x, Number number, std::int64_t x_step, std::int64_t columns,
                   std::int64_t count, int planes, std::int64_t step, float* to) {
  as_elements(x, number,
              [&](const auto* own) { pack_pairs(own, x_step, columns, count, planes, step, to); });
}

#else

void to_pairs(const float*, std::int64_t, int, std::int64_t, float*) {}
void to_halves(const float*, std::int64_t, float*) {}
void to_pair_panel(const void*, Number, std::int64_t, std::int64_t, std::int64_t, int, std::int64_t,
                   float*) {}

#endif

}  // namespace looktwice::kernels
