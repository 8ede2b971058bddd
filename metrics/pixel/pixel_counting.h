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
#include "metrics/pixel/score_group.h"
#include "metrics/pixel/score_table.h"

namespace looktwice::metrics {

struct PixelCountingOptions {
  int threads = 1;              // of what is done between the passes; never changes a bit
  MakePixelEngine engine = {};  // counts, if given, instead of the processors
  std::size_t pile_bytes = NormalPiles::kPileBytes;  // of each part, see NormalPiles
  const PixelLanes* lanes = nullptr;                 // none: the fastest
};

class PixelCounting {
 public:
  PixelCounting() = default;  // nothing to count with yet
  PixelCounting(AnomalousScores&& scores, const PixelCountingOptions& options);

  PixelCounting part() const;
  // Counts the scores with mask 0 (all, if it is empty). Their number; empty: one is not finite,
  // and what was counted is of no use then.
  std::optional<std::int64_t> add(std::span<const float> scores,
                                  std::span<const std::uint8_t> mask);
  // Takes over what a part has brought; it must bring no more.
  void take(const PixelCounting& part);
  // When all parts have been taken, once: shows every group of scores to one of the visitors, each
  // of which works in a thread of its own. found_above: anomalous pixels above all of these.
  void walk(std::span<ScoreVisitor* const> visitors, std::uint64_t found_above = 0) const;
  // How many groups walk() will show at most.
  std::size_t most_groups() const;

 private:
  void walk_counts(std::span<ScoreVisitor* const> visitors, std::uint64_t found_above) const;
  static void walk_engine(const PixelEngine::Counts& counts, ScoreVisitor& visitor,
                          std::uint64_t found_above);

  std::shared_ptr<NormalCounts> counts_ = {};
  std::shared_ptr<PixelEngine> engine_ = {};
  std::size_t pile_bytes_ = NormalPiles::kPileBytes;
  std::shared_ptr<NormalPiles> piles_ = {};                     // opened by the first pixels
  std::vector<std::shared_ptr<const NormalPiles>> taken_ = {};  // those of parts
};

}  // namespace looktwice::metrics
