#include "metrics/pixel/normal_counts.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>
#include <numeric>
#include <utility>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif
#if defined(__linux__)
#include <sys/mman.h>
#endif

// The two loops that each normal pixel goes through: 10 % of the whole.
#if defined(__clang__)
#define LOOKTWICE_UNROLL_4 _Pragma("unroll 4")
#else
#define LOOKTWICE_UNROLL_4 _Pragma("GCC unroll 4")
#endif

namespace looktwice::metrics {
namespace {

// The number of ascending[0..count) that are smaller than `value`, counted from `start` on, which
// is not beyond it. Reads up to 8 entries past the end.
inline std::uint32_t smaller(const std::int16_t* ascending, std::uint32_t count,
                             std::uint32_t start, std::int16_t value) {
#if defined(__SSE2__)
  const __m128i eight = _mm_set1_epi16(value);
  for (;;) {
    const __m128i scores = _mm_loadu_si128(reinterpret_cast<const __m128i*>(ascending + start));
    const auto less = static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_cmpgt_epi16(eight, scores)));
    const auto many = static_cast<std::uint32_t>(std::countr_one(less)) / 2;
    start += many;
    if (many < 8 || start >= count) return std::min(start, count);
  }
#else
  while (start < count && ascending[start] < value) ++start;
  return start;
#endif
}

// Where a pixel is counted: twice the scores of the group that are smaller, one more if it equals
// the next.
struct FewScores {
  const std::uint16_t* buckets = nullptr;
  const std::int16_t* scores = nullptr;
  std::uint32_t count = 0, shift = 0;
  std::uint32_t operator()(std::uint32_t trailing) const {
    const auto value = static_cast<std::int16_t>(trailing ^ 0x8000U);
    const std::uint32_t at = smaller(scores, count, buckets[trailing >> shift], value);
    return 2 * at + (at < count && scores[at] == value);
  }
};

struct ManyScores {
  const std::uint64_t* words = nullptr;
  [[gnu::always_inline]] std::uint32_t operator()(std::uint32_t trailing) const {
    const std::uint64_t word = words[trailing >> 5];
    const std::uint32_t place = trailing & 31, bits = static_cast<std::uint32_t>(word);
    const auto smaller_here = static_cast<std::uint32_t>(std::popcount(bits & ((1U << place) - 1)));
    return 2 * (static_cast<std::uint32_t>(word >> 32) + smaller_here) + (bits >> place & 1);
  }
};

// A pile of many against few scores: counted first in even steps of the trailing bits, at least
// kSteps per score, so that only the pixels of the few steps that hold a score are compared with
// it, and all others are one addition.
class Steps {
 public:
  static constexpr std::uint32_t kLeast = 256, kMost = 4096, kSteps = 8;
  // Piles from here on gain by it.
  static constexpr std::size_t least_pile(std::uint32_t scores) { return 4 * steps(scores); }

  explicit Steps(const FewScores& where)
      : where_(where), count_(steps(where.count)), shift_(16 - std::countr_zero(count_)) {
    std::fill_n(pixels_.begin(), count_, 0U);
    std::fill_n(holds_score_.begin(), count_, std::uint8_t{0});
    for (std::uint32_t i = 0; i < where.count; ++i)
      holds_score_[static_cast<std::uint32_t>(where.scores[i] + 32768) >> shift_] = 1;
  }

  // Calls exactly(trailing) for the pixels beside a score, then between(i, n) for n pixels that lie
  // below score i and above the one before it.
  template <class Exactly, class Between>
  void count(std::span<const std::uint16_t> pile, const Exactly& exactly, const Between& between) {
    constexpr std::size_t kBatch = 1024;
    std::array<std::uint16_t, kBatch> beside = {};
    for (std::size_t begin = 0; begin < pile.size(); begin += kBatch) {
      std::size_t found = 0;
      for (const std::uint16_t trailing :
           pile.subspan(begin, std::min(kBatch, pile.size() - begin))) {
        const std::uint32_t step = trailing >> shift_;
        ++pixels_[step];
        beside[found] = trailing;
        found += holds_score_[step];
      }
      for (std::size_t i = 0; i < found; ++i) exactly(beside[i]);
    }
    std::uint32_t step = 0;
    for (std::uint32_t i = 0; i <= where_.count; ++i) {
      const std::uint32_t end = i < where_.count
                                    ? static_cast<std::uint32_t>(where_.scores[i] + 32768) >> shift_
                                    : count_;
      if (step < end) {
        between(i, std::accumulate(pixels_.begin() + step, pixels_.begin() + end, 0U));
      }
      step = end + 1;
    }
  }

 private:
  static constexpr std::uint32_t steps(std::uint32_t scores) {
    return std::clamp(std::bit_ceil(kSteps * scores), kLeast, kMost);
  }
  FewScores where_ = {};
  std::uint32_t count_ = 0;
  int shift_ = 0;
  std::array<std::uint32_t, kMost> pixels_;
  std::array<std::uint8_t, kMost> holds_score_;
};

inline void prefetch(const void* from, std::size_t bytes) {
  for (std::size_t at = 0; at < bytes; at += 64)
    __builtin_prefetch(static_cast<const char*>(from) + at);
}

// overflow(slot) when a count comes round to 0.
template <class Where, class Overflow>
[[gnu::always_inline]] inline void count_pile(std::span<const std::uint16_t> pile,
                                              const Where& where, std::uint16_t* slots,
                                              const Overflow& overflow) {
  LOOKTWICE_UNROLL_4
  for (const std::uint16_t trailing : pile) {
    const std::uint32_t slot = where(trailing);
    if (++slots[slot] == 0) [[unlikely]]
      overflow(slot);
  }
}

// One tile of scores as ordered bits, in two halves. What else is asked of it: whether all are
// finite, whether all are the same.
struct Halves {
  std::uint16_t* leading = nullptr;
  std::uint16_t* trailing = nullptr;
  bool finite = true, even = true;
};
template <std::size_t size>
[[gnu::always_inline]] inline void split(const float* scores, Halves& halves) {
  const std::int32_t first = ordered_bits(scores[0]);
  std::uint32_t not_finite = 0;
  std::int32_t uneven = 0;
  for (std::size_t i = 0; i < size; ++i) {
    const std::int32_t ordered = ordered_bits(scores[i]);
    not_finite |= 0x7f7fffffU - (std::bit_cast<std::uint32_t>(scores[i]) & 0x7fffffffU);
    uneven |= ordered ^ first;
    halves.leading[i] = static_cast<std::uint16_t>(leading_bits(ordered));
    halves.trailing[i] = static_cast<std::uint16_t>(ordered);
  }
  halves.finite = not_finite >> 31 == 0;
  halves.even = uneven == 0;
}

// The same code twice: for any processor and for one with AVX2 (x86 since 2013).
template <class Overflow>
void count_many(std::span<const std::uint16_t> pile, const ManyScores& where, std::uint16_t* slots,
                const Overflow& overflow) {
  count_pile(pile, where, slots, overflow);
}
template <std::size_t size>
void split_any(const float* scores, Halves& halves) {
  split<size>(scores, halves);
}
#if defined(__x86_64__)
template <class Overflow>
[[gnu::target("avx2,bmi,bmi2,popcnt")]] void count_many_avx2(std::span<const std::uint16_t> pile,
                                                             const ManyScores& where,
                                                             std::uint16_t* slots,
                                                             const Overflow& overflow) {
  count_pile(pile, where, slots, overflow);
}
template <std::size_t size>
[[gnu::target("avx2,bmi,bmi2,popcnt")]] void split_avx2(const float* scores, Halves& halves) {
  split<size>(scores, halves);
}
bool has_avx2() {
  static const bool has = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") &&
                          __builtin_cpu_supports("bmi") && __builtin_cpu_supports("popcnt");
  return has;
}
#endif

// One line of 64 bytes to where it will not be read soon: the cache is for tables and lines.
inline void copy_past_cache(std::uint16_t* to, const std::uint16_t* from) {
#if defined(__SSE2__)
  auto* target = reinterpret_cast<__m128i*>(to);
  const auto* source = reinterpret_cast<const __m128i*>(from);
  for (int i = 0; i < 4; ++i) _mm_stream_si128(target + i, _mm_load_si128(source + i));
#else
  std::memcpy(to, from, 64);
#endif
}

std::uint16_t* allocated(std::size_t bytes, std::size_t alignment) {
  void* memory = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (!memory) throw std::bad_alloc();
#if defined(__linux__)
  // A thousand piles are a thousand pages: large ones spare the address translation. Only a hint.
  madvise(memory, bytes, MADV_HUGEPAGE);
#endif
  return static_cast<std::uint16_t*>(memory);
}

}  // namespace

NormalCounts::NormalCounts(std::shared_ptr<const ScoreTable> table)
    : table_(std::move(table)),
      slots_{std::vector<std::uint16_t>(2 * (table_->scores() + table_->groups().size()), 0)},
      gaps_(table_->groups().size() + 1, 0),
      locks_(new std::mutex[kLocks]) {}

void NormalCounts::count(std::size_t index, std::span<const std::uint16_t> pile) {
  const ScoreTable::Group& group = table_->groups()[index];
  const std::size_t first = 2 * (group.first + index);
  std::uint16_t* slots = slots_.low.data() + first;
  const auto overflow = [&](std::uint32_t slot) {
    const std::lock_guard hold(overflow_lock_);
    ++slots_.high[first + slot];
  };
  const bool fetch = pile.size() * 4 > group.count;  // else most of it in vain
  if (fetch) prefetch(slots, 2 * group.count * sizeof *slots);
  const std::lock_guard hold(locks_[index % kLocks]);
  if (!group.many) {
    const FewScores where{table_->buckets() + group.bucket, table_->trailing() + group.list,
                          group.count, group.shift};
    if (pile.size() < Steps::least_pile(group.count)) {
      count_pile(pile, where, slots, overflow);
      return;
    }
    Steps(where).count(
        pile,
        [&](std::uint16_t trailing) {
          const std::uint32_t slot = where(trailing);
          if (++slots[slot] == 0) [[unlikely]]
            overflow(slot);
        },
        [&](std::uint32_t i, std::uint32_t pixels) { add(first + 2 * i, pixels); });
    return;
  }
  const ManyScores where{table_->words() + group.words};
  if (fetch) prefetch(where.words, ScoreTable::kWords * sizeof *where.words);
#if defined(__x86_64__)
  if (has_avx2()) {
    count_many_avx2(pile, where, slots, overflow);
    return;
  }
#endif
  count_many(pile, where, slots, overflow);
}

void NormalCounts::count(std::size_t index, std::uint16_t trailing, std::uint64_t times) {
  const ScoreTable::Group& group = table_->groups()[index];
  const std::uint32_t slot =
      group.many ? ManyScores{table_->words() + group.words}(trailing)
                 : FewScores{table_->buckets() + group.bucket, table_->trailing() + group.list,
                             group.count, group.shift}(trailing);
  const std::lock_guard hold(locks_[index % kLocks]);
  add(2 * (group.first + index) + slot, times);
}

void NormalCounts::add(std::size_t slot, std::uint64_t times) {
  const std::uint64_t sum = slots_.low[slot] + times;
  slots_.low[slot] = static_cast<std::uint16_t>(sum);
  if (sum >> 16 == 0) return;
  const std::lock_guard hold(overflow_lock_);
  slots_.high[slot] += sum >> 16;
}

void NormalCounts::add_gap(std::size_t gap, std::uint64_t times) {
  const std::lock_guard hold(overflow_lock_);
  gaps_[gap] += times;
}

struct NormalPiles::Tile {
  alignas(64) std::array<std::uint16_t, kTile> leading = {}, trailing = {};
};

NormalPiles::NormalPiles(std::shared_ptr<NormalCounts> counts, std::size_t pile_bytes)
    : counts_(std::move(counts)),
      lines_(allocated(kLeading * kLine * sizeof(std::uint16_t), 1 << 12)),
      next_(new std::uint32_t[kLeading]),
      group_(new std::uint32_t[kLeading]),
      gaps_(counts_->gaps_.size(), 0) {
  const auto groups = counts_->table().groups();
  pile_size_ =
      std::clamp<std::size_t>(pile_bytes / 2 / (groups.size() + 1), 64, 16384) / kLine * kLine;
  heap_.reset(allocated(std::max<std::size_t>(groups.size(), 1) * pile_size_ * 2, 1 << 12));
  filled_.assign(groups.size(), 0);
  std::size_t g = 0;
  for (std::uint32_t leading = 0; leading < kLeading; ++leading) {
    const bool in_group = g < groups.size() && groups[g].leading == leading;
    next_[leading] = leading * kLine;
    group_[leading] = static_cast<std::uint32_t>(g) | (in_group ? 0 : kGap);
    g += in_group;
  }
}

inline void NormalPiles::put(const Tile& tile, std::size_t count) {
  std::uint32_t* next = next_.get();
  std::uint16_t* lines = lines_.get();
  LOOKTWICE_UNROLL_4
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t leading = tile.leading[i];
    const std::uint32_t at = next[leading];
    lines[at] = tile.trailing[i];
    next[leading] = at + 1;
    if ((at + 1) % kLine == 0) [[unlikely]]
      empty_line(leading);
  }
}

[[gnu::noinline]] void NormalPiles::empty_line(std::uint32_t leading) {
  next_[leading] = leading * kLine;
  const std::uint32_t group = group_[leading];
  if (group & kGap) {
    gaps_[group & ~kGap] += kLine;
    return;
  }
  std::uint32_t& filled = filled_[group];
  copy_past_cache(pile(group) + filled, lines_.get() + std::size_t{leading} * kLine);
  filled += kLine;
  if (filled < pile_size_) return;
  counts_->count(group, {pile(group), pile_size_});
  filled = 0;
}

void NormalPiles::put_many(std::int32_t ordered, std::int64_t times) {
  if (ordered != even_) {
    count_even();
    even_ = ordered;
    even_times_ = 0;
  }
  even_times_ += times;
}

void NormalPiles::count_even() const {
  if (even_times_ == 0) return;
  const std::uint32_t group = group_[leading_bits(even_)];
  const auto times = static_cast<std::uint64_t>(even_times_);
  if (group & kGap) {
    counts_->add_gap(group & ~kGap, times);
  } else {
    counts_->count(group, static_cast<std::uint16_t>(even_), times);
  }
}

bool NormalPiles::add(std::span<const float> scores, std::span<const std::uint8_t> mask) {
  Tile tile;
  std::array<std::uint8_t, kTile> none = {}, hidden = {};
  std::array<float, kTile> rest = {};
  for (std::size_t begin = 0; begin < scores.size(); begin += kTile) {
    const std::size_t size = std::min(kTile, scores.size() - begin);
    const float* at = scores.data() + begin;
    const std::uint8_t* mask_at = mask.empty() ? none.data() : mask.data() + begin;
    if (size == kTile) {
      prefetch(at + kTile, kTile * sizeof *at);
      prefetch(mask_at + kTile, kTile);
      if (!add_tile(at, mask_at, tile)) return false;
      continue;
    }
    // The last, shorter one is filled up with pixels that the mask hides.
    hidden.fill(1);
    std::copy_n(mask_at, size, hidden.begin());
    std::copy_n(at, size, rest.begin());
    if (!add_tile(rest.data(), hidden.data(), tile)) return false;
  }
#if defined(__SSE2__)
  _mm_sfence();  // another thread may call finish()
#endif
  return true;
}

bool NormalPiles::add_tile(const float* scores, const std::uint8_t* mask, Tile& tile) {
  Halves halves{tile.leading.data(), tile.trailing.data()};
#if defined(__x86_64__)
  if (has_avx2()) {
    split_avx2<kTile>(scores, halves);
  } else
#endif
    split_any<kTile>(scores, halves);
  if (!halves.finite) return false;
  std::uint64_t anomalous = 0;
  for (std::size_t i = 0; i < kTile; i += sizeof anomalous) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, mask + i, sizeof eight);
    anomalous |= eight;
  }
  if (anomalous == 0) {
    pixels_ += kTile;
    if (halves.even) {
      put_many(ordered_bits(scores[0]), kTile);
    } else {
      put(tile, kTile);
    }
    return true;
  }
  std::size_t count = 0;
  for (std::size_t i = 0; i < kTile; ++i) {
    tile.leading[count] = tile.leading[i];
    tile.trailing[count] = tile.trailing[i];
    count += mask[i] == 0;
  }
  put(tile, count);
  pixels_ += static_cast<std::int64_t>(count);
  return true;
}

void NormalPiles::finish(std::uint32_t first, std::uint32_t last) const {
  for (std::uint32_t leading = first; leading < last; ++leading) {
    const std::uint16_t* line = lines_.get() + std::size_t{leading} * kLine;
    const std::uint32_t size = next_[leading] - leading * kLine;
    const std::uint32_t group = group_[leading];
    if (group & kGap) {
      if (size > 0) counts_->add_gap(group & ~kGap, size);
      continue;
    }
    const std::uint32_t filled = filled_[group];  // whole lines, and never the last
    std::copy_n(line, size, pile(group) + filled);
    if (filled + size > 0) counts_->count(group, {pile(group), filled + size});
  }
}

void NormalPiles::finish_rest() const {
  for (std::size_t gap = 0; gap < gaps_.size(); ++gap)
    if (gaps_[gap] > 0) counts_->add_gap(gap, gaps_[gap]);
  count_even();
}

}  // namespace looktwice::metrics
