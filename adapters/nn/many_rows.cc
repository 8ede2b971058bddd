#include "adapters/nn/many_rows.h"

#include <ATen/Parallel.h>
#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#include <algorithm>

#include "adapters/kernels/turn.h"
#include "adapters/nn/lanes.h"
#include "adapters/nn/panels.h"

#ifdef LOOKTWICE_X86
// GCC 12 takes the undefined registers in its own AVX-512 headers for mistakes (GCC bug 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <immintrin.h>
#endif

namespace looktwice::nn {
namespace {

// Of the depth at a time: a pair of panels (24 KB) and a tile's rows stay in the first cache.
constexpr std::int64_t kDepth = 192;
// Of the depth, pairs of panels and rows at a time: 580 KB of each factor stay in the second.
constexpr std::int64_t kStretch = 6 * kDepth, kPairs = 4, kRows = 126;

std::int64_t count_of(std::int64_t size, std::int64_t each) {
  return (size + each - 1) / each;
}

// Outputs [o, o + count) and depth [k, k + depth) of a matrix as a panel: to[depth][kPanel], zeros
// where there is no output.
struct Stretch {
  const void* weight = nullptr;
  std::int64_t in = 0, o = 0, count = 0, k = 0, depth = 0;
  float* to = nullptr;
};

template <class Weight>
void pack_from(const Stretch& s, std::int64_t begin) {
  const Weight* from = static_cast<const Weight*>(s.weight) + s.o * s.in + s.k;
  for (std::int64_t k = begin; k < s.depth; ++k)
    for (std::int64_t o = 0; o < kPanel; ++o)
      s.to[k * kPanel + o] = o < s.count ? static_cast<float>(from[o * s.in + k]) : 0;
}

#ifdef LOOKTWICE_X86
LOOKTWICE_AVX512 inline __m512 sixteen(const float* w) {
  return _mm512_loadu_ps(w);
}
LOOKTWICE_AVX512 inline __m512 sixteen(const c10::BFloat16* w) {
  const __m256i half = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(w));
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}
LOOKTWICE_AVX512 inline __m512 sixteen(const c10::Half* w) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(w)));
}

template <class Weight>
LOOKTWICE_AVX512 std::int64_t pack_blocks(const Stretch& s) {
  const Weight* from = static_cast<const Weight*>(s.weight) + s.o * s.in + s.k;
  std::int64_t k = 0;
  for (; k + 16 <= s.depth; k += 16) {
    __m512 block[16];
#pragma GCC unroll 16
    for (int o = 0; o < 16; ++o)
      block[o] = o < s.count ? sixteen(from + o * s.in + k) : _mm512_setzero_ps();
    kernels::turn(block);
#pragma GCC unroll 16
    for (int o = 0; o < 16; ++o) _mm512_storeu_ps(s.to + (k + o) * kPanel, block[o]);
  }
  return k;
}
#endif

template <class Weight>
void pack(const Stretch& s, Isa isa) {
  std::int64_t begin = 0;
#ifdef LOOKTWICE_X86
  if (isa >= Isa::avx512) begin = pack_blocks<Weight>(s);
#else
  static_cast<void>(isa);
#endif
  pack_from<Weight>(s, begin);
}

void pack(const Stretch& s, WeightBits bits, Isa isa) {
  switch (bits) {
    case WeightBits::fp32:
      return pack<float>(s, isa);
    case WeightBits::bf16:
      return pack<c10::BFloat16>(s, isa);
    case WeightBits::fp16:
      return pack<c10::Half>(s, isa);
  }
}

// x / (1 + e^-2u) with u = sqrt(2 / pi) * (x + 0.044715 x^3), which is the same.
LOOKTWICE_INLINE void gelu(Lanes& x) {
  const Lanes u2 = x * (1.5957691216057308f + 0.071354816272600f * x * x);
  Lanes small = u2 < 0.0f ? u2 : -u2;
  exponential(small);
  x = x * (u2 < 0.0f ? small : Lanes{} + 1.0f) / (1.0f + small);
}

// y[rows][columns] in place; rows end where a pair of panels does.
LOOKTWICE_INLINE void gelu_block(float* y, std::int64_t step, std::int64_t rows) {
  for (std::int64_t row = 0; row < rows; ++row)
    for (std::int64_t i = 0; i < kColumns; i += kLanes) {
      Lanes own;
      load(y + row * step + i, own);
      gelu(own);
      store(own, y + row * step + i);
    }
}
void gelu_plain(float* y, std::int64_t step, std::int64_t rows) {
  gelu_block(y, step, rows);
}
#ifdef LOOKTWICE_X86
LOOKTWICE_AVX2_FMA void gelu_avx2(float* y, std::int64_t step, std::int64_t rows) {
  gelu_block(y, step, rows);
}
LOOKTWICE_AVX512 void gelu_avx512(float* y, std::int64_t step, std::int64_t rows) {
  gelu_block(y, step, rows);
}
#endif

auto gelu_for(Isa isa) {
  auto* own = gelu_plain;
#ifdef LOOKTWICE_X86
  if (isa >= Isa::avx2) own = gelu_avx2;
  if (isa >= Isa::avx512) own = gelu_avx512;
#else
  static_cast<void>(isa);
#endif
  return own;
}

// One thread's part: all of `pairs` pairs of panels from `first` on, for rows [row, row + rows).
struct Part {
  const float* x = nullptr;
  std::int64_t in = 0, row = 0, rows = 0, first = 0, pairs = 0;
  const RowMatrix* matrix = nullptr;
  bool add = false;
  Then then = Then::nothing;
  Isa isa = Isa::plain;
};

// Where the sums of a pair of panels lie: in y, or in `edge` where y has not enough columns.
struct Place {
  float* at = nullptr;
  std::int64_t step = 0;
};

void make(const Part& part, Words& panels, Words& edge) {
  const RowMatrix& matrix = *part.matrix;
  const std::int64_t out = matrix.out, pair_words = kColumns * std::min(kStretch, part.in);
  if (panels.size() < kPairs * pair_words) panels = Words(kPairs * pair_words);
  const auto columns_of = [&](std::int64_t pair) {
    return std::min(kColumns, out - (part.first + pair) * kColumns);
  };
  const auto place_of = [&](std::int64_t pair, std::int64_t row) -> Place {
    if (columns_of(pair) < kColumns) return {edge.floats() + row * kColumns, kColumns};
    return {matrix.y + (part.row + row) * out + (part.first + pair) * kColumns, out};
  };
  const auto edge_row = [&](std::int64_t pair, std::int64_t row) {
    return matrix.y + (part.row + row) * out + (part.first + pair) * kColumns;
  };
  for (std::int64_t pair = 0; pair < part.pairs; ++pair) {  // the last of a matrix at most
    const std::int64_t columns = columns_of(pair);
    if (columns == kColumns) continue;
    edge = Words(part.rows * kColumns);
    if (part.add)
      for (std::int64_t row = 0; row < part.rows; ++row)
        std::copy_n(edge_row(pair, row), columns, edge.floats() + row * kColumns);
  }
  for (std::int64_t k = 0; k < part.in; k += kStretch) {
    const std::int64_t depth = std::min(kStretch, part.in - k);
    const bool is_first = k == 0, is_last = k + depth == part.in;
    for (std::int64_t pair = 0; pair < part.pairs; ++pair)
      for (std::int64_t panel = 0; panel < 2; ++panel) {
        const std::int64_t o = (part.first + pair) * kColumns + panel * kPanel;
        pack({.weight = matrix.weight,
              .in = part.in,
              .o = std::min(o, out),
              .count = std::clamp<std::int64_t>(out - o, 0, kPanel),
              .k = k,
              .depth = depth,
              .to = panels.floats() + pair * pair_words + panel * kPanel * depth},
             matrix.bits, part.isa);
      }
    for (std::int64_t row = 0; row < part.rows; row += kRows) {
      const std::int64_t rows = std::min(kRows, part.rows - row);
      for (std::int64_t pair = 0; pair < part.pairs; ++pair) {
        const Place c = place_of(pair, row);
        const std::int64_t columns = columns_of(pair);
        float bias[kColumns] = {};
        if (matrix.bias) std::copy_n(matrix.bias + (part.first + pair) * kColumns, columns, bias);
        if (is_first && part.add && matrix.bias)
          for (std::int64_t r = 0; r < rows; ++r)
            for (std::int64_t i = 0; i < kColumns; ++i) c.at[r * c.step + i] += bias[i];
        for (std::int64_t d = 0; d < depth; d += kDepth)
          tiles(part.isa, Word::one,
                {.a = part.x + (part.row + row) * part.in + k + d,
                 .a_step = part.in,
                 .b = panels.floats() + pair * pair_words + d * kPanel,
                 .b_panel = kPanel * depth,
                 .depth = std::min(kDepth, depth - d),
                 .ahead = kPanel * kDepth,
                 .c = c.at,
                 .c_step = c.step,
                 .start = is_first && d == 0 && !part.add ? bias : nullptr},
                rows);
        if (is_last && part.then == Then::gelu) gelu_for(part.isa)(c.at, c.step, rows);
        if (is_last && columns < kColumns)
          for (std::int64_t r = 0; r < rows; ++r)
            std::copy_n(c.at + r * c.step, columns, edge_row(pair, row + r));
      }
    }
  }
}

}  // namespace

void many_row_products(const float* x, std::int64_t rows, std::int64_t in, const RowMatrix& matrix,
                       bool add, Then then, Isa isa) {
  const std::int64_t pairs = count_of(matrix.out, kColumns);
  // Where there are too few pairs of panels to keep all threads busy, rows are divided, too.
  const std::int64_t wanted = count_of(4 * at::get_num_threads(), pairs);
  const std::int64_t slab = std::max(count_of(rows, wanted), std::min(rows, kRows));
  at::parallel_for(0, pairs * count_of(rows, slab), 1, [&](std::int64_t begin, std::int64_t end) {
    Words panels, edge;
    while (begin < end) {
      const std::int64_t row = begin / pairs * slab, first = begin % pairs;
      const std::int64_t some = std::min({kPairs, pairs - first, end - begin});
      make({.x = x,
            .in = in,
            .row = row,
            .rows = std::min(slab, rows - row),
            .first = first,
            .pairs = some,
            .matrix = &matrix,
            .add = add,
            .then = then,
            .isa = isa},
           panels, edge);
      begin += some;
    }
  });
}

}  // namespace looktwice::nn
