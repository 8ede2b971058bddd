#include "metrics/pixel/normal_counts.h"

#include <algorithm>
#include <bit>
#include <new>
#include <utility>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace looktwice::metrics {
namespace {

// Where to count one pixel: below the `at`-th score of the group, and whether it equals it.
struct Place {
  std::uint32_t at = 0;
  bool equal = false;
};

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

// leading_bits() of a score is its upper 16 ordered bits, which are signed, counted from the
// middle.
constexpr int kMiddle = 1 << 15;

struct FewScores {
  const std::uint16_t* buckets = nullptr;
  const std::int16_t* scores = nullptr;
  std::uint32_t count = 0, shift = 0;
  Place operator()(std::uint32_t trailing) const {
    const auto value = static_cast<std::int16_t>(trailing ^ 0x8000U);
    const std::uint32_t at = smaller(scores, count, buckets[trailing >> shift], value);
    return {at, at < count && scores[at] == value};
  }
};

struct ManyScores {
  const std::uint64_t* words = nullptr;
  [[gnu::always_inline]] Place operator()(std::uint32_t trailing) const {
    const std::uint64_t word = words[trailing >> 5];
    const std::uint32_t bit = 1U << (trailing & 31);
    const auto bits = static_cast<std::uint32_t>(word);
    return {static_cast<std::uint32_t>(word >> 32) +
                static_cast<std::uint32_t>(std::popcount(bits & (bit - 1))),
            (bits & bit) != 0};
  }
};

inline void prefetch(const void* from, std::size_t bytes) {
  for (std::size_t at = 0; at < bytes; at += 64)
    __builtin_prefetch(static_cast<const char*>(from) + at);
}

// overflow(counts, at) when a count comes round to 0.
template <class Where, class Overflow>
[[gnu::always_inline]] inline void count_pile(std::span<const std::uint16_t> pile,
                                              const Where& where, std::uint16_t* below,
                                              std::uint16_t* equal, const Overflow& overflow) {
  for (const std::uint16_t trailing : pile) {
    const Place place = where(trailing);
    if (++below[place.at] == 0) [[unlikely]]
      overflow(below, place.at);
    if (place.equal && ++equal[place.at] == 0) [[unlikely]]
      overflow(equal, place.at);
  }
}

// The same code twice: with the processor's bit counting where there is one (x86 since 2008).
template <class Overflow>
void count_many(std::span<const std::uint16_t> pile, const ManyScores& where, std::uint16_t* below,
                std::uint16_t* equal, const Overflow& overflow) {
  count_pile(pile, where, below, equal, overflow);
}
#if defined(__x86_64__)
template <class Overflow>
[[gnu::target("popcnt")]] void count_many_popcnt(std::span<const std::uint16_t> pile,
                                                 const ManyScores& where, std::uint16_t* below,
                                                 std::uint16_t* equal, const Overflow& overflow) {
  count_pile(pile, where, below, equal, overflow);
}
bool has_popcnt() {
  static const bool has = __builtin_cpu_supports("popcnt");
  return has;
}
#endif

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
      below_{std::vector<std::uint16_t>(table_->scores() + table_->groups().size(), 0)},
      equal_{std::vector<std::uint16_t>(table_->scores(), 0)},
      gaps_(table_->groups().size() + 1, 0),
      locks_(new std::mutex[kLocks]) {}

std::uint64_t NormalCounts::Counter::operator[](std::size_t slot) const {
  if (high.empty()) return low[slot];
  const auto found = high.find(slot);
  return low[slot] + (found == high.end() ? 0 : found->second << 16);
}

void NormalCounts::count(std::size_t index, std::span<const std::uint16_t> pile) {
  const ScoreTable::Group& group = table_->groups()[index];
  std::uint16_t* below = below_.low.data() + group.first + index;
  std::uint16_t* equal = equal_.low.data() + group.first;
  const auto overflow = [&](const std::uint16_t* counts, std::uint32_t at) {
    const std::lock_guard hold(overflow_lock_);
    if (counts == below) {
      ++below_.high[group.first + index + at];
    } else {
      ++equal_.high[group.first + at];
    }
  };
  const bool fetch = pile.size() * 4 > group.count;  // else most of it in vain
  if (fetch) prefetch(below, group.count * sizeof *below);
  const std::lock_guard hold(locks_[index % kLocks]);
  if (!group.many) {
    const FewScores where{table_->buckets() + group.bucket, table_->trailing() + group.list,
                          group.count, group.shift};
    count_pile(pile, where, below, equal, overflow);
    return;
  }
  const ManyScores where{table_->words() + group.words};
  if (fetch) prefetch(where.words, ScoreTable::kWords * sizeof *where.words);
#if defined(__x86_64__)
  if (has_popcnt()) {
    count_many_popcnt(pile, where, below, equal, overflow);
    return;
  }
#endif
  count_many(pile, where, below, equal, overflow);
}

void NormalCounts::count(std::size_t index, std::uint16_t trailing, std::uint64_t times) {
  const ScoreTable::Group& group = table_->groups()[index];
  const Place place =
      group.many ? ManyScores{table_->words() + group.words}(trailing)
                 : FewScores{table_->buckets() + group.bucket, table_->trailing() + group.list,
                             group.count, group.shift}(trailing);
  const std::lock_guard hold(locks_[index % kLocks]);
  add(below_, group.first + index + place.at, times);
  if (place.equal) add(equal_, group.first + place.at, times);
}

void NormalCounts::add(Counter& counter, std::size_t slot, std::uint64_t times) {
  const std::uint64_t sum = counter.low[slot] + times;
  counter.low[slot] = static_cast<std::uint16_t>(sum);
  if (sum >> 16 == 0) return;
  const std::lock_guard hold(overflow_lock_);
  counter.high[slot] += sum >> 16;
}

void NormalCounts::add_gap(std::size_t gap, std::uint64_t times) {
  const std::lock_guard hold(overflow_lock_);
  gaps_[gap] += times;
}

NormalPiles::NormalPiles(std::shared_ptr<NormalCounts> counts)
    : counts_(std::move(counts)),
      next_(new std::uint16_t*[65536]),
      group_(new std::uint32_t[65536]),
      gaps_(counts_->gaps_.size(), 0) {
  constexpr std::size_t kHeap = 24 << 20;  // bytes at most; rounding down makes it 16 on average
  const auto groups = counts_->table().groups();
  pile_size_ = std::clamp<std::size_t>(std::bit_floor(kHeap / 2 / (groups.size() + 1)), 64, 16384);
  const std::size_t pile_bytes = pile_size_ * sizeof(std::uint16_t);
  heap_.reset(allocated((groups.size() + 1) * pile_bytes, std::max<std::size_t>(pile_bytes, 4096)));
  std::size_t g = 0;
  for (std::uint32_t leading = 0; leading < 65536; ++leading) {
    const bool in_group = g < groups.size() && groups[g].leading == leading;
    next_[leading] = in_group ? pile(g) : pile(groups.size());
    group_[leading] = static_cast<std::uint32_t>(g) | (in_group ? 0 : kGap);
    g += in_group;
  }
}

inline void NormalPiles::put(std::int16_t upper, std::uint16_t lower) {
  std::uint16_t** next = next_.get() + kMiddle + upper;
  std::uint16_t* at = *next;
  *at++ = lower;
  // Aligned to its size, a full pile ends where the low bits of the address come round.
  const auto address = reinterpret_cast<std::uintptr_t>(at);
  if ((address & (pile_size_ * sizeof(std::uint16_t) - 1)) == 0) [[unlikely]]
    return empty(upper, at);
  *next = at;
}

void NormalPiles::empty(std::int16_t upper, std::uint16_t* end) {
  const auto leading = static_cast<std::size_t>(kMiddle + upper);
  std::uint16_t* begin = end - pile_size_;
  if (group_[leading] & kGap) {
    gaps_[group_[leading] & ~kGap] += pile_size_;
  } else {
    counts_->count(group_[leading], {begin, end});
  }
  next_[leading] = begin;
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
      if (!add_tile(at, mask_at, tile)) return false;
      continue;
    }
    // The last, shorter one is filled up with pixels that the mask hides.
    hidden.fill(1);
    std::copy_n(mask_at, size, hidden.begin());
    std::copy_n(at, size, rest.begin());
    if (!add_tile(rest.data(), hidden.data(), tile)) return false;
  }
  return true;
}

bool NormalPiles::add_tile(const float* scores, const std::uint8_t* mask, Tile& tile) {
  std::uint8_t anomalous = 0;
  for (std::size_t i = 0; i < kTile; ++i) anomalous |= mask[i];
  const std::int32_t first = ordered_bits(scores[0]);
  std::uint32_t not_finite = 0;
  std::int32_t uneven = 0;
  for (std::size_t i = 0; i < kTile; ++i) {
    const std::int32_t ordered = ordered_bits(scores[i]);
    not_finite |= 0x7f7fffffU - (std::bit_cast<std::uint32_t>(scores[i]) & 0x7fffffffU);
    uneven |= ordered ^ first;
    tile.upper[i] = static_cast<std::int16_t>(ordered >> 16);
    tile.lower[i] = static_cast<std::uint16_t>(ordered);
  }
  if (anomalous == 0) {
    if (not_finite >> 31) return false;
    pixels_ += kTile;
    if (uneven == 0) {
      put_many(first, kTile);
    } else {
      for (std::size_t i = 0; i < kTile; ++i) put(tile.upper[i], tile.lower[i]);
    }
    return true;
  }
  for (std::size_t i = 0; i < kTile; ++i) {
    if (mask[i] != 0) continue;
    if (!is_finite(scores[i])) return false;
    put(tile.upper[i], tile.lower[i]);
    ++pixels_;
  }
  return true;
}

void NormalPiles::finish() const {
  const auto groups = counts_->table().groups();
  const std::uint16_t* nowhere = pile(groups.size());
  for (std::uint32_t leading = 0; leading < 65536; ++leading) {
    const std::uint32_t group = group_[leading];
    const std::uint16_t* begin = group & kGap ? nowhere : pile(group);
    if (next_[leading] == begin) continue;
    if (group & kGap) {
      counts_->add_gap(group & ~kGap, static_cast<std::uint64_t>(next_[leading] - begin));
    } else {
      counts_->count(group, {begin, next_[leading]});
    }
  }
  for (std::size_t gap = 0; gap < gaps_.size(); ++gap) counts_->add_gap(gap, gaps_[gap]);
  count_even();
}

}  // namespace looktwice::metrics
