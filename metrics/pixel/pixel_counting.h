// The second pass of a pixel metric: how many normal pixels lie above and at each anomalous score.
// One object counts; parts of it bring the pixels, one per thread. Not here: the curves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "metrics/pixel/normal_counts.h"
#include "metrics/pixel/pixel_engine.h"
#include "metrics/pixel/score_table.h"

namespace looktwice::metrics {

class PixelCounting {
 public:
  PixelCounting() = default;  // nothing to count with yet
  // By the engine that `make` gives, if any, else by the processors.
  // pile_bytes: of each part, see NormalPiles.
  PixelCounting(AnomalousScores&& scores, int threads, const MakePixelEngine& make,
                std::size_t pile_bytes = NormalPiles::kPileBytes);

  PixelCounting part() const;
  // Counts the scores with mask 0 (all, if it is empty). Their number; empty: one is not finite,
  // and what was counted is of no use then.
  std::optional<std::int64_t> add(std::span<const float> scores,
                                  std::span<const std::uint8_t> mask);
  // Takes over what a part has brought; it must bring no more.
  void take(const PixelCounting& part);
  // When all parts have been taken, once.
  void finish(int threads) const;

  // Calls step(score, normal pixels above it, normal pixels equal to it, sizes) for each score, the
  // highest first, after finish(). Once.
  template <class Step>
  void descend(Step&& step) const {
    if (counts_)
      counts_->descend(step);
    else
      descend(engine_->finish(), step);
  }

 private:
  template <class Step>
  static void descend(const PixelEngine::Counts& counts, Step&& step) {
    std::vector<std::uint32_t> sizes;  // of one score
    std::size_t end = counts.entries.size();
    for (std::size_t i = counts.above.size(); i-- > 0;) {
      const std::uint64_t key = counts.entries[end - 1] >> 32;
      sizes.clear();
      for (; end > 0 && counts.entries[end - 1] >> 32 == key; --end)
        sizes.push_back(static_cast<std::uint32_t>(counts.entries[end - 1]));
      const float score = from_ordered_bits(
          static_cast<std::int32_t>(static_cast<std::uint32_t>(key) ^ 0x80000000U));
      step(score, counts.above[i], counts.equal[i], std::span<const std::uint32_t>(sizes));
    }
  }

  std::shared_ptr<NormalCounts> counts_ = {};
  std::shared_ptr<PixelEngine> engine_ = {};
  std::size_t pile_bytes_ = NormalPiles::kPileBytes;
  std::shared_ptr<NormalPiles> piles_ = {};                     // opened by the first pixels
  std::vector<std::shared_ptr<const NormalPiles>> taken_ = {};  // those of parts
};

}  // namespace looktwice::metrics
