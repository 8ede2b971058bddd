// AUROC, AP and F1-max of resamples: the order of the scores stays, only how often each sample
// counts changes. For bootstraps and jackknives (metrics/stats/bootstrap.h); one walk per resample,
// no sort.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "metrics/binary/ranked_scores.h"

namespace looktwice::metrics {

struct RerankedValues {
  double auroc = 0, average_precision = 0, f1_max = 0;
};

class Reranking {
 public:
  // Elements are the anomalous samples, then the normal ones, each class in the order given: so two
  // models' resamples match.
  Reranking(std::span<const double> scores, std::span<const std::uint8_t> positive);
  // Elements are the anomalous samples, then the normal ones, each class by descending score.
  explicit Reranking(const RankedScores& ranked);

  // Anomalous, normal samples: the strata of a bootstrap.
  std::span<const std::size_t> strata() const { return strata_; }
  // counts[element]. Both classes must count at least once.
  RerankedValues values(std::span<const std::uint32_t> counts) const;
  // values[element]: average precision without that sample. O(n). Needs two samples of each class.
  std::vector<double> average_precision_without() const;

 private:
  struct Group {  // of equal scores, descending
    std::uint32_t anomalous = 0, normal = 0;
  };
  std::vector<std::size_t> strata_;
  std::vector<Group> groups_;
  std::vector<std::uint32_t>
      elements_;  // by group: its anomalous, then its normal ones; empty: in order of elements
};

}  // namespace looktwice::metrics
