// Variance of an AUROC and of the difference of two on the same samples. Source: DeLong, DeLong and
// Clarke-Pearson 1988, in O(n log n) as Sun and Xu 2014. Assumes independent samples; scores as in
// auroc.h (any finite value, ties half).
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "metrics/binary/ranked_scores.h"
#include "metrics/metric.h"

namespace looktwice::metrics {

struct AurocEstimate {
  double value = 0;
  double variance = 0;  // DeLong's; needs two samples of each class, else 0
  // Its mean is what the area varies by, where DeLong's is a little too large (5 % for 20 + 20
  // samples): the pair kernel's own variance is taken off (Bamber 1975). Degrees of freedom of
  // either.
  double unbiased_variance = 0, degrees = 1;
  std::int64_t positives = 0, negatives = 0;
};

// Empty when a class is missing.
std::optional<AurocEstimate> delong(const RankedScores& ranked);
std::optional<AurocEstimate> delong(std::span<const double> scores,
                                    std::span<const std::uint8_t> positive);

// Wilson's with the unbiased variance (logit_interval.h), so that the interval stays within [0, 1]
// and keeps its coverage near 1, and with Student's quantile: one class may be small, and near 1 a
// variance rests on few samples. `degrees`: others than the estimate's own. Where DeLong's variance
// is 0 although the samples are few (classes perfectly apart, or a class of one sample), the
// interval is Newcombe's score interval (2006, method 5) and says so in `method`.
Interval auroc_interval(const AurocEstimate& estimate, double level = 0.95,
                        std::optional<double> degrees = {});

// Newcombe 2006, method 5: all t with |value - t| <= z sqrt(var(t)), var from Hanley and McNeil's
// exponential model.
Interval newcombe_auroc_interval(double value, std::int64_t positives, std::int64_t negatives,
                                 double level = 0.95);

struct PairedAuroc {
  double a = 0, b = 0;
  double difference = 0;                      // a - b
  double variance = 0;                        // of the difference
  double unbiased_variance = 0, degrees = 1;  // as of AurocEstimate
  double z = 0;
  double p_value = 1;      // two-sided; 1 when the variance is 0: nothing speaks against equality
  Interval interval = {};  // of the difference, plain normal, cut at -1 and 1
};

// a[n] and b[n]: scores of two models for the same samples. Empty when a class is missing.
std::optional<PairedAuroc> paired_delong(std::span<const double> a, std::span<const double> b,
                                         std::span<const std::uint8_t> positive,
                                         double level = 0.95);

}  // namespace looktwice::metrics
