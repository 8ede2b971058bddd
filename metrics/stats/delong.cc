#include "metrics/stats/delong.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "metrics/stats/degrees.h"
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

// Of a two-sample U-statistic from the variances of its two means of placements and from its
// kernel's (over all pairs). 0 where it is none (it may be negative) or what rounding leaves.
double unbiased(double of_positives, double of_negatives, double p, double n, double of_pairs) {
  const double variance =
      n / (n - 1) * of_positives + p / (p - 1) * of_negatives - of_pairs / ((p - 1) * (n - 1));
  return variance > 1e-14 / (p * n) ? variance : 0;
}

// How far the placements of both classes lie from their means.
struct Moments {
  Sum squares_p = {}, squares_n = {}, fourths_p = {}, fourths_n = {};
  void add(bool positive, double count, double apart) {
    const double square = apart * apart;
    (positive ? squares_p : squares_n) += count * square;
    (positive ? fourths_p : fourths_n) += count * square * square;
  }
};

// variance, degrees and unbiased_variance of an AurocEstimate or a PairedAuroc from at least two
// samples of each class. of_pairs: variance of the kernel.
template <class Estimate>
void set_variances(Estimate& estimate, const Moments& moments, double p, double n,
                   double of_pairs) {
  const Spread p_spread = spread_of_mean(p, moments.squares_p.value(), moments.fourths_p.value()),
               n_spread = spread_of_mean(n, moments.squares_n.value(), moments.fourths_n.value());
  Spread both = p_spread;
  both += n_spread;
  estimate.variance = both.variance;
  estimate.degrees = both.degrees();
  estimate.unbiased_variance = unbiased(p_spread.variance, n_spread.variance, p, n, of_pairs);
}

// Mean over all pairs of an anomalous and a normal sample of the product of what both models make
// of it, +1 ranked rightly, -1 wrongly, 0 tied. O(n log n): normal samples enter a tree of their
// ranks by `b` in the order of `a`.
double agreement_on_pairs(std::span<const double> a, std::span<const double> b,
                          std::span<const std::uint8_t> positive) {
  std::vector<double> levels(b.begin(), b.end());
  std::sort(levels.begin(), levels.end());
  levels.erase(std::unique(levels.begin(), levels.end()), levels.end());
  std::vector<std::int64_t> tree(levels.size() + 1);
  const auto rank = [&](std::size_t i) {
    return static_cast<std::size_t>(std::lower_bound(levels.begin(), levels.end(), b[i]) -
                                    levels.begin());
  };
  std::int64_t entered = 0;
  const auto enter = [&](std::size_t i) {
    for (std::size_t k = rank(i) + 1; k < tree.size(); k += k & (~k + 1)) ++tree[k];
    ++entered;
  };
  const auto first = [&](std::size_t ranks) {  // how many entered have one of the first ranks
    std::int64_t sum = 0;
    for (std::size_t k = ranks; k > 0; k -= k & (~k + 1)) sum += tree[k];
    return sum;
  };
  const auto lead = [&](std::size_t i) {  // entered below by b, less those above
    return first(rank(i)) + first(rank(i) + 1) - entered;
  };
  std::vector<std::size_t> order(a.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) { return a[i] < a[j]; });
  // Lower by a: +lead; higher by a: -lead, which is the lead over all less that over those not
  // higher.
  std::vector<std::int64_t> sum(a.size());
  for (std::size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    for (end = begin; end < order.size() && a[order[end]] == a[order[begin]];) ++end;
    for (std::size_t k = begin; k < end; ++k)
      if (positive[order[k]] != 0) sum[order[k]] += lead(order[k]);
    for (std::size_t k = begin; k < end; ++k)
      if (positive[order[k]] == 0) enter(order[k]);
    for (std::size_t k = begin; k < end; ++k)
      if (positive[order[k]] != 0) sum[order[k]] += lead(order[k]);
  }
  std::int64_t total = 0, positives = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (positive[i] != 0) total += sum[i] - lead(i), ++positives;
  return static_cast<double>(total) /
         (static_cast<double>(positives) * static_cast<double>(entered));
}

}  // namespace

std::optional<AurocEstimate> delong(const RankedScores& ranked) {
  const std::optional<double> value = ranked.auroc();
  if (!value) return {};
  const auto p = static_cast<double>(ranked.positives().size());
  const auto n = static_cast<double>(ranked.negatives().size());
  Moments moments;
  double p_above = 0, n_above = 0, tied_pairs = 0;
  ranked.each_score([&](double, std::int64_t equal_p, std::int64_t equal_n) {
    const auto dp = static_cast<double>(equal_p), dn = static_cast<double>(equal_n);
    moments.add(true, dp, (n - n_above - dn / 2) / n - *value);
    moments.add(false, dn, (p_above + dp / 2) / p - *value);
    p_above += dp;
    n_above += dn;
    tied_pairs += dp * dn;
  });
  AurocEstimate estimate{.value = *value,
                         .positives = std::ssize(ranked.positives()),
                         .negatives = std::ssize(ranked.negatives())};
  // Of a pair 1 counts when it is ranked rightly, 1/2 when tied; squared, a tie is 1/4.
  if (p > 1 && n > 1)
    set_variances(estimate, moments, p, n, *value - tied_pairs / (4 * p * n) - *value * *value);
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

Interval auroc_interval(const AurocEstimate& estimate, double level,
                        std::optional<double> degrees) {
  const double a = estimate.value;
  if (estimate.unbiased_variance <= 0 || a <= 0 || a >= 1)
    return newcombe_auroc_interval(a, estimate.positives, estimate.negatives, level);
  const double t = student_t_quantile(0.5 + level / 2, degrees.value_or(estimate.degrees));
  return score_interval(a, 0, std::sqrt(estimate.unbiased_variance), t, level, "delong");
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
  Moments moments;
  for (std::size_t i = 0; i < positive.size(); ++i)
    moments.add(positive[i] != 0, 1, (of_a[i] - of_b[i]) - result.difference);
  if (p > 1 && n > 1) {
    // A pair's difference is half that of both models' +1, 0 or -1.
    const auto untied = [&](std::span<const double> scores) {
      return agreement_on_pairs(scores, scores, positive);
    };
    const double squares = (untied(a) + untied(b) - 2 * agreement_on_pairs(a, b, positive)) / 4;
    set_variances(result, moments, p, n, squares - result.difference * result.difference);
  }
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
