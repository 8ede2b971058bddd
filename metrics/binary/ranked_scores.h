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
  std::span<const double> positives() const {
    return std::span(positives_).first(positives_.size() - 1);
  }
  std::span<const double> negatives() const {
    return std::span(negatives_).first(negatives_.size() - 1);
  }
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
    const std::size_t all = positives_.size() + negatives_.size() - 2;
    if (all == 0) return;
    const double *p = positives_.data(), *n = negatives_.data();
    double score = *p >= *n ? *p : *n;
    std::int64_t equal_p = 0, equal_n = 0;
    // Which class comes next is a coin toss, so nothing branches on it.
    for (std::size_t i = 0; i < all; ++i) {
      const double next_p = *p, next_n = *n;
      const bool is_p = next_p >= next_n;
      const double next = is_p ? next_p : next_n;
      if (next != score) {
        visit(score, equal_p, equal_n);
        equal_p = equal_n = 0;
        score = next;
      }
      equal_p += is_p;
      equal_n += !is_p;
      p += is_p;
      n += !is_p;
    }
    visit(score, equal_p, equal_n);
  }

 private:
  // Descending, closed by -infinity, which no score is: the walk needs no look at the ends.
  std::vector<double> positives_, negatives_;
};

}  // namespace looktwice::metrics
