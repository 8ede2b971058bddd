#include "metrics/pixel/normal_counts.h"

#include <algorithm>
#include <utility>

namespace looktwice::metrics {
namespace {

inline void prefetch(const void* from, std::size_t bytes) {
  for (std::size_t at = 0; at < bytes; at += 64)
    __builtin_prefetch(static_cast<const char*>(from) + at);
}

}  // namespace

NormalCounts::NormalCounts(std::shared_ptr<const ScoreTable> table, const PixelLanes& lanes)
    : table_(std::move(table)),
      lanes_(&lanes),
      unchecked_(table_->groups().size(), 0),
      pixels_(table_->groups().size(), 0),
      gaps_(table_->groups().size() + 1, 0),
      locks_(new std::mutex[kLocks]) {
  const std::size_t slots = 2 * (table_->scores() + table_->groups().size()) + 1;
  low_ = KeptArray<std::uint16_t>(slots);
  std::fill_n(low_.get(), slots, std::uint16_t{0});
}

const PixelRanks& NormalCounts::ranks(std::size_t group, GroupRanks& memory) const {
  if (memory.group != group) {
    table_->bits(table_->groups()[group], memory.bits);
    lanes_->rank(memory.bits, memory.ranks);
    memory.group = group;
  }
  return memory.ranks;
}

void NormalCounts::count(std::size_t index, const Pile& pile, GroupRanks& memory) {
  constexpr std::size_t kFew = 64;  // pixels that are looked up one by one
  const ScoreTable::Group& group = table_->groups()[index];
  std::uint16_t* low = low_.get() + first_slot(index);
  const std::lock_guard hold(locks_[index % kLocks]);
  if (pile.links[pile.last] == 0 && pile.in_last < kFew && group.count < ScoreTable::kBits) {
    const std::uint16_t* own = pile.pool + pile.last * pile.chunk_size;
    for (std::size_t i = 0; i < pile.in_last; ++i)
      add(first_slot(index) + slot_of(group, own[i]), 1);
    pixels_[index] += pile.in_last;
    return;
  }
  prefetch(low, 4 * group.count);
  const PixelRanks& own_ranks = ranks(index, memory);
  alignas(64) std::array<std::uint32_t, 256> slots;
  std::size_t size = pile.in_last;
  for (std::uint32_t chunk = pile.last; chunk != 0; size = pile.chunk_size) {
    const std::uint16_t* own = pile.pool + chunk * pile.chunk_size;
    chunk = pile.links[chunk];
    prefetch(pile.pool + chunk * pile.chunk_size, 2 * pile.chunk_size);
    if (unchecked_[index] + size > kLow) carry(index);
    unchecked_[index] += static_cast<std::uint32_t>(size);
    pixels_[index] += size;
    lanes_->slots(own_ranks, own, size, slots.data());
    std::size_t i = 0;
    for (; i + 4 <= size; i += 4) {
      ++low[slots[i]];
      ++low[slots[i + 1]];
      ++low[slots[i + 2]];
      ++low[slots[i + 3]];
    }
    for (; i < size; ++i) ++low[slots[i]];
  }
}

void NormalCounts::count(std::size_t index, std::uint16_t trailing, std::uint64_t times) {
  const std::lock_guard hold(locks_[index % kLocks]);
  add(first_slot(index) + slot_of(table_->groups()[index], trailing), times);
  pixels_[index] += times;
}

std::uint32_t NormalCounts::slot_of(const ScoreTable::Group& group, std::uint16_t trailing) const {
  std::vector<std::uint16_t> all;
  const std::uint16_t* list = group.list;
  if (group.count >= ScoreTable::kBits) {
    all.resize(group.count);
    table_->trailing(group, all.data());
    list = all.data();
  }
  const std::uint16_t* at = std::lower_bound(list, list + group.count, trailing);
  const auto place = static_cast<std::uint32_t>(at - list);
  return 2 * place + (place < group.count && *at == trailing);
}

void NormalCounts::add(std::size_t slot, std::uint64_t times) {
  const std::uint64_t sum = low_[slot] + times;
  low_[slot] = static_cast<std::uint16_t>(sum & kLow);
  if (sum <= kLow) return;
  const std::lock_guard hold(rest_lock_);
  high_[slot] += sum >> kLowBits;
}

void NormalCounts::carry(std::size_t group) {
  unchecked_[group] = 0;
  std::uint16_t* low = low_.get() + first_slot(group);
  const std::size_t slots = 2 * table_->groups()[group].count + 1;
  constexpr std::size_t kStep = 256;
  for (std::size_t begin = 0; begin < slots; begin += kStep) {
    const std::size_t end = std::min(slots, begin + kStep);
    std::uint32_t all = 0;
    for (std::size_t i = begin; i < end; ++i) all |= low[i];
    for (std::size_t i = begin; all > kLow && i < end; ++i)
      if (low[i] > kLow) add(first_slot(group) + i, 0);
  }
}

void NormalCounts::add_gap(std::size_t gap, std::uint64_t times) {
  const std::lock_guard hold(rest_lock_);
  gaps_[gap] += times;
}

void NormalCounts::read(std::size_t index, std::uint64_t above_group,
                        std::vector<std::uint64_t>& above,
                        std::vector<std::uint64_t>& equal) const {
  const std::size_t count = table_->groups()[index].count, first = first_slot(index);
  const std::uint16_t* low = low_.get() + first;
  above.resize(count);
  equal.resize(count);
  // First the pixels between a score and the next higher one, then the sums.
  for (std::size_t i = 0; i < count; ++i) {
    equal[i] = low[2 * i + 1];
    above[i] = low[2 * i + 2];
  }
  {
    const std::lock_guard hold(rest_lock_);  // others may still count in other groups
    const auto end = high_.upper_bound(first + 2 * count);
    for (auto at = high_.upper_bound(first); at != end; ++at) {
      const std::size_t slot = at->first - first - 1;
      (slot % 2 == 0 ? equal[slot / 2] : above[slot / 2]) += at->second << kLowBits;
    }
  }
  std::uint64_t higher = above_group;
  for (std::size_t i = count; i-- > 0;) {
    above[i] += higher;
    higher = above[i] + equal[i];
  }
}

NormalPiles::NormalPiles(std::shared_ptr<NormalCounts> counts, std::size_t pile_bytes)
    : counts_(std::move(counts)),
      heads_(kLeading),
      groups_(kLeading),
      gaps_(counts_->gaps_.size(), 0) {
  const auto groups = counts_->table().groups();
  const std::size_t bytes = std::clamp(pile_bytes, kLeastPileBytes, kPileBytes);
  // Chunks as large as leaves a few to each group.
  chunk_size_ = 256;
  while (chunk_size_ > 16 && bytes / 2 / chunk_size_ < 4 * groups.size()) chunk_size_ /= 2;
  chunks_ = static_cast<std::uint32_t>(bytes / 2 / chunk_size_);
  pool_ = KeptArray<std::uint16_t>(chunks_ * std::size_t{chunk_size_});
  links_ = KeptArray<std::uint32_t>(chunks_);
  std::fill_n(heads_.get(), kLeading, 0);
  std::size_t g = 0;
  for (std::uint32_t leading = 0; leading < kLeading; ++leading) {
    const bool in_group = g < groups.size() && groups[g].leading == leading;
    groups_[leading] = static_cast<std::uint32_t>(g) | (in_group ? 0 : kGap);
    g += in_group;
  }
}

// Neighbours in a map often lie in one pile, and a processor would wait for the first before it
// can put down the second; so three stretches take turns. The lines of memory that are written soon
// are asked for before.
inline void NormalPiles::put(const PixelTile& tile) {
  constexpr std::size_t kWays = 3, kAhead = 3;
  std::uint32_t* heads = heads_.get();
  std::uint16_t* pool = pool_.get();
  const std::uint32_t inside = chunk_size_ - 1;
  const auto put_one = [&](std::uint32_t key) {
    const std::uint32_t leading = key >> 16;
    std::uint32_t at = heads[leading];
    if ((at & inside) == 0) [[unlikely]]
      at = open_chunk(leading, at);
    pool[at] = static_cast<std::uint16_t>(key);
    heads[leading] = at + 1;
  };
  const std::size_t stretch = tile.count / kWays;
  for (std::size_t i = 0; i < stretch; ++i) {
    for (std::size_t way = 0; way < kWays; ++way)
      __builtin_prefetch(pool + heads[tile.keys[way * stretch + i + kAhead] >> 16]);
    for (std::size_t way = 0; way < kWays; ++way) put_one(tile.keys[way * stretch + i]);
  }
  for (std::size_t i = kWays * stretch; i < tile.count; ++i) put_one(tile.keys[i]);
}

[[gnu::noinline]] std::uint32_t NormalPiles::open_chunk(std::uint32_t leading, std::uint32_t head) {
  const std::uint32_t group = groups_[leading];
  if (group & kGap) {
    if (head != 0) gaps_[group & ~kGap] += chunk_size_;
    return chunk_size_;
  }
  if (next_chunk_ == chunks_) {
    empty();
    head = 0;
  }
  links_[next_chunk_] = head == 0 ? 0 : head / chunk_size_ - 1;
  // What will be opened soon.
  constexpr std::uint32_t kAhead = 8;
  if (next_chunk_ + kAhead < chunks_)
    prefetch(pool_.get() + (next_chunk_ + kAhead) * chunk_size_, 2 * chunk_size_);
  return next_chunk_++ * chunk_size_;
}

void NormalPiles::empty() {
  const auto groups = counts_->table().groups();
  GroupRanks memory;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    finish(g, memory);
    heads_[groups[g].leading] = 0;
  }
  next_chunk_ = 2;
}

void NormalPiles::put_many(std::uint32_t key, std::int64_t times) {
  if (key != even_) {
    count_even();
    even_ = key;
    even_times_ = 0;
  }
  even_times_ += times;
}

void NormalPiles::count_even() const {
  if (even_times_ == 0) return;
  const std::uint32_t group = groups_[even_ >> 16];
  const auto times = static_cast<std::uint64_t>(even_times_);
  if (group & kGap) {
    counts_->add_gap(group & ~kGap, times);
  } else {
    counts_->count(group, static_cast<std::uint16_t>(even_), times);
  }
}

bool NormalPiles::add(std::span<const float> scores, std::span<const std::uint8_t> mask) {
  constexpr std::size_t kTile = PixelTile::kPixels;
  PixelTile tile = {};
  std::array<std::uint8_t, kTile> none = {}, hidden = {};
  std::array<float, kTile> rest = {};
  for (std::size_t begin = 0; begin < scores.size(); begin += kTile) {
    const std::size_t size = std::min(kTile, scores.size() - begin);
    const float* at = scores.data() + begin;
    const std::uint8_t* mask_at = mask.empty() ? none.data() : mask.data() + begin;
    if (size == kTile) {
      // Between the stores to piles a processor does not fetch far enough ahead by itself.
      constexpr std::size_t kAhead = 2 * kTile;
      prefetch(at + kAhead, kTile * sizeof *at);
      prefetch(mask_at + kAhead, kTile);
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

bool NormalPiles::add_tile(const float* scores, const std::uint8_t* mask, PixelTile& tile) {
  counts_->lanes().split(scores, mask, tile);
  if (!tile.finite) return false;
  pixels_ += static_cast<std::int64_t>(tile.count);
  if (tile.even) {
    put_many(tile.keys[0], static_cast<std::int64_t>(tile.count));
  } else {
    put(tile);
  }
  return true;
}

NormalCounts::Pile NormalPiles::pile(std::uint32_t head) const {
  return {.pool = pool_.get(),
          .links = links_.get(),
          .chunk_size = chunk_size_,
          .last = (head - 1) / chunk_size_,
          .in_last = (head - 1) % chunk_size_ + 1};
}

void NormalPiles::finish(std::size_t group, GroupRanks& memory) const {
  const std::uint32_t head = heads_[counts_->table().groups()[group].leading];
  if (head != 0) counts_->count(group, pile(head), memory);
}

std::uint64_t NormalPiles::in_pile(std::size_t group) const {
  const std::uint32_t head = heads_[counts_->table().groups()[group].leading];
  if (head == 0) return 0;
  const NormalCounts::Pile own = pile(head);
  std::uint64_t pixels = own.in_last;
  for (std::uint32_t chunk = links_[own.last]; chunk != 0; chunk = links_[chunk])
    pixels += chunk_size_;
  return pixels;
}

void NormalPiles::finish_rest() const {
  for (std::uint32_t leading = 0; leading < kLeading; ++leading) {
    const std::uint32_t group = groups_[leading], head = heads_[leading];
    if ((group & kGap) && head != 0) counts_->add_gap(group & ~kGap, head - chunk_size_);
  }
  for (std::size_t gap = 0; gap < gaps_.size(); ++gap)
    if (gaps_[gap] > 0) counts_->add_gap(gap, gaps_[gap]);
  count_even();
}

}  // namespace looktwice::metrics
