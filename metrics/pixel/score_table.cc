#include "metrics/pixel/score_table.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <numeric>
#include <thread>
#include <utility>

namespace looktwice::metrics {
namespace {

constexpr std::size_t kLeading = 1 << 16;

// Equal scores need no order among themselves, because all that is done with them is exact
// addition.
constexpr std::size_t kFewEntries = 64, kScratch = 1 << 16;

// By the 16 bits from bit 32 on, through as much scratch memory.
void sort_with_scratch(std::uint64_t* entries, std::size_t count, std::uint64_t* scratch) {
  std::array<std::uint32_t, 256> low = {}, high = {};
  for (std::size_t i = 0; i < count; ++i) {
    ++low[entries[i] >> 32 & 255];
    ++high[entries[i] >> 40 & 255];
  }
  std::exclusive_scan(low.begin(), low.end(), low.begin(), 0U);
  std::exclusive_scan(high.begin(), high.end(), high.begin(), 0U);
  for (std::size_t i = 0; i < count; ++i) scratch[low[entries[i] >> 32 & 255]++] = entries[i];
  for (std::size_t i = 0; i < count; ++i) entries[high[scratch[i] >> 40 & 255]++] = scratch[i];
}

// Radix sort by the 16 bits from bit 32 on; the largest groups first by 8 of them in place
// (McIlroy, Bostic, McIlroy 1993, American flag), so that no more scratch memory is needed.
void sort_scores(std::uint64_t* entries, std::size_t count, std::uint64_t* scratch,
                 int shift = 40) {
  if (count <= kFewEntries) {
    std::sort(entries, entries + count);
    return;
  }
  if (count <= kScratch) {
    sort_with_scratch(entries, count, scratch);
    return;
  }
  std::array<std::size_t, 257> start = {};
  for (std::size_t i = 0; i < count; ++i) ++start[(entries[i] >> shift & 255) + 1];
  for (std::size_t d = 0; d < 256; ++d) start[d + 1] += start[d];
  std::array<std::size_t, 256> next = {};
  std::copy_n(start.begin(), 256, next.begin());
  for (std::size_t digit = 0; digit < 256; ++digit) {
    while (next[digit] < start[digit + 1]) {
      std::uint64_t entry = entries[next[digit]];
      for (std::size_t home = entry >> shift & 255; home != digit; home = entry >> shift & 255)
        std::swap(entry, entries[next[home]++]);
      entries[next[digit]++] = entry;
    }
  }
  if (shift == 32) return;
  for (std::size_t digit = 0; digit < 256; ++digit)
    sort_scores(entries + start[digit], start[digit + 1] - start[digit], scratch, shift - 8);
}

// From how many scores on a group is kept as bits.
std::uint32_t least_of_many(const std::vector<ScoreTable::Group>& groups) {
  constexpr std::uint32_t kFew = 256;  // these lie in the nearest cache as a list
  if (groups.size() <= ScoreTable::kManyGroups) return kFew;
  std::vector<std::uint32_t> counts;
  for (const ScoreTable::Group& group : groups) counts.push_back(group.count);
  const auto last = counts.begin() + ScoreTable::kManyGroups;
  std::nth_element(counts.begin(), last, counts.end(), std::greater<>());
  return std::clamp(*last + 1, kFew, ScoreTable::kMany);
}

}  // namespace

void AnomalousScores::open_block() {
  if (last_) {
    last_->size = fill_;
    blocks_.push_back(last_);
  }
  last_ = std::make_shared<Block>();
  last_->entries.reset(new std::uint64_t[kBlock]);  // not zeroed: filled next
  open_ = last_->entries.get();
  fill_ = 0;
}

void AnomalousScores::join(const AnomalousScores& other) {
  blocks_.insert(blocks_.end(), other.blocks_.begin(), other.blocks_.end());
  if (!other.last_) return;
  for (std::size_t i = 0; i < other.fill_; ++i) {
    if (fill_ == kBlock) open_block();
    open_[fill_++] = other.open_[i];
  }
}

std::int64_t AnomalousScores::size() const {
  return static_cast<std::int64_t>(blocks_.size() * kBlock + (last_ ? fill_ : 0));
}

std::vector<std::uint64_t> AnomalousScores::entries() && {
  std::vector<std::uint64_t> all;
  all.reserve(static_cast<std::size_t>(size()));
  for (auto& block : blocks_) {
    all.insert(all.end(), block->entries.get(), block->entries.get() + block->size);
    block.reset();
  }
  if (last_) all.insert(all.end(), open_, open_ + fill_);
  clear();
  return all;
}

ScoreTable::ScoreTable(AnomalousScores&& scores, int threads) {
  if (scores.last_) {
    scores.last_->size = scores.fill_;
    scores.blocks_.push_back(std::exchange(scores.last_, nullptr));
  }
  std::vector<std::size_t> start(kLeading + 1, 0);
  std::size_t total = 0;
  for (const auto& block : scores.blocks_) {
    for (std::size_t i = 0; i < block->size; ++i) ++start[(block->entries[i] >> 48) + 1];
    total += block->size;
  }
  for (std::size_t p = 0; p < kLeading; ++p) start[p + 1] += start[p];
  std::unique_ptr<std::uint64_t[]> sorted(new std::uint64_t[total]);
  {
    std::vector<std::size_t> next(start.begin(), start.end() - 1);
    for (auto& block : scores.blocks_) {
      for (std::size_t i = 0; i < block->size; ++i)
        sorted[next[block->entries[i] >> 48]++] = block->entries[i];
      block.reset();
    }
  }
  scores.clear();

  std::atomic<std::size_t> todo = 0;
  const auto sort_some = [&] {
    const std::unique_ptr<std::uint64_t[]> scratch(new std::uint64_t[std::min(total, kScratch)]);
    for (std::size_t p = todo.fetch_add(64); p < kLeading; p = todo.fetch_add(64))
      for (std::size_t q = p; q < p + 64; ++q)
        sort_scores(sorted.get() + start[q], start[q + 1] - start[q], scratch.get());
  };
  {
    std::vector<std::jthread> others;
    for (int t = 1; t < threads && total > 1 << 16; ++t) others.emplace_back(sort_some);
    sort_some();
  }

  // Everything is reserved first: a vector that grows would hold its content twice.
  sizes_.resize(total);
  std::size_t listed = 0, as_bits = 0;
  for (std::size_t p = 0; p < kLeading; ++p) {
    if (start[p] == start[p + 1]) continue;
    Group group{.leading = static_cast<std::uint32_t>(p), .first = scores_};
    for (std::size_t i = start[p]; i < start[p + 1]; ++i) {
      const bool first = i == start[p] || sorted[i] >> 32 != sorted[i - 1] >> 32;
      sizes_[i] = static_cast<std::uint32_t>(sorted[i]) | (first ? kFirst : 0);
      group.count += first;
    }
    scores_ += group.count;
    groups_.push_back(group);
  }
  const std::uint32_t many = least_of_many(groups_);
  for (Group& group : groups_) {
    group.many = group.count >= many;
    (group.many ? as_bits : listed) += group.many ? 1 : group.count;
  }
  trailing_.reserve(listed + kPadding);
  buckets_.reserve(listed / 2 + groups_.size());
  words_.resize(as_bits * kWords);
  as_bits = 0;
  for (Group& group : groups_) {
    const std::span own(sorted.get() + start[group.leading],
                        start[group.leading + 1] - start[group.leading]);
    if (group.many) {
      group.words = kWords * as_bits++;
      keep_as_bits(group, own);
    } else {
      keep_as_list(group, own);
    }
  }
  for (int i = 0; i < kPadding; ++i) trailing_.push_back(INT16_MAX);
}

void ScoreTable::keep_as_list(Group& group, std::span<const std::uint64_t> sorted) {
  group.list = trailing_.size();
  group.bucket = buckets_.size();
  for (std::size_t i = 0; i < sorted.size(); ++i)
    if (i == 0 || sorted[i] >> 32 != sorted[i - 1] >> 32)
      trailing_.push_back(static_cast<std::int16_t>((sorted[i] >> 32 & 0xffff) ^ 0x8000));
  // Two to four scores share a bucket if they are spread evenly.
  while (std::size_t{4} << (16 - group.shift) < group.count) --group.shift;
  const std::int16_t* own = trailing_.data() + group.list;
  std::uint32_t below = 0;
  for (std::uint32_t b = 0; b < 1U << (16 - group.shift); ++b) {
    const int least = static_cast<int>(b << group.shift) - 32768;
    while (below < group.count && own[below] < least) ++below;
    buckets_.push_back(static_cast<std::uint16_t>(below));
  }
}

void ScoreTable::keep_as_bits(Group& group, std::span<const std::uint64_t> sorted) {
  constexpr std::uint64_t kOne = std::uint64_t{1} << 32;
  std::uint64_t* words = words_.data() + group.words;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    if (i > 0 && sorted[i] >> 32 == sorted[i - 1] >> 32) continue;
    const auto trailing = static_cast<std::uint32_t>(sorted[i] >> 32 & 0xffff);
    words[trailing >> 5] += kOne | std::uint64_t{1} << (trailing & 31);
  }
  std::uint64_t below = 0;
  for (std::size_t word = 0; word < kWords; ++word) {
    const std::uint64_t own = words[word] & ~(kOne - 1);
    words[word] += below - own;
    below += own;
  }
}

}  // namespace looktwice::metrics
