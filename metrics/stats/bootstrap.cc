#include "metrics/stats/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include "metrics/stats/distributions.h"
#include "metrics/stats/parallel.h"
#include "metrics/stats/percentile.h"
#include "metrics/stats/sum.h"

namespace looktwice::metrics {
namespace {

constexpr double kNoVariance = 1e-24;  // what rounding may leave

}  // namespace

void resample(std::span<const std::size_t> strata, StreamKey key, std::uint32_t replicate,
              std::span<std::uint32_t> counts) {
  std::fill(counts.begin(), counts.end(), 0U);
  RandomStream random(key, replicate);
  std::uint32_t* first = counts.data();
  for (const std::size_t size : strata) {
    const auto n = static_cast<std::uint32_t>(size);
    if (n > 0) random.each_below(n, n, [&](std::uint32_t i) { ++first[i]; });
    first += size;
  }
}

std::vector<std::vector<double>> bootstrap(
    std::span<const std::size_t> strata, std::size_t values, const BootstrapOptions& options,
    const std::function<void(std::span<const std::uint32_t> counts, std::span<double> out)>&
        statistics) {
  const std::size_t all = std::accumulate(strata.begin(), strata.end(), std::size_t{0});
  std::vector<std::vector<double>> replicates(
      values, std::vector<double>(static_cast<std::size_t>(std::max(0, options.resamples))));
  in_parts(options.resamples, options.threads, [&](int begin, int end) {
    std::vector<std::uint32_t> counts(all);
    std::vector<double> out(values);
    for (int r = begin; r < end; ++r) {
      resample(strata, options.key, static_cast<std::uint32_t>(r), counts);
      statistics(counts, out);
      for (std::size_t v = 0; v < values; ++v) replicates[v][static_cast<std::size_t>(r)] = out[v];
    }
  });
  return replicates;
}

std::vector<double> auroc_replicates(const RankedScores& ranked, const BootstrapOptions& options) {
  const auto p = static_cast<std::uint32_t>(ranked.positives().size());
  const auto n = static_cast<std::uint32_t>(ranked.negatives().size());
  if (p == 0 || n == 0) return {};
  // Of each anomalous sample: how many normal ones lie above it, and how many above or level with
  // it.
  std::vector<std::uint32_t> above(p), upto(p);
  std::uint32_t p_seen = 0, n_seen = 0;
  bool ties = false;
  ranked.each_score([&](double, std::int64_t equal_p, std::int64_t equal_n) {
    ties = ties || (equal_p > 0 && equal_n > 0);
    for (std::int64_t i = 0; i < equal_p; ++i, ++p_seen) {
      above[p_seen] = n_seen;
      upto[p_seen] = n_seen + static_cast<std::uint32_t>(equal_n);
    }
    n_seen += static_cast<std::uint32_t>(equal_n);
  });
  const double pairs = static_cast<double>(p) * static_cast<double>(n);
  std::vector<double> replicates(static_cast<std::size_t>(std::max(0, options.resamples)));
  in_parts(options.resamples, options.threads, [&](int begin, int end) {
    std::vector<std::uint32_t> counts(n), drawn_above(n + 1);
    for (int r = begin; r < end; ++r) {
      RandomStream random(options.key, static_cast<std::uint32_t>(r));
      std::fill(counts.begin(), counts.end(), 0U);
      random.each_below(n, n, [&](std::uint32_t i) { ++counts[i]; });
      std::uint32_t sum = 0;
#pragma GCC unroll 8
      for (std::uint32_t i = 0; i < n; ++i) {
        drawn_above[i] = sum;
        sum += counts[i];
      }
      drawn_above[n] = sum;
      std::uint64_t lost = 0, tied = 0;
      if (ties)
        random.each_below(p, p, [&](std::uint32_t i) {
          lost += drawn_above[above[i]];
          tied += drawn_above[upto[i]];
        });
      else
        random.each_below(p, p, [&](std::uint32_t i) { lost += drawn_above[above[i]]; });
      const std::uint64_t twice_lost = ties ? lost + tied : 2 * lost;
      replicates[static_cast<std::size_t>(r)] =
          (pairs - 0.5 * static_cast<double>(twice_lost)) / pairs;
    }
  });
  return replicates;
}

double mean_of(std::span<const double> values) {
  Sum sum;
  for (const double value : values) sum += value;
  return sum.value() / static_cast<double>(values.size());
}

double deviation_of(std::span<const double> values) {
  if (values.size() < 2) return 0;
  const double mean = mean_of(values);
  Sum squares;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return std::sqrt(squares.value() / static_cast<double>(values.size() - 1));
}

double expanded_level(double level, std::size_t units) {
  if (units < 2) return level;
  const auto n = static_cast<double>(units);
  const double quantile = std::sqrt(n / (n - 1)) * student_t_quantile(0.5 + level / 2, n - 1);
  return 1 - normal_two_sided(quantile);
}

Interval percentile_interval(std::vector<double> replicates, double level) {
  std::sort(replicates.begin(), replicates.end());
  return {.low = percentile_of_sorted(replicates, 0.5 - level / 2),
          .high = percentile_of_sorted(replicates, 0.5 + level / 2),
          .level = level,
          .method = "percentile bootstrap"};
}

Interval bca_interval(std::vector<double> replicates, double estimate, double acceleration,
                      double level) {
  std::sort(replicates.begin(), replicates.end());
  // Replicates equal to the estimate count half.
  const auto [below, upto] = std::equal_range(replicates.begin(), replicates.end(), estimate);
  const double share =
      static_cast<double>((below - replicates.begin()) + (upto - replicates.begin())) /
      (2 * static_cast<double>(replicates.size()));
  const double z0 = normal_quantile(share);
  if (!std::isfinite(z0)) return percentile_interval(std::move(replicates), level);
  const auto corrected = [&](double p) {
    const double z = z0 + normal_quantile(p);
    return normal_cdf(z0 + z / (1 - acceleration * z));
  };
  return {.low = percentile_of_sorted(replicates, corrected(0.5 - level / 2)),
          .high = percentile_of_sorted(replicates, corrected(0.5 + level / 2)),
          .level = level,
          .method = "bca bootstrap"};
}

double acceleration(std::span<const std::size_t> strata, std::span<const double> jackknife) {
  Sum squares, cubes;
  std::size_t first = 0;
  for (const std::size_t size : strata) {
    const auto n = static_cast<double>(size);
    const std::span<const double> values = jackknife.subspan(first, size);
    const double mean = mean_of(values);
    for (const double value : values) {
      const double influence = (n - 1) * (mean - value) / n;
      squares += influence * influence;
      cubes += influence * influence * influence;
    }
    first += size;
  }
  return squares.value() > 0 ? cubes.value() / (6 * std::pow(squares.value(), 1.5)) : 0;
}

Jackknifed jackknifed(std::span<const std::size_t> strata, std::span<const double> jackknife) {
  Jackknifed all;
  double corrected = 0;
  std::size_t first = 0;
  for (const std::size_t size : strata) {
    const auto n = static_cast<double>(size);
    std::vector<double> influence;
    for (const double value : jackknife.subspan(first, size)) influence.push_back((n - 1) * value);
    first += size;
    const Spread one = spread_of_mean(influence);
    all.spread += one;
    if (size > 1) corrected += one.variance * n / (n - 1);
  }
  if (all.spread.variance <= kNoVariance) return {};
  all.bootstrap_factor = corrected / all.spread.variance;
  return all;
}

}  // namespace looktwice::metrics
