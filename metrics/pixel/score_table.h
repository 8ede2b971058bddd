// The anomalous pixels' scores, gathered in any order and sorted: the places where every pixel
// curve changes. Not here: normal pixels, curves, files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "metrics/pixel/ordered_bits.h"

namespace looktwice::metrics {

// Gathers (score, size) pairs, where size is what the pixel's region is divided by: its area, or
// its saturation area. 8 bytes a pixel in blocks that are shared, never copied, when two of these
// are joined.
class AnomalousScores {
 public:
  // A score that takes part in the order without a pixel: a threshold at which counts are wanted.
  static constexpr std::uint32_t kMark = 0;

  void add(std::int32_t ordered, std::uint32_t size) {
    if (fill_ == kBlock) open_block();
    open_[fill_++] = std::uint64_t{static_cast<std::uint32_t>(ordered) ^ 0x80000000U} << 32 | size;
  }
  void join(const AnomalousScores& other);
  void clear() { *this = {}; }
  std::int64_t size() const;

 private:
  friend class ScoreTable;
  static constexpr std::size_t kBlock = 1 << 15;
  struct Block {
    std::unique_ptr<std::uint64_t[]> entries = {};
    std::size_t size = 0;
  };
  void open_block();
  std::vector<std::shared_ptr<const Block>> blocks_ = {};
  std::shared_ptr<Block> last_ = {};  // the one being filled
  std::uint64_t* open_ = nullptr;     // its entries
  std::size_t fill_ = kBlock;
};

// Distinct scores, ascending, in groups that share their 16 leading bits; each with the sizes of
// its pixels. At most 2 + 1 bytes per distinct score and 4 per pixel, and a constant.
class ScoreTable {
 public:
  struct Group {
    std::uint32_t leading = 0;  // the 16 leading bits, see leading_bits()
    std::uint32_t count = 0;    // distinct scores, at most 65536
    std::size_t first = 0;      // of them, index into the whole table
    std::size_t bucket = 0;     // first of the group's buckets
    std::uint32_t shift = 16;   // bucket of a score = its 16 trailing bits >> shift
  };

  // Sorts on `threads` threads, which never changes the result. Peak: 16 bytes a pixel.
  explicit ScoreTable(AnomalousScores&& scores, int threads = 1);

  std::span<const Group> groups() const { return groups_; }
  std::size_t scores() const { return scores_; }
  // Trailing 16 bits of the scores, less 32768 so that signed comparison (which SSE2 has) orders
  // them; kPadding more follow.
  const std::int16_t* trailing() const { return trailing_.data(); }
  // The first of the group's scores whose bucket is >= this one, relative to the group.
  const std::uint16_t* buckets() const { return buckets_.data(); }
  static constexpr int kPadding = 16;

  // sizes()[i] of all pixels, ascending by score; kFirst is set on the first of each score.
  static constexpr std::uint32_t kFirst = 0x80000000U;
  std::span<const std::uint32_t> sizes() const { return sizes_; }

  static float score(const Group& group, std::int16_t trailing) {
    const std::uint32_t low = static_cast<std::uint16_t>(trailing) ^ 0x8000U;
    return from_ordered_bits(static_cast<std::int32_t>((group.leading << 16 | low) ^ 0x80000000U));
  }

 private:
  std::vector<Group> groups_ = {};
  std::vector<std::int16_t> trailing_ = {};
  std::vector<std::uint16_t> buckets_ = {};
  std::vector<std::uint32_t> sizes_ = {};
  std::size_t scores_ = 0;
};

}  // namespace looktwice::metrics
