// The anomalous pixels' scores, gathered in any order: the places where every pixel curve changes.
// They lie in chunks by the 16 leading bits of their keys, so that they need no sorting later. Not
// here: normal pixels, curves.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "metrics/pixel/kept_memory.h"
#include "metrics/pixel/ordered_bits.h"

namespace looktwice::metrics {

// (score, size) pairs, where size is what the pixel's region is divided by: its area, or its
// saturation area. 4 bytes a pixel, half as many again at most for chunks that are not full, and up
// to 128 bytes for each of the leading bits in use.
class AnomalousScores {
 public:
  static constexpr std::uint32_t kLeading = 1 << 16;
  // A pixel: the trailing 16 bits of its key, above them the number of its size in a list.
  static std::uint16_t trailing(std::uint32_t pixel) { return static_cast<std::uint16_t>(pixel); }
  static std::uint32_t size_number(std::uint32_t pixel) { return pixel >> 16; }

  // Scores of one size, which is not 0. False, and some of them taken, when one is not finite.
  bool add(std::span<const float> scores, std::uint32_t size);
  // The same, but only those whose leading bits lie in [first, last]. `seen`, if not null, counts
  // all by their leading bits.
  bool add_within(std::span<const float> scores, std::uint32_t size, std::uint32_t first,
                  std::uint32_t last, std::int64_t* seen);
  // A score that takes part in the order without a pixel: a threshold at which counts are wanted.
  void mark(std::uint32_t key) { marks_.push_back(key); }

  // Takes the content of another, which is shared and must not be added to any more.
  void join(const AnomalousScores& other);
  void clear() { *this = {}; }
  std::int64_t size() const;
  std::span<const std::uint32_t> marks() const { return marks_; }
  // All of them in one piece: key << 32 | size, in any order; marks with size 0.
  std::vector<std::uint64_t> entries() const;

  // Of each part (what one thread has brought) the sizes that its pixels' numbers stand for.
  std::size_t parts() const { return parts_.size(); }
  std::span<const std::uint32_t> sizes(std::size_t part) const { return parts_[part]->sizes; }
  // Calls visit(pixels) for pieces of a part's pixels with these leading bits.
  template <class Visit>
  void visit(std::size_t part, std::uint32_t leading, Visit&& visit) const {
    const Part& own = *parts_[part];
    for (std::uint32_t end = own.heads[leading]; end != 0;) {
      const Block& block = *own.blocks[(end - 1) / kBlock];
      const std::uint32_t begin = (end - 1) / block.chunk * block.chunk;
      const std::uint32_t before = block.links[begin % kBlock / kLeastChunk];
      if (before != 0) own.prefetch(before);
      visit(std::span(&block.pixels[begin % kBlock], end - begin));
      end = before;
    }
  }
  static constexpr std::uint32_t kMostPixels = 256;  // of a piece

 private:
  static constexpr std::uint32_t kBlock = 1 << 16, kLeastChunk = 32;
  struct Block {
    std::uint32_t chunk = 0;  // pixels of each of its chunks
    std::uint32_t used = 0;
    alignas(64) std::array<std::uint32_t, kBlock> pixels;
    // By the first pixel: the end of the chunk before with the same leading bits, 0: none.
    std::array<std::uint32_t, kBlock / kLeastChunk> links;
  };
  // Places count through the blocks; the first place is never used.
  struct Part {
    std::vector<Kept<Block>> blocks = {};
    std::array<std::uint32_t, 4> open = {};  // block + 1 by size of chunk: 32, 64, 128, 256
    std::vector<std::uint32_t> heads = {};   // by leading bits: where the next goes; 0: nowhere yet
    std::vector<std::uint32_t> sizes = {};
    std::vector<std::uint16_t> numbers = {};             // of sizes below kLeading, plus 1
    std::map<std::uint32_t, std::uint16_t> others = {};  // of larger ones
    std::int64_t pixels = 0;

    std::uint16_t number_of(std::uint32_t size);
    std::uint32_t open_chunk(std::uint32_t head);
    void prefetch(std::uint32_t end) const {
      const Block& block = *blocks[(end - 1) / kBlock];
      const std::uint32_t last = (end - 1) % kBlock;
      for (std::uint32_t at = last / block.chunk * block.chunk; at <= last; at += 16)
        __builtin_prefetch(&block.pixels[at]);
    }
    void put(std::span<const std::uint32_t> keys, std::uint32_t number);
  };
  Part& own();

  std::shared_ptr<Part> own_ = {};  // also one of parts_
  std::vector<std::shared_ptr<const Part>> parts_ = {};
  std::vector<std::uint32_t> marks_ = {};
};

}  // namespace looktwice::metrics
