#include "adapters/nn/many_rows.h"

#include <ATen/Parallel.h>

#include <algorithm>

#include "adapters/nn/lanes.h"
#include "adapters/nn/panels.h"

namespace looktwice::nn {
namespace {

// Of the depth at a time: a pair of panels (24 KB) and a tile's rows stay in the first cache; in
// matrix units all of a stretch.
constexpr std::int64_t kDepth = 192;
// Of the depth, pairs of panels and rows at a time: 580 KB of each factor stay in the second; with
// matrix units, where x comes from the third, 880 and 440.
constexpr std::int64_t kStretch = 6 * kDepth, kPairs = 4, kRows = 126;
constexpr std::int64_t kUnitPairs = 12, kUnitRows = 64;  // pairs: of one plane
// Rows that are laid out for matrix units at a time.
constexpr std::int64_t kSlab = 1024;

std::int64_t count_of(std::int64_t size, std::int64_t each) {
  return (size + each - 1) / each;
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

kernels::Number number_of(WeightBits bits) {
  return bits == WeightBits::fp32   ? kernels::Number::f32
         : bits == WeightBits::bf16 ? kernels::Number::bf16
                                    : kernels::Number::f16;
}

// x as a product takes it: floats, or planes of pairs for matrix units.
struct Rows {
  const float* x = nullptr;
  std::int64_t step = 0, count = 0;  // words from row to row; rows
  bool units = false;
  int planes = 1;
  std::int64_t plane = 0;  // words

  // Where number k of a row is.
  const float* at(std::int64_t row, std::int64_t k) const {
    return x + row * step + (units ? k / 2 : k);
  }
};

// One thread's part: all of `pairs` pairs of panels from `first` on, for rows [row, row + rows).
struct Part {
  const Rows* x = nullptr;
  std::int64_t in = 0, row = 0, rows = 0, first = 0, pairs = 0;
  const RowMatrix* matrix = nullptr;
  Finish finish = {};
  Isa isa = Isa::plain;
};

// Where the sums of a pair of panels lie: in y, or in `edge` where y has not enough columns.
struct Place {
  float* at = nullptr;
  std::int64_t step = 0;
};

// Numbers [k, k + depth) of a pair of panels.
void pack_pair(const Part& part, std::int64_t pair, std::int64_t k, std::int64_t depth, int planes,
               float* to) {
  const RowMatrix& matrix = *part.matrix;
  for (std::int64_t panel = 0; panel < 2; ++panel) {
    const std::int64_t wanted = (part.first + pair) * kColumns + panel * kPanel;
    const std::int64_t o = std::min(wanted, matrix.out);
    const std::int64_t count = std::clamp<std::int64_t>(matrix.out - wanted, 0, kPanel);
    const kernels::Number number = number_of(matrix.bits);
    const auto* weight = static_cast<const std::byte*>(matrix.weight) +
                         static_cast<std::size_t>(o * part.in + k) * bytes_of(number);
    if (part.x->units)
      kernels::to_pair_panel(weight, number, part.in, count, depth, planes,
                             kernels::unit_step(planes), to + panel * planes * kernels::kUnit);
    else
      kernels::to_panel(weight, number, part.in, count, depth, part.isa,
                        to + panel * kPanel * depth);
  }
}

void make(const Part& part, Words& panels, Words& edge) {
  const RowMatrix& matrix = *part.matrix;
  const Rows& x = *part.x;
  const int planes = x.units ? kernels::planes_of(number_of(matrix.bits)) : 1;
  const std::int64_t out = matrix.out, stretch = std::min(kStretch, part.in);
  const std::int64_t pair_words =
      x.units ? count_of(stretch, 2 * kernels::kPairStep) * kernels::unit_step(planes)
              : kColumns * stretch;
  if (panels.size() < part.pairs * pair_words) panels = Words(part.pairs * pair_words, false);
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
    if (part.finish.add)
      for (std::int64_t row = 0; row < part.rows; ++row)
        std::copy_n(edge_row(pair, row), columns, edge.floats() + row * kColumns);
  }
  for (std::int64_t k = 0; k < part.in; k += kStretch) {
    const std::int64_t depth = std::min(kStretch, part.in - k);
    const bool is_first = k == 0, is_last = k + depth == part.in;
    for (std::int64_t pair = 0; pair < part.pairs; ++pair)
      pack_pair(part, pair, k, depth, planes, panels.floats() + pair * pair_words);
    const std::int64_t block = x.units ? kUnitRows : kRows;
    for (std::int64_t row = 0; row < part.rows; row += block) {
      const std::int64_t rows = std::min(block, part.rows - row);
      for (std::int64_t pair = 0; pair < part.pairs; ++pair) {
        const Place c = place_of(pair, row);
        const std::int64_t columns = columns_of(pair);
        float bias[kColumns] = {};
        if (matrix.bias) std::copy_n(matrix.bias + (part.first + pair) * kColumns, columns, bias);
        if (is_first && part.finish.add && matrix.bias)
          for (std::int64_t r = 0; r < rows; ++r)
            for (std::int64_t i = 0; i < kColumns; ++i) c.at[r * c.step + i] += bias[i];
        Tile tile{.a = x.at(part.row + row, k),
                  .a_step = x.step,
                  .b = panels.floats() + pair * pair_words,
                  .b_panel = kPanel * depth,
                  .c = c.at,
                  .c_step = c.step,
                  .start = is_first && !part.finish.add ? bias : nullptr,
                  .a_planes = x.planes,
                  .a_plane = x.plane,
                  .b_planes = planes};
        if (x.units) {
          tile.depth = count_of(depth, 2 * kernels::kPairStep) * kernels::kPairStep;
          tiles(part.isa, Word::pair, tile, rows);
        } else {
          for (std::int64_t d = 0; d < depth; d += kDepth) {
            tile.depth = std::min(kDepth, depth - d);
            tile.ahead = kPanel * kDepth;
            tiles(part.isa, Word::one, tile, rows);
            tile.a += kDepth;
            tile.b += kDepth * kPanel;
            tile.start = nullptr;
          }
        }
        if (is_last && part.finish.then == Then::gelu) gelu_for(part.isa)(c.at, c.step, rows);
        if (is_last && columns < kColumns)
          for (std::int64_t r = 0; r < rows; ++r)
            std::copy_n(c.at + r * c.step, columns, edge_row(pair, row + r));
      }
    }
  }
}

void multiply(const Rows& x, std::int64_t in, RowMatrix matrix, Finish finish, Isa isa) {
  const std::int64_t pairs = count_of(matrix.out, kColumns), threads = at::get_num_threads();
  // Where there are too few pairs of panels to keep all threads busy, rows are divided, too.
  const std::int64_t wanted = count_of(4 * threads, pairs);
  const std::int64_t slab = std::max(count_of(x.count, wanted), std::min(x.count, kRows));
  // Groups of like size, of which each thread has as many.
  const int planes = kernels::planes_of(number_of(matrix.bits));
  const std::int64_t most = x.units ? kUnitPairs / planes : kPairs;
  const std::int64_t groups = count_of(count_of(pairs, most), threads) * threads;
  const std::int64_t some = count_of(pairs, groups);
  const std::int64_t parts = count_of(pairs, some);
  at::parallel_for(0, parts * count_of(x.count, slab), 1, [&](std::int64_t i, std::int64_t end) {
    Words panels, edge;
    for (; i < end; ++i) {
      const std::int64_t row = i / parts * slab, first = i % parts * some;
      make({.x = &x,
            .in = in,
            .row = row,
            .rows = std::min(slab, x.count - row),
            .first = first,
            .pairs = std::min(some, pairs - first),
            .matrix = &matrix,
            .finish = finish,
            .isa = isa},
           panels, edge);
    }
  });
}

}  // namespace

void many_row_products(const float* x, std::int64_t rows, std::int64_t in,
                       std::span<const RowMatrix> matrices, Factors factors, Finish finish,
                       Isa isa) {
  if (isa != Isa::amx) {
    for (const RowMatrix& matrix : matrices)
      multiply({.x = x, .step = in, .count = rows}, in, matrix, finish, isa);
    return;
  }
  const int planes = factors == Factors::fp32 ? 3 : 1;
  const std::int64_t plane = count_of(in, 2 * kernels::kPairStep) * kernels::kPairStep;
  const std::int64_t step = row_step(planes * plane);
  Words room(std::min(rows, kSlab) * step, false);
  for (std::int64_t row = 0; row < rows; row += kSlab) {
    const std::int64_t count = std::min(kSlab, rows - row);
    constexpr std::int64_t kGrain = 32;
    at::parallel_for(0, count, kGrain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r)
        kernels::to_pairs(x + (row + r) * in, in, planes, plane, room.floats() + r * step);
    });
    const Rows laid_out{.x = room.floats(),
                        .step = step,
                        .count = count,
                        .units = true,
                        .planes = planes,
                        .plane = plane};
    for (RowMatrix matrix : matrices) {
      matrix.y += row * matrix.out;
      multiply(laid_out, in, matrix, finish, isa);
    }
  }
}

}  // namespace looktwice::nn
