#include "metrics/pixel/score_table.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <thread>
#include <utility>

namespace looktwice::metrics {
namespace {

constexpr std::size_t kLeading = 1 << 16;

// In-place radix sort by the 8 bits at `shift`, then by the 8 below, down to bit 32: equal scores
// need no order among themselves, because all that is done with them is exact addition. Source:
// McIlroy, Bostic, McIlroy 1993 (American flag).
void sort_scores(std::uint64_t* entries, std::size_t count, int shift) {
  if (count <= 128) {
    std::sort(entries, entries + count);
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
    sort_scores(entries + start[digit], start[digit + 1] - start[digit], shift - 8);
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
    for (std::size_t p = todo.fetch_add(64); p < kLeading; p = todo.fetch_add(64))
      for (std::size_t q = p; q < p + 64; ++q)
        sort_scores(sorted.get() + start[q], start[q + 1] - start[q], 40);
  };
  {
    std::vector<std::jthread> others;
    for (int t = 1; t < threads && total > 1 << 16; ++t) others.emplace_back(sort_some);
    sort_some();
  }

  for (std::size_t i = 0; i < total; ++i)
    scores_ += i == 0 || sorted[i] >> 32 != sorted[i - 1] >> 32;
  trailing_.reserve(scores_ + kPadding);
  sizes_.resize(total);
  for (std::size_t p = 0; p < kLeading; ++p) {
    if (start[p] == start[p + 1]) continue;
    Group group{.leading = static_cast<std::uint32_t>(p),
                .first = trailing_.size(),
                .bucket = buckets_.size()};
    for (std::size_t i = start[p]; i < start[p + 1]; ++i) {
      const bool first = i == start[p] || sorted[i] >> 32 != sorted[i - 1] >> 32;
      sizes_[i] = static_cast<std::uint32_t>(sorted[i]) | (first ? kFirst : 0);
      if (first)
        trailing_.push_back(static_cast<std::int16_t>((sorted[i] >> 32 & 0xffff) ^ 0x8000));
    }
    group.count = static_cast<std::uint32_t>(trailing_.size() - group.first);
    // Two to four scores share a bucket if they are spread evenly.
    while (group.shift > 0 && std::size_t{4} << (16 - group.shift) < group.count) --group.shift;
    const std::int16_t* own = trailing_.data() + group.first;
    std::uint32_t below = 0;
    for (std::uint32_t b = 0; b < 1U << (16 - group.shift); ++b) {
      const int least = static_cast<int>(b << group.shift) - 32768;
      while (below < group.count && own[below] < least) ++below;
      // 65536 would not fit, but takes all scores to be present, and then the last bucket starts
      // before it.
      buckets_.push_back(static_cast<std::uint16_t>(below));
    }
    groups_.push_back(group);
  }
  for (int i = 0; i < kPadding; ++i) trailing_.push_back(INT16_MAX);
}

}  // namespace looktwice::metrics
