#include "adapters/kernels/ltfm_rows.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "adapters/kernels/lanes.h"
#include "adapters/kernels/ltfm_difference.h"
#include "adapters/kernels/wide.h"

namespace looktwice::kernels {
namespace {

std::size_t size_of(std::int64_t count) {
  return static_cast<std::size_t>(count);
}
std::int64_t up_to(std::int64_t size, std::int64_t whole) {
  return (size + whole - 1) / whole * whole;
}

// Features that are laid out at a time stay in the second cache beside those that come next, while
// a level's matrix, which does not, streams past them.
std::int64_t block_rows_of(std::int64_t step, std::int64_t tile_rows) {
  constexpr std::int64_t kBlockWords = (1 << 19) / 4;
  return std::max<std::int64_t>(1, kBlockWords / step / tile_rows) * tile_rows;
}

// Features come from memory, row after row, and the machine itself does not look beyond a page.
constexpr std::size_t kRowsAhead = 4;
constexpr std::size_t kLineBytes = 64;

// sums[row][lanes] += squares of c[row][columns]
LOOKTWICE_INLINE void add_squares(const float* c, std::int64_t rows, float* sums) {
  Lanes e, sum;
  for (std::int64_t row = 0; row < rows; ++row, c += kColumns, sums += kLanes) {
    load(sums, sum);
    for (int half = 0; half < 2; ++half) {
      load(c + half * kLanes, e);
      add_product(e, e, sum);
    }
    store(sum, sums);
  }
}

template <class Element>
LOOKTWICE_INLINE float product_of(const Element* x, const float* along, std::int64_t count) {
  constexpr std::int64_t kStep = 2 * kLanes;
  Lanes even = {}, odd = {}, a, b;
  const std::int64_t whole = count / kStep * kStep;
  for (std::int64_t k = 0; k < whole; k += kStep) {
    load(x + k, a);
    load(along + k, b);
    add_product(a, b, even);
    load(x + k + kLanes, a);
    load(along + k + kLanes, b);
    add_product(a, b, odd);
  }
  add(odd, even);
  float sum = sum_of(even);
  for (std::int64_t k = whole; k < count; ++k) sum += float_of(x[k]) * along[k];
  return sum;
}

// to[count] += by * from[count]
LOOKTWICE_INLINE void add_row(float by, const float* from, std::int64_t count, float* to) {
  const std::int64_t whole = count / kLanes * kLanes;
  Lanes x, sum;
  for (std::int64_t k = 0; k < whole; k += kLanes) {
    load(from + k, x);
    load(to + k, sum);
    add_product(by, x, sum);
    store(sum, to + k);
  }
  for (std::int64_t k = whole; k < count; ++k) to[k] += by * from[k];
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

// The loops above as each machine has them.
struct Plain {
  static void squares(const float* c, std::int64_t rows, float* sums) {
    add_squares(c, rows, sums);
  }
  static void row(float by, const float* from, std::int64_t count, float* to) {
    add_row(by, from, count, to);
  }
  template <class Element>
  static float product(const Element* x, const float* along, std::int64_t count) {
    return product_of(x, along, count);
  }
  template <class Element>
  static void wide(const Element* from, std::int64_t count, float* to) {
    widen(from, count, to);
  }
};
#ifdef LOOKTWICE_X86
struct Avx2 {
  LOOKTWICE_AVX2_FMA static void squares(const float* c, std::int64_t rows, float* sums) {
    add_squares(c, rows, sums);
  }
  LOOKTWICE_AVX2_FMA static void row(float by, const float* from, std::int64_t count, float* to) {
    add_row(by, from, count, to);
  }
  template <class Element>
  LOOKTWICE_AVX2_FMA static float product(const Element* x, const float* along,
                                          std::int64_t count) {
    return product_of(x, along, count);
  }
  template <class Element>
  LOOKTWICE_AVX2_FMA static void wide(const Element* from, std::int64_t count, float* to) {
    widen(from, count, to);
  }
};
struct Avx512 : Avx2 {
  LOOKTWICE_AVX512 static void squares(const float* c, std::int64_t rows, float* sums) {
    for (std::int64_t row = 0; row < rows; ++row, c += kColumns, sums += kLanes) {
      const __m512 e0 = _mm512_loadu_ps(c), e1 = _mm512_loadu_ps(c + kLanes);
      const __m512 sum = _mm512_fmadd_ps(e0, e0, _mm512_loadu_ps(sums));
      _mm512_storeu_ps(sums, _mm512_fmadd_ps(e1, e1, sum));
    }
  }
  template <class Element>
  LOOKTWICE_AVX512 static float product(const Element* x, const float* along, std::int64_t count) {
    __m512 even = _mm512_setzero_ps(), odd = even;
    std::int64_t k = 0;
    for (; k + 2 * kLanes <= count; k += 2 * kLanes) {
      even = _mm512_fmadd_ps(loaded(x + k), _mm512_loadu_ps(along + k), even);
      odd = _mm512_fmadd_ps(loaded(x + k + kLanes), _mm512_loadu_ps(along + k + kLanes), odd);
    }
    for (; k < count; k += kLanes)
      even = _mm512_fmadd_ps(some(x + k, count - k),
                             _mm512_maskz_loadu_ps(mask_of(count - k), along + k), even);
    return _mm512_reduce_add_ps(_mm512_add_ps(even, odd));
  }
};
#endif

// of: given the loops for the machine, as a type.
auto with_loops(Isa isa, const auto& of) {
#ifdef LOOKTWICE_X86
  if (isa >= Isa::avx512) return of(Avx512{});
  if (isa == Isa::avx2) return of(Avx2{});
#else
  (void)isa;
#endif
  return of(Plain{});
}

float sum_of(const float* sums) {
  Lanes lanes;
  load(sums, lanes);
  return sum_of(lanes);
}

}  // namespace

LtfmRows::LtfmRows(const void* weight, Number number, const float* bias, std::int64_t dims,
                   std::int64_t hidden, Number features, Isa isa)
    : dims_(dims), hidden_(hidden), features_(features), isa_(isa) {
  if (isa == Isa::amx) {
    word_ = Word::pair;
    planes_ = features == Number::bf16 ? 1 : 2;
  }
  const std::int64_t columns = up_to(dims, kColumns);
  bias_ = Words(columns);
  if (bias) std::copy_n(bias, dims, bias_.floats());
  weight_ = Words(columns * hidden);
  as_elements(weight, number, [&](const auto* own) {
    with_loops(isa, [&](auto loops) { loops.wide(own, dims * hidden, weight_.floats()); });
  });
  std::int64_t all = 0;
  for (const float* rows = weight_.floats(); rows != weight_.floats() + columns * hidden;
       rows += kColumns * hidden) {
    const auto is_zero = [&](std::int64_t k) {
      for (std::int64_t j = 0; j < kColumns; ++j)
        if (rows[j * hidden + k] != 0) return false;
      return true;
    };
    Pair pair{.begin = all};
    while (pair.first < hidden && is_zero(pair.first)) ++pair.first;
    if (word_ == Word::pair) pair.first -= pair.first % (2 * kPairStep);
    products_ += (hidden - pair.first) * kColumns;
    all += depth_from(pair.first) * planes_ * kColumns;
    pairs_.push_back(pair);
  }
  packed_ = Words(all);
  const float* rows = weight_.floats();
  for (const auto [first, begin] : pairs_) {
    float* to = packed_.floats() + begin;
    if (word_ == Word::pair) {
      for (std::int64_t panel = 0; panel < 2; ++panel)
        to_pair_panel(rows + panel * kPanel * hidden + first, Number::f32, hidden, kPanel,
                      hidden - first, planes_, unit_step(planes_), to + panel * planes_ * kUnit);
    } else {
      for (std::int64_t k = first; k < hidden; ++k)
        for (std::int64_t j = 0; j < kColumns; ++j) *to++ = rows[j * hidden + k];
    }
    rows += kColumns * hidden;
  }
}

// Words of the depth, of one plane.
std::int64_t LtfmRows::depth_from(std::int64_t first) const {
  return word_ == Word::pair ? up_to((hidden_ - first + 1) / 2, kPairStep) : hidden_ - first;
}

std::int64_t LtfmRows::products_per_row() const {
  return products_;
}

LtfmRows::Against LtfmRows::against(const float* prompts, int selected, float scale) const {
  Words difference(dims_);
  prompt_difference(prompts, dims_, selected, scale, difference.floats());
  Against made{.along = Words(hidden_)};
  with_loops(isa_, [&](auto loops) {
    made.start =
        loops.product(reinterpret_cast<const F32*>(bias_.floats()), difference.floats(), dims_);
    for (std::int64_t d = 0; d < dims_; ++d) {
      const std::int64_t first = pairs_[size_of(d / kColumns)].first;
      loops.row(difference.floats()[d], weight_.floats() + d * hidden_ + first, hidden_ - first,
                made.along.floats() + first);
    }
  });
  return made;
}

// Rows as factors of a product, at row_step(planes_ * depth_from(0)), and what each has along.
void LtfmRows::lay_out(const std::byte* features, std::int64_t rows, const Against& against,
                       float* to, float* dots) const {
  const std::int64_t plane = depth_from(0), step = row_step(planes_ * plane);
  const std::size_t row_bytes = size_of(hidden_) * bytes_of(features_);
  as_elements(features, features_, [&](const auto* own) {
    with_loops(isa_, [&](auto loops) {
      for (std::int64_t row = 0; row < rows; ++row, own += hidden_, to += step) {
        const auto* bytes = reinterpret_cast<const std::byte*>(own);
        for (std::size_t at = 0; at < row_bytes; at += kLineBytes)
          __builtin_prefetch(bytes + kRowsAhead * row_bytes + at, 0, 3);
        dots[row] = against.start + loops.product(own, against.along.floats(), hidden_);
        if (word_ == Word::pair && features_ == Number::bf16) {  // neighbours are pairs already
          std::memcpy(to, own, row_bytes);
        } else if (word_ == Word::pair && features_ == Number::f32) {
          to_pairs(reinterpret_cast<const float*>(own), hidden_, planes_, plane, to);
        } else if (word_ == Word::pair) {
          constexpr std::int64_t kSome = 256;
          float wide[kSome];
          for (std::int64_t k = 0; k < hidden_; k += kSome) {
            const std::int64_t count = std::min(kSome, hidden_ - k);
            loops.wide(own + k, count, wide);
            to_pairs(wide, count, planes_, plane, to + k / 2);
          }
        } else {
          loops.wide(own, hidden_, to);
        }
      }
    });
  });
}

// c[rows][kColumns] = bias + x times the pair's rows of the matrix.
void LtfmRows::multiply(const Pair& pair, const float* x, const float* bias, std::int64_t rows,
                        Later later, float* c) const {
  const bool units = word_ == Word::pair;
  const std::int64_t x_plane = depth_from(0), depth = depth_from(pair.first);
  // With vectors a pair of panels (24 KB) and a tile's rows stay in the first cache.
  const std::int64_t stretch = units ? std::max<std::int64_t>(depth, 1) : 192;
  const std::int64_t step = units ? unit_step(planes_) / kPairStep : kColumns;
  std::int64_t k = 0;
  do {  // once at least: a pair of zeros leaves the bias
    const std::int64_t some = std::min(stretch, depth - k);
    const auto lines = later.lines * some / std::max<std::int64_t>(depth, 1);
    tiles(isa_, word_,
          {.a = x + (units ? pair.first / 2 : pair.first) + k,
           .a_step = row_step(planes_ * x_plane),
           .b = packed_.floats() + pair.begin + k * step,
           .b_step = kColumns,
           .b_panel = kPanel,
           .depth = some,
           .ahead = some * step,
           .later = {.at = later.at, .lines = lines},
           .c = c,
           .c_step = kColumns,
           .start = k == 0 ? bias : nullptr,
           .a_planes = planes_,
           .a_plane = x_plane,
           .b_planes = planes_},
          rows);
    later.at += lines * static_cast<std::int64_t>(kLineBytes);
    k += some;
  } while (k < depth);
}

void LtfmRows::add(const void* features, std::int64_t rows, const Against& against, float share,
                   float* map, Words& room) const {
  const std::int64_t step = row_step(planes_ * depth_from(0));
  const std::int64_t most =
      std::min(rows, block_rows_of(step, word_ == Word::pair ? kTileRows : kVectorRows));
  const std::int64_t wanted = most * (step + kColumns + kLanes + 1);
  if (room.size() < wanted) room = Words(wanted);
  float* const c = room.floats();
  float* const sums = c + most * kColumns;
  float* const x = sums + most * kLanes;
  float* const dots = x + most * step;
  // What follows a row up to whole units of the depth; another level may have left numbers there.
  if (word_ == Word::pair && hidden_ % (2 * kPairStep) != 0) std::fill_n(x, most * step, 0.0f);
  const auto row_bytes = hidden_ * static_cast<std::int64_t>(bytes_of(features_));
  const auto pairs = std::ssize(pairs_);
  const auto* from = static_cast<const std::byte*>(features);
  for (std::int64_t row = 0; row < rows;) {
    const std::int64_t count = std::min(most, rows - row);
    lay_out(from, count, against, x, dots);
    from += count * row_bytes;
    // The next rows come from memory while these are multiplied.
    const std::int64_t lines =
        std::min(most, rows - row - count) * row_bytes / static_cast<std::int64_t>(kLineBytes);
    std::fill_n(sums, count * kLanes, 0.0f);
    for (std::int64_t i = 0; i < pairs; ++i) {
      const std::int64_t line = lines * i / pairs;
      multiply(pairs_[size_of(i)], x, bias_.floats() + i * kColumns, count,
               {.at = from + line * static_cast<std::int64_t>(kLineBytes),
                .lines = lines * (i + 1) / pairs - line},
               c);
      with_loops(isa_, [&](auto loops) { loops.squares(c, count, sums); });
    }
    for (std::int64_t i = 0; i < count; ++i, ++row)
      map[row] += share / (1.0f + std::exp(dots[i] / std::sqrt(sum_of(sums + i * kLanes))));
  }
}

}  // namespace looktwice::kernels
