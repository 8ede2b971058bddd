#include "adapters/kernels/ltfm_rows.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "adapters/kernels/lanes.h"
#include "adapters/kernels/ltfm_difference.h"

#ifdef LOOKTWICE_X86
#include <immintrin.h>
#endif

namespace looktwice::kernels {
namespace {

std::size_t size_of(std::int64_t count) {
  return static_cast<std::size_t>(count);
}
std::int64_t up_to(std::int64_t size, std::int64_t whole) {
  return (size + whole - 1) / whole * whole;
}

// Features that are laid out at a time stay in the second cache, while a level's matrix, which does
// not, streams past them.
std::int64_t block_rows_of(std::int64_t step) {
  constexpr std::int64_t kBlockWords = (1 << 20) / 4;
  return std::max<std::int64_t>(1, kBlockWords / step / LtfmRows::kTileRows) * LtfmRows::kTileRows;
}

// Features come from memory, row after row, and the machine itself does not look beyond a page.
constexpr std::size_t kRowsAhead = 4;

// A row's sums over columns, sixteen of |e|^2 and sixteen of e . difference.
constexpr std::int64_t kSums = 2 * kLanes;

LOOKTWICE_INLINE void add_columns(const float* c, std::int64_t rows, const float* difference,
                                  float* sums) {
  Lanes p[2], e, norm, dot;
  load(difference, p[0]);
  load(difference + kLanes, p[1]);
  for (std::int64_t row = 0; row < rows; ++row, c += kColumns, sums += kSums) {
    load(sums, norm);
    load(sums + kLanes, dot);
    for (int half = 0; half < 2; ++half) {
      load(c + half * kLanes, e);
      add_product(e, e, norm);
      add_product(e, p[half], dot);
    }
    store(norm, sums);
    store(dot, sums + kLanes);
  }
}
void add_columns_plain(const float* c, std::int64_t rows, const float* difference, float* sums) {
  add_columns(c, rows, difference, sums);
}
#ifdef LOOKTWICE_X86
LOOKTWICE_X86_AVX2 void add_columns_avx2(const float* c, std::int64_t rows, const float* difference,
                                         float* sums) {
  add_columns(c, rows, difference, sums);
}
LOOKTWICE_AVX512 void add_columns_avx512(const float* c, std::int64_t rows, const float* difference,
                                         float* sums) {
  const __m512 p0 = _mm512_loadu_ps(difference), p1 = _mm512_loadu_ps(difference + kLanes);
  for (std::int64_t row = 0; row < rows; ++row, c += kColumns, sums += kSums) {
    const __m512 e0 = _mm512_loadu_ps(c), e1 = _mm512_loadu_ps(c + kLanes);
    const __m512 norm = _mm512_fmadd_ps(e0, e0, _mm512_loadu_ps(sums));
    const __m512 dot = _mm512_fmadd_ps(e0, p0, _mm512_loadu_ps(sums + kLanes));
    _mm512_storeu_ps(sums, _mm512_fmadd_ps(e1, e1, norm));
    _mm512_storeu_ps(sums + kLanes, _mm512_fmadd_ps(e1, p1, dot));
  }
}
#endif
auto add_columns_of(Isa isa) {
#ifdef LOOKTWICE_X86
  if (isa >= Isa::avx512) return add_columns_avx512;
  if (isa == Isa::avx2) return add_columns_avx2;
#else
  (void)isa;
#endif
  return add_columns_plain;
}

float sum_of(const float* sums) {
  Lanes lanes;
  load(sums, lanes);
  return sum_of(lanes);
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

}  // namespace

LtfmRows::LtfmRows(const void* weight, Number number, const float* bias, std::int64_t dims,
                   std::int64_t hidden, Number features, Isa isa)
    : dims_(dims), hidden_(hidden), features_(features), isa_(isa) {
  if (isa == Isa::amx) {
    word_ = Word::pair;
    planes_ = features == Number::f32 ? 3 : 2;
    x_planes_ = planes_of(features);
  }
  const std::int64_t columns = up_to(dims, kColumns);
  bias_ = Words(columns);
  if (bias) std::copy_n(bias, dims, bias_.floats());
  Words rows(kColumns * hidden);
  const auto rows_of = [&](std::int64_t begin) {
    const std::int64_t count = std::min(kColumns, dims - begin);
    widen(static_cast<const std::byte*>(weight) + size_of(begin * hidden) * bytes_of(number),
          number, count * hidden, rows.floats());
    std::fill_n(rows.floats() + count * hidden, (kColumns - count) * hidden, 0.0f);
  };
  const auto is_zero = [&](std::int64_t k) {
    for (std::int64_t j = 0; j < kColumns; ++j)
      if (rows.floats()[j * hidden + k] != 0) return false;
    return true;
  };
  std::int64_t all = 0;
  for (std::int64_t begin = 0; begin < dims; begin += kColumns) {
    rows_of(begin);
    Pair pair{.begin = all};
    while (pair.first < hidden && is_zero(pair.first)) ++pair.first;
    if (word_ == Word::pair) pair.first -= pair.first % (2 * kPairStep);
    products_ += (hidden - pair.first) * kColumns;
    all += depth_from(pair.first) * planes_ * kColumns;
    pairs_.push_back(pair);
  }
  packed_ = Words(all);
  for (std::size_t i = 0; i < pairs_.size(); ++i) {
    rows_of(static_cast<std::int64_t>(i) * kColumns);
    const auto [first, begin] = pairs_[i];
    float* to = packed_.floats() + begin;
    if (word_ == Word::pair) {
      for (std::int64_t panel = 0; panel < 2; ++panel)
        to_pair_panel(rows.floats() + panel * kPanel * hidden + first, Number::f32, hidden, kPanel,
                      hidden - first, planes_, unit_step(planes_), to + panel * planes_ * kUnit);
      continue;
    }
    for (std::int64_t k = first; k < hidden; ++k)
      for (std::int64_t j = 0; j < kColumns; ++j) *to++ = rows.floats()[j * hidden + k];
  }
}

// Words of the depth, of one plane.
std::int64_t LtfmRows::depth_from(std::int64_t first) const {
  return word_ == Word::pair ? up_to((hidden_ - first + 1) / 2, kPairStep) : hidden_ - first;
}

std::int64_t LtfmRows::products_per_row() const {
  return products_;
}

// As factors of a product, at row_step(x_planes_ * depth_from(0)).
void LtfmRows::lay_out(const std::byte* features, std::int64_t rows, float* to) const {
  const std::int64_t plane = depth_from(0), step = row_step(x_planes_ * plane);
  const std::size_t row_bytes = size_of(hidden_) * bytes_of(features_);
  for (std::int64_t row = 0; row < rows; ++row, features += row_bytes, to += step) {
    for (std::size_t at = 0; at < row_bytes; at += 64)
      __builtin_prefetch(features + kRowsAhead * row_bytes + at, 0, 3);
    if (word_ != Word::pair) {
      widen(features, features_, hidden_, to);
    } else if (features_ == Number::bf16) {  // neighbours are pairs already
      std::memcpy(to, features, row_bytes);
    } else if (features_ == Number::f32) {
      to_pairs(reinterpret_cast<const float*>(features), hidden_, x_planes_, plane, to);
    } else {
      constexpr std::int64_t kSome = 256;
      float wide[kSome];
      for (std::int64_t k = 0; k < hidden_; k += kSome) {
        const std::int64_t count = std::min(kSome, hidden_ - k);
        widen(features + size_of(k) * 2, features_, count, wide);
        to_pairs(wide, count, x_planes_, plane, to + k / 2);
      }
    }
  }
}

// c[rows][kColumns] = bias + x times the pair's rows of the matrix.
void LtfmRows::multiply(const Pair& pair, const float* x, const float* bias, std::int64_t rows,
                        float* c) const {
  const bool units = word_ == Word::pair;
  const std::int64_t x_plane = depth_from(0), depth = depth_from(pair.first);
  // With vectors a pair of panels (24 KB) and a tile's rows stay in the first cache; matrix units
  // read both from the second as fast as they multiply, and sums had best stay in registers.
  const std::int64_t stretch = units ? 1024 : 192;
  const std::int64_t step = units ? unit_step(planes_) / kPairStep : kColumns;
  std::int64_t k = 0;
  do {  // once at least: a pair of zeros leaves the bias
    const std::int64_t some = std::min(stretch, depth - k);
    tiles(isa_, word_,
          {.a = x + (units ? pair.first / 2 : pair.first) + k,
           .a_step = row_step(x_planes_ * x_plane),
           .b = packed_.floats() + pair.begin + k * step,
           .b_step = kColumns,
           .b_panel = kPanel,
           .depth = some,
           .ahead = some * step,
           .c = c,
           .c_step = kColumns,
           .start = k == 0 ? bias : nullptr,
           .a_planes = x_planes_,
           .a_plane = x_plane,
           .b_planes = planes_},
          rows);
    k += some;
  } while (k < depth);
}

void LtfmRows::add(const void* features, std::int64_t rows, const float* prompts, const How& how,
                   float* map, Words& room) const {
  const std::int64_t step = row_step(x_planes_ * depth_from(0)), columns = up_to(dims_, kColumns);
  const std::int64_t most = std::min(rows, block_rows_of(step));
  const std::int64_t wanted = columns + most * (step + kColumns + kSums);
  if (room.size() < wanted) room = Words(wanted);
  float* const difference = room.floats();
  float* const c = difference + columns;
  float* const sums = c + most * kColumns;
  float* const x = sums + most * kSums;
  prompt_difference(prompts, dims_, how.selected, how.scale, difference);
  std::fill(difference + dims_, difference + columns, 0.0f);
  // What follows a row up to whole units of the depth; another level may have left numbers there.
  if (word_ == Word::pair && hidden_ % (2 * kPairStep) != 0) std::fill_n(x, most * step, 0.0f);
  const auto add_to_sums = add_columns_of(isa_);
  const std::size_t row_bytes = size_of(hidden_) * bytes_of(features_);
  const auto* from = static_cast<const std::byte*>(features);
  for (std::int64_t row = 0; row < rows;) {
    const std::int64_t count = std::min(most, rows - row);
    lay_out(from, count, x);
    from += size_of(count) * row_bytes;
    std::fill_n(sums, count * kSums, 0.0f);
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      const auto column = static_cast<std::int64_t>(i) * kColumns;
      multiply(pairs_[i], x, bias_.floats() + column, count, c);
      add_to_sums(c, count, difference + column, sums);
    }
    for (std::int64_t i = 0; i < count; ++i, ++row) {
      const float norm = sum_of(sums + i * kSums), dot = sum_of(sums + i * kSums + kLanes);
      map[row] += how.share / (1.0f + std::exp(dot / std::sqrt(norm)));
    }
  }
}

}  // namespace looktwice::kernels
