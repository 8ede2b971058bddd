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

// What each sample adds to the mean of the kinds: the anomalous ones of each kind, and the normal
// ones, which every kind has. Empty when a kind or the normal samples are missing.
std::vector<std::vector<double>> components(std::span<const KindScores> kinds) {
  const auto count = static_cast<double>(kinds.size());
  std::vector<std::vector<double>> all;
  std::vector<double> of_normals;
  for (const KindScores& kind : kinds) {
    Placements placed = placements(kind);
    if (placed.positives.empty() || placed.negatives.empty()) return {};
    for (double& one : placed.positives) one /= count;
    all.push_back(std::move(placed.positives));
    of_normals.resize(placed.negatives.size());
    for (std::size_t i = 0; i < of_normals.size(); ++i)
      of_normals[i] += placed.negatives[i] / count;
  }
  all.push_back(std::move(of_normals));
  return all;
}

double variance_of(const std::vector<std::vector<double>>& components) {
  double variance = 0;
  for (const std::vector<double>& one : components) {
    if (one.size() < 2) return 0;
    variance += variance_of_mean(one);
  }
  return variance;
}

}  // namespace

std::vector<KindScores> by_kind(std::span<const double> scores, std::span<const int> kind,
                                int kinds) {
  std::vector<KindScores> all(static_cast<std::size_t>(kinds));
  for (std::size_t i = 0; i < scores.size(); ++i)
    for (int k = 0; k < kinds; ++k) {
      if (kind[i] >= 0 && kind[i] != k) continue;
      KindScores& own = all[static_cast<std::size_t>(k)];
      own.scores.push_back(scores[i]);
      own.positive.push_back(kind[i] == k);
    }
  return all;
}

std::optional<AurocEstimate> mean_of_kinds(std::span<const KindScores> kinds) {
  if (kinds.empty()) return {};
  AurocEstimate mean;
  for (const KindScores& kind : kinds) {
    const std::optional<AurocEstimate> own = delong(kind.scores, kind.positive);
    if (!own) return {};
    mean.value += own->value / static_cast<double>(kinds.size());
    mean.positives += own->positives;
    mean.negatives = own->negatives;
  }
  mean.variance = variance_of(components(kinds));
  return mean;
}

Interval mean_of_kinds_interval(const AurocEstimate& mean, double level) {
  if (mean.variance <= 0)
    return newcombe_auroc_interval(mean.value, mean.positives, mean.negatives, level);
  return logit_interval(mean.value, 0, std::sqrt(mean.variance), normal_quantile(0.5 + level / 2),
                        level, "delong");
}

std::optional<double> paired_variance_of_kinds(std::span<const KindScores> a,
                                               std::span<const KindScores> b) {
  std::vector<std::vector<double>> both = components(a);
  const std::vector<std::vector<double>> of_b = components(b);
  if (both.empty() || of_b.empty()) return {};
  for (std::size_t k = 0; k < both.size(); ++k)
    for (std::size_t i = 0; i < both[k].size(); ++i) both[k][i] -= of_b[k][i];
  return variance_of(both);
}

}  // namespace looktwice::metrics
