// AUROCs of several kinds of anomaly against the same normal samples, and their mean. The kinds are
// independent, the normal samples are in each. Source: DeLong, DeLong and Clarke-Pearson 1988,
// their structural components.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "metrics/metric.h"
#include "metrics/stats/delong.h"

namespace looktwice::metrics {

// Scores of one kind and of the normal samples; positive[n]: of that kind. The normal samples are
// the same of each kind and in the same order.
struct KindScores {
  std::vector<double> scores = {};
  std::vector<std::uint8_t> positive = {};
};

// kind[n]: of scores[n], from 0; negative: normal.
std::vector<KindScores> by_kind(std::span<const double> scores, std::span<const int> kind,
                                int kinds);

// The mean of the kinds' AUROCs with its variance; positives, negatives: of all kinds, the normal
// samples once. Empty when a kind or the normal samples are missing; variance 0 where one of them
// is a single sample, or all kinds are perfectly apart.
std::optional<AurocEstimate> mean_of_kinds(std::span<const KindScores> kinds);

// Interval of such a mean on the logit scale. Variance 0: Newcombe's, as auroc_interval().
Interval mean_of_kinds_interval(const AurocEstimate& mean, double level = 0.95);

// Variance of the difference of two models' means on the same samples in the same order. Empty and
// 0 as above.
std::optional<double> paired_variance_of_kinds(std::span<const KindScores> a,
                                               std::span<const KindScores> b);

}  // namespace looktwice::metrics
