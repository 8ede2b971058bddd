#include "metrics/stats/shared_normals.h"

#include <algorithm>
#include <cmath>

#include "metrics/stats/correlation.h"
#include "metrics/stats/distributions.h"
#include "metrics/stats/logit_interval.h"
#include "metrics/stats/sum.h"

namespace looktwice::metrics {
namespace {

// Of one kind: the share of the other class that each sample is ranked rightly against, ties half.
struct Placements {
  std::vector<double> positives = {}, negatives = {};  // in the order given
};

Placements placements(const KindScores& kind) {
  std::vector<double> own[2];
  for (std::size_t i = 0; i < kind.scores.size(); ++i)
    own[kind.positive[i] != 0].push_back(kind.scores[i]);
  const std::vector<double> among_all = midranks(kind.scores),
                            among_own[2] = {midranks(own[0]), midranks(own[1])};
  Placements placed;
  std::size_t seen[2] = {0, 0};
  for (std::size_t i = 0; i < kind.scores.size(); ++i) {
    const bool positive = kind.positive[i] != 0;
    const double below = (among_all[i] - among_own[positive][seen[positive]++]) /
                         static_cast<double>(own[!positive].size());
    (positive ? placed.positives : placed.negatives).push_back(positive ? below : 1 - below);
  }
  return placed;
}

// Of the mean. Sorted first, so that the order of the samples changes no bit.
double variance_of_mean(std::vector<double> values) {
  std::ranges::sort(values);
  const auto n = static_cast<double>(values.size());
  Sum sum, squares;
  for (const double value : values) sum += value;
  for (const double value : values) squares += std::pow(value - sum.value() / n, 2);
  return squares.value() / (n - 1) / n;
}

}  // namespace

std::optional<AurocEstimate> mean_of_kinds(std::span<const KindScores> kinds) {
  if (kinds.empty()) return {};
  const auto count = static_cast<double>(kinds.size());
  AurocEstimate mean;
  std::vector<double> of_normals;
  bool single = false;
  for (const KindScores& kind : kinds) {
    const std::optional<AurocEstimate> own = delong(kind.scores, kind.positive);
    if (!own) return {};
    mean.value += own->value / count;
    mean.positives += own->positives;
    mean.negatives = own->negatives;
    const Placements placed = placements(kind);
    single = single || placed.positives.size() < 2 || placed.negatives.size() < 2;
    if (!single) mean.variance += variance_of_mean(placed.positives) / (count * count);
    of_normals.resize(placed.negatives.size());
    for (std::size_t i = 0; i < of_normals.size(); ++i)
      of_normals[i] += placed.negatives[i] / count;
  }
  mean.variance = single ? 0 : mean.variance + variance_of_mean(of_normals);
  return mean;
}

Interval mean_of_kinds_interval(const AurocEstimate& mean, double level) {
  if (mean.variance <= 0)
    return newcombe_auroc_interval(mean.value, mean.positives, mean.negatives, level);
  return logit_interval(mean.value, 0, std::sqrt(mean.variance), normal_quantile(0.5 + level / 2),
                        level, "delong");
}

}  // namespace looktwice::metrics
