#include "metrics/stats/delong.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "metrics/stats/distributions.h"
#include "metrics/stats/logit_interval.h"
#include "metrics/stats/sum.h"

namespace looktwice::metrics {
namespace {

// For each sample, the share of the other class that it is ranked rightly against (ties half), in
// input order.
std::vector<double> placements(std::span<const double> scores,
                               std::span<const std::uint8_t> positive, double positives,
                               double negatives) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t i, std::size_t j) { return scores[i] < scores[j]; });
  std::vector<double> place(scores.size());
  double p_below = 0, n_below = 0;
  for (std::size_t first = 0, end = 0; first < order.size(); first = end) {
    double p = 0, n = 0;
    for (end = first; end < order.size() && scores[order[end]] == scores[order[first]]; ++end)
      (positive[order[end]] != 0 ? p : n) += 1;
    const double for_positive = (n_below + n / 2) / negatives;
    const double for_negative = (positives - p_below - p / 2) / positives;
    for (std::size_t k = first; k < end; ++k)
      place[order[k]] = positive[order[k]] != 0 ? for_positive : for_negative;
    p_below += p;
    n_below += n;
  }
  return place;
}

}  // namespace

std::optional<AurocEstimate> delong(const RankedScores& ranked) {
  const std::optional<double> value = ranked.auroc();
  if (!value) return {};
  const auto p = static_cast<double>(ranked.positives().size());
  const auto n = static_cast<double>(ranked.negatives().size());
  Sum of_positives, of_negatives;
  double p_above = 0, n_above = 0;
  ranked.each_score([&](double, std::int64_t equal_p, std::int64_t equal_n) {
    const auto dp = static_cast<double>(equal_p), dn = static_cast<double>(equal_n);
    const double v10 = (n - n_above - dn / 2) / n - *value, v01 = (p_above + dp / 2) / p - *value;
    of_positives += dp * (v10 * v10);
    of_negatives += dn * (v01 * v01);
    p_above += dp;
    n_above += dn;
  });
  AurocEstimate estimate{.value = *value,
                         .positives = std::ssize(ranked.positives()),
                         .negatives = std::ssize(ranked.negatives())};
  if (p > 1 && n > 1)
    estimate.variance = of_positives.value() / (p - 1) / p + of_negatives.value() / (n - 1) / n;
  return estimate;
}

std::optional<AurocEstimate> delong(std::span<const double> scores,
                                    std::span<const std::uint8_t> positive) {
  return delong(RankedScores(scores, positive));
}

Interval newcombe_auroc_interval(double value, std::int64_t positives, std::int64_t negatives,
                                 double level) {
  if (positives < 1 || negatives < 1) throw std::invalid_argument("an AUROC needs both classes");
  const double z = normal_quantile(0.5 + level / 2);
  const double pairs = static_cast<double>(positives) * static_cast<double>(negatives);
  const double more = static_cast<double>(positives + negatives) / 2 - 1;
  const auto inside = [&](double t) {
    const double variance = t * (1 - t) * (1 + more * ((1 - t) / (2 - t) + t / (1 + t))) / pairs;
    return std::fabs(value - t) <= z * std::sqrt(variance);
  };
  const auto bound = [&](double outer) {
    double in = value, out = outer;
    if (inside(out)) return out;
    for (int step = 0; step < 100; ++step) {
      const double middle = (in + out) / 2;
      (inside(middle) ? in : out) = middle;
    }
    return in;
  };
  return {.low = bound(0), .high = bound(1), .level = level, .method = "newcombe"};
}

Interval auroc_interval(const AurocEstimate& estimate, double level) {
  const double a = estimate.value;
  if (estimate.variance <= 0 || a <= 0 || a >= 1)
    return newcombe_auroc_interval(a, estimate.positives, estimate.negatives, level);
  const double z = normal_quantile(0.5 + level / 2);
  return logit_interval(a, 0, std::sqrt(estimate.variance), z, level, "delong");
}

std::optional<PairedAuroc> paired_delong(std::span<const double> a, std::span<const double> b,
                                         std::span<const std::uint8_t> positive, double level) {
  const std::optional<double> value_a = RankedScores(a, positive).auroc();
  const std::optional<double> value_b = RankedScores(b, positive).auroc();
  if (!value_a || !value_b) return {};
  const auto p = static_cast<double>(
      std::count_if(positive.begin(), positive.end(), [](std::uint8_t y) { return y != 0; }));
  const double n = static_cast<double>(positive.size()) - p;
  const std::vector<double> of_a = placements(a, positive, p, n),
                            of_b = placements(b, positive, p, n);
  PairedAuroc result{.a = *value_a, .b = *value_b, .difference = *value_a - *value_b};
  Sum of_positives, of_negatives;
  for (std::size_t i = 0; i < positive.size(); ++i) {
    const double apart = (of_a[i] - of_b[i]) - result.difference;
    (positive[i] != 0 ? of_positives : of_negatives) += apart * apart;
  }
  if (p > 1 && n > 1)
    result.variance = of_positives.value() / (p - 1) / p + of_negatives.value() / (n - 1) / n;
  const double deviation = std::sqrt(result.variance);
  if (deviation > 0) {
    result.z = result.difference / deviation;
    result.p_value = normal_two_sided(result.z);
  }
  const double half = normal_quantile(0.5 + level / 2) * deviation;
  result.interval = {.low = std::max(-1.0, result.difference - half),
                     .high = std::min(1.0, result.difference + half),
                     .level = level,
                     .method = "paired delong"};
  return result;
}

}  // namespace looktwice::metrics
