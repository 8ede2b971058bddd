// Scores of both classes, sorted once; every ranking metric is a walk over them.
// Scores may be any finite value (no range is assumed, -0 equals +0); NaN and infinity throw
// std::invalid_argument. Not here: intervals (metrics/stats), thresholds given by the user
// (confusion.h).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace looktwice::metrics {

struct F1Max {
  double value = 0;
  double threshold = 0;  // "anomalous" means score >= threshold
};

// What counts as anomalous at one threshold (score >= threshold).
struct CurvePoint {
  double threshold = 0;
  std::int64_t true_positives = 0, false_positives = 0;
};

struct RankingValues {
  std::optional<double> auroc = {}, average_precision = {};
  std::optional<F1Max> f1_max = {};
};

class RankedScores {
 public:
  // scores[n], larger = more anomalous; positive[n]: 0 or not. O(n): a radix sort on the bits.
  RankedScores(std::span<const double> scores, std::span<const std::uint8_t> positive);
  RankedScores(std::span<const float> scores, std::span<const std::uint8_t> positive);

  // Scores of the anomalous and of the normal samples, descending.
  std::span<const double> positives() const { return positives_; }
  std::span<const double> negatives() const { return negatives_; }
  // Why there is no value: "only normal samples: nothing to rank". Empty when both classes are
  // there.
  std::string why_not() const;

  // All are empty when a class is missing.
  std::optional<double> auroc() const;              // see auroc.h
  std::optional<double> average_precision() const;  // see average_precision.h
  std::optional<F1Max> f1_max() const;              // see f1_max.h
  RankingValues values() const;                     // the three in one walk
  // One point per distinct score, thresholds descending; the last point holds everything.
  std::vector<CurvePoint> curve() const;

  // Calls visit(score, anomalous, normal) for every distinct score, descending, with how many of
  // each have it.
  template <class Visit>
  void each_score(Visit&& visit) const {
    const double *p = positives_.data(), *const p_end = p + positives_.size();
    const double *n = negatives_.data(), *const n_end = n + negatives_.size();
    while (p != p_end || n != n_end) {
      const double score = p == p_end ? *n : n == n_end ? *p : *p > *n ? *p : *n;
      const double *const p_first = p, *const n_first = n;
      while (p != p_end && *p == score) ++p;
      while (n != n_end && *n == score) ++n;
      visit(score, static_cast<std::int64_t>(p - p_first), static_cast<std::int64_t>(n - n_first));
    }
  }

 private:
  std::vector<double> positives_, negatives_;
};

}  // namespace looktwice::metrics
