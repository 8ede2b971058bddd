// The anomalous pixels' scores, gathered in any order and sorted: the places where every pixel
// curve changes. Not here: normal pixels, curves, files.
#pragma once

#include <bit>
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
  // All of them in one piece, (ordered ^ 0x80000000) << 32 | size, in any order.
  std::vector<std::uint64_t> entries() &&;

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
// its pixels. A group is kept in one of two ways, so that where a score stands in it is found in a
// few steps: few scores as a list with an index of buckets, many as one bit per possible score. At
// most 8 bytes per distinct score and 4 per pixel, and a constant.
class ScoreTable {
 public:
  struct Group {
    std::uint32_t leading = 0;  // the 16 leading bits, see leading_bits()
    std::uint32_t count = 0;    // distinct scores, at most 65536
    std::size_t first = 0;      // of them, index into the whole table
    bool many = false;
    std::size_t words = 0;     // many: the first of its kWords words
    std::size_t list = 0;      // few: the first of its trailing bits
    std::size_t bucket = 0;    // few: the first of its buckets
    std::uint32_t shift = 16;  // few: bucket of a score = its trailing bits >> shift
  };

  // Sorts on `threads` threads, which never changes the result. Peak: 16 bytes a pixel.
  explicit ScoreTable(AnomalousScores&& scores, int threads = 1);

  std::span<const Group> groups() const { return groups_; }
  std::size_t scores() const { return scores_; }

  // Few: the trailing 16 bits, less 32768 so that signed comparison (which SSE2 has) orders them;
  // kPadding more follow. buckets(): the first score of this bucket or a later one, within the
  // group.
  const std::int16_t* trailing() const { return trailing_.data(); }
  const std::uint16_t* buckets() const { return buckets_.data(); }
  static constexpr int kPadding = 16;
  // Many: word t >> 5 holds the bits of the scores with trailing bits t, the least in bit 0, and in
  // its upper half how many scores of the group lie below.
  const std::uint64_t* words() const { return words_.data(); }
  static constexpr std::size_t kWords = 65536 / 32;
  // A group is "many" from kMany scores on, which is 8 bytes per score, and as long as there are at
  // most kManyGroups of them (16 MB) also with fewer.
  static constexpr std::uint32_t kMany = 2048, kManyGroups = 1024;

  // sizes()[i] of all pixels, ascending by score; kFirst is set on the first of each score.
  static constexpr std::uint32_t kFirst = 0x80000000U;
  std::span<const std::uint32_t> sizes() const { return sizes_; }

  // Calls visit(index within the group, score) for the scores of a group, the highest first.
  template <class Visit>
  void descend(const Group& group, Visit&& visit) const {
    const auto score = [&](std::uint32_t low) {
      return from_ordered_bits(
          static_cast<std::int32_t>((group.leading << 16 | low) ^ 0x80000000U));
    };
    std::uint32_t at = group.count;
    if (!group.many) {
      for (; at-- > 0;)
        visit(at, score(static_cast<std::uint16_t>(trailing_[group.list + at]) ^ 0x8000U));
      return;
    }
    for (std::uint32_t word = kWords; word-- > 0;)
      for (auto bits = static_cast<std::uint32_t>(words_[group.words + word]); bits != 0;) {
        const std::uint32_t top = 31U - static_cast<std::uint32_t>(std::countl_zero(bits));
        visit(--at, score(word << 5 | top));
        bits ^= 1U << top;
      }
  }

 private:
  void keep_as_list(Group& group, std::span<const std::uint64_t> sorted);
  void keep_as_bits(Group& group, std::span<const std::uint64_t> sorted);

  std::vector<Group> groups_ = {};
  std::vector<std::int16_t> trailing_ = {};
  std::vector<std::uint16_t> buckets_ = {};
  std::vector<std::uint64_t> words_ = {};
  std::vector<std::uint32_t> sizes_ = {};
  std::size_t scores_ = 0;
};

}  // namespace looktwice::metrics
