#include "metrics/pixel/normal_counts.h"

#include <algorithm>
#include <array>
#include <bit>
#include <type_traits>
#include <utility>

#if defined(__SSE2__)
#include <emmintrin.h>
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

inline void prefetch(const void* from, std::size_t bytes) {
  for (std::size_t at = 0; at < bytes; at += 64)
    __builtin_prefetch(static_cast<const char*>(from) + at);
}

}  // namespace

NormalCounts::NormalCounts(std::shared_ptr<const ScoreTable> table)
    : table_(std::move(table)),
      below_(table_->scores() + table_->groups().size(), 0),
      equal_(table_->scores(), 0),
      gaps_(table_->groups().size() + 1, 0),
      locks_(new std::mutex[kLocks]) {}

void NormalCounts::count(std::size_t index, std::span<const std::uint16_t> pile) {
  const ScoreTable::Group& group = table_->groups()[index];
  const std::uint16_t* buckets = table_->buckets() + group.bucket;
  const std::int16_t* scores = table_->trailing() + group.first;
  std::uint32_t* below = below_.data() + group.first + index;
  std::uint16_t* equal = equal_.data() + group.first;
  const std::uint32_t count = group.count, shift = group.shift;
  if (pile.size() * 4 > count) {  // else most of it would be fetched in vain
    prefetch(scores, count * sizeof *scores);
    prefetch(below, count * sizeof *below);
    prefetch(buckets, (std::size_t{2} << 16) >> shift);
  }
  const std::lock_guard hold(locks_[index % kLocks]);
  const auto carry = [&](auto& carries, std::size_t slot) {
    const std::lock_guard hold_carries(carries_lock_);
    ++carries[slot];
  };
  for (const std::uint16_t trailing : pile) {
    const auto value = static_cast<std::int16_t>(trailing ^ 0x8000);
    const std::uint32_t at = smaller(scores, count, buckets[trailing >> shift], value);
    if (++below[at] == 0) carry(below_carries_, group.first + index + at);
    if (scores[at] == value && at < count && ++equal[at] == 0)
      carry(equal_carries_, group.first + at);
  }
}

void NormalCounts::count(std::size_t index, std::uint16_t trailing, std::uint64_t times) {
  const ScoreTable::Group& group = table_->groups()[index];
  const std::int16_t* scores = table_->trailing() + group.first;
  const auto value = static_cast<std::int16_t>(trailing ^ 0x8000);
  const std::uint32_t start = table_->buckets()[group.bucket + (trailing >> group.shift)];
  const std::uint32_t at = smaller(scores, group.count, start, value);
  const auto add = [&](auto& count, auto& carries, std::size_t slot) {
    constexpr int kBits = 8 * sizeof count;
    const std::uint64_t sum = count + times;
    count = static_cast<std::remove_reference_t<decltype(count)>>(sum);
    if (sum >> kBits == 0) return;
    const std::lock_guard hold_carries(carries_lock_);
    carries[slot] += sum >> kBits;
  };
  const std::lock_guard hold(locks_[index % kLocks]);
  add(below_[group.first + index + at], below_carries_, group.first + index + at);
  if (at < group.count && scores[at] == value)
    add(equal_[group.first + at], equal_carries_, group.first + at);
}

void NormalCounts::add_gaps(std::span<const std::int64_t> gaps) {
  const std::lock_guard hold(carries_lock_);
  for (std::size_t i = 0; i < gaps.size(); ++i) gaps_[i] += gaps[i];
}

void NormalCounts::add_gap(std::size_t gap, std::int64_t times) {
  const std::lock_guard hold(carries_lock_);
  gaps_[gap] += times;
}

std::uint64_t NormalCounts::below_count(std::size_t slot) const {
  const auto carries = below_carries_.find(slot);
  return below_[slot] + (carries == below_carries_.end() ? 0 : carries->second << 32);
}

std::uint64_t NormalCounts::equal_count(std::size_t score) const {
  const auto carries = equal_carries_.find(score);
  return equal_[score] + (carries == equal_carries_.end() ? 0 : carries->second << 16);
}

NormalPiles::NormalPiles(std::shared_ptr<NormalCounts> counts)
    : counts_(std::move(counts)), piles_(1 << 16), gaps_(counts_->gaps_.size(), 0) {
  const auto groups = counts_->table().groups();
  pile_size_ =
      std::clamp<std::size_t>(kBytes / 2 / std::max<std::size_t>(groups.size(), 1), 64, 16384);
  heap_.reset(new std::uint16_t[pile_size_ * groups.size()]);
  std::size_t g = 0;
  for (std::uint32_t leading = 0; leading < piles_.size(); ++leading) {
    if (g < groups.size() && groups[g].leading == leading) {
      piles_[leading].group = static_cast<std::uint32_t>(g++);
    } else {
      piles_[leading].group = kGap | static_cast<std::uint32_t>(g);
    }
  }
}

inline void NormalPiles::put(std::int32_t ordered) {
  Pile& pile = piles_[leading_bits(ordered)];
  if (pile.group & kGap) {
    ++gaps_[pile.group & ~kGap];
    return;
  }
  std::uint16_t* own = heap_.get() + pile.group * pile_size_;
  own[pile.fill++] = static_cast<std::uint16_t>(ordered);
  if (pile.fill == pile_size_) {
    counts_->count(pile.group, {own, pile_size_});
    pile.fill = 0;
  }
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
  const Pile& pile = piles_[leading_bits(even_)];
  if (pile.group & kGap) {
    counts_->add_gap(pile.group & ~kGap, even_times_);
  } else {
    counts_->count(pile.group, static_cast<std::uint16_t>(even_),
                   static_cast<std::uint64_t>(even_times_));
  }
}

bool NormalPiles::add(std::span<const float> scores, std::span<const std::uint8_t> mask) {
  Tile tile;
  std::array<std::uint8_t, kTile> normal = {};
  std::array<float, kTile> rest = {};
  for (std::size_t begin = 0; begin < scores.size(); begin += kTile) {
    const std::size_t size = std::min(kTile, scores.size() - begin);
    const float* at = scores.data() + begin;
    const std::uint8_t* mask_at = mask.empty() ? normal.data() : mask.data() + begin;
    if (size < kTile) {
      // The last, shorter one is filled up with copies that the mask hides.
      rest.fill(at[0]);
      std::copy_n(at, size, rest.begin());
      std::array<std::uint8_t, kTile> hidden = {};
      hidden.fill(1);
      std::copy_n(mask_at, size, hidden.begin());
      if (!add_tile(rest.data(), hidden.data(), tile)) return false;
    } else if (!add_tile(at, mask_at, tile)) {
      return false;
    }
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
    not_finite |= 0x7f7fffffU - (std::bit_cast<std::uint32_t>(scores[i]) & 0x7fffffffU);
    tile[i] = ordered_bits(scores[i]);
    uneven |= tile[i] ^ first;
  }
  if (anomalous == 0) {
    if (not_finite >> 31) return false;
    pixels_ += kTile;
    if (uneven == 0) {
      put_many(first, kTile);
    } else {
      for (const std::int32_t ordered : tile) put(ordered);
    }
    return true;
  }
  for (std::size_t i = 0; i < kTile; ++i) {
    if (mask[i] != 0) continue;
    if (!is_finite(scores[i])) return false;
    put(tile[i]);
    ++pixels_;
  }
  return true;
}

void NormalPiles::finish() const {
  const auto groups = counts_->table().groups();
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const Pile& pile = piles_[groups[g].leading];
    if (pile.fill > 0) counts_->count(g, {heap_.get() + g * pile_size_, pile.fill});
  }
  counts_->add_gaps(gaps_);
  count_even();
}

}  // namespace looktwice::metrics
