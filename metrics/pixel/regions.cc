#include "metrics/pixel/regions.h"

#include <cstring>

namespace looktwice::metrics {
namespace {

std::uint64_t eight_at(const std::uint8_t* row, std::int32_t at) {
  std::uint64_t eight = 0;
  std::memcpy(&eight, row + at, sizeof eight);
  return eight;
}

// First position in [at, end) whose value is zero or not, as asked; masks are mostly long stretches
// of one kind.
std::int32_t next_anomalous(const std::uint8_t* row, std::int32_t at, std::int32_t end) {
  for (; at + 64 <= end; at += 64) {
    std::uint64_t any = 0;
    for (std::int32_t i = 0; i < 64; i += 8) any |= eight_at(row, at + i);
    if (any != 0) break;
  }
  while (at + 8 <= end && eight_at(row, at) == 0) at += 8;
  while (at < end && row[at] == 0) ++at;
  return at;
}

std::int32_t next_normal(const std::uint8_t* row, std::int32_t at, std::int32_t end) {
  constexpr std::uint64_t kOnes = 0x0101010101010101U, kTops = 0x8080808080808080U;
  const auto has_zero = [](std::uint64_t eight) { return ((eight - kOnes) & ~eight & kTops) != 0; };
  while (at + 8 <= end && !has_zero(eight_at(row, at))) at += 8;
  while (at < end && row[at] != 0) ++at;
  return at;
}

std::int32_t root(std::vector<std::int32_t>& parents, std::int32_t run) {
  while (parents[run] != run) run = parents[run] = parents[parents[run]];
  return run;
}

// The earlier run stays root, so that regions are numbered in reading order.
void unite(std::vector<std::int32_t>& parents, std::int32_t a, std::int32_t b) {
  a = root(parents, a);
  b = root(parents, b);
  if (a < b) {
    parents[b] = a;
  } else {
    parents[a] = b;
  }
}

}  // namespace

void RegionFinder::find(std::span<const std::uint8_t> mask, int width, int height) {
  runs_.clear();
  parents_.clear();
  areas_.clear();
  std::size_t above = 0, above_end = 0;  // runs of the row above
  for (std::int32_t row = 0; row < height; ++row) {
    const std::uint8_t* pixels = mask.data() + static_cast<std::ptrdiff_t>(row) * width;
    const std::size_t first = runs_.size();
    for (std::int32_t begin = next_anomalous(pixels, 0, width); begin < width;) {
      const std::int32_t end = next_normal(pixels, begin, width);
      const auto self = static_cast<std::int32_t>(runs_.size());
      runs_.push_back({row, begin, end, 0});
      parents_.push_back(self);
      // A corner is enough: [begin - 1, end + 1) of the row above.
      while (above < above_end && runs_[above].end < begin) ++above;
      for (std::size_t i = above; i < above_end && runs_[i].begin <= end; ++i)
        unite(parents_, static_cast<std::int32_t>(i), self);
      begin = next_anomalous(pixels, end, width);
    }
    above = first;
    above_end = runs_.size();
  }
  for (std::size_t i = 0; i < runs_.size(); ++i) {
    const std::int32_t first = root(parents_, static_cast<std::int32_t>(i));
    Run& run = runs_[i];
    if (first == static_cast<std::int32_t>(i)) {
      run.region = static_cast<std::int32_t>(areas_.size());
      areas_.push_back(0);
    } else {
      run.region = runs_[first].region;
    }
    areas_[run.region] += static_cast<std::uint32_t>(run.end - run.begin);
  }
}

}  // namespace looktwice::metrics
