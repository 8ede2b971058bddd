// Image scores and their labels, as a metric that ranks images collects them.
#pragma once

#include <cstdint>
#include <vector>

#include "metrics/binary/ranked_scores.h"
#include "metrics/metric.h"

namespace looktwice::metrics {

class LabelledScores {
 public:
  // False: it has no score or no label, which is counted. Throws std::invalid_argument for a score
  // that is not finite.
  bool add(const Observation& seen);
  void merge(const LabelledScores& part);

  const std::vector<double>& scores() const { return scores_; }
  const std::vector<std::uint8_t>& positive() const { return positive_; }
  // A value before it is computed: how many images were used and skipped, and why there is none;
  // ranked: of these scores.
  Value unfilled(const RankedScores& ranked) const;

 private:
  std::vector<double> scores_ = {};
  std::vector<std::uint8_t> positive_ = {};
  std::int64_t skipped_ = 0;
};

}  // namespace looktwice::metrics
