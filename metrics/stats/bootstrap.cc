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

void resample(std::span<const std::size_t> strata, StreamKey key, std::uint32_t replicate,
              std::span<std::uint32_t> counts) {
  std::fill(counts.begin(), counts.end(), 0U);
  RandomStream random(key, replicate);
  std::uint32_t* first = counts.data();
  for (const std::size_t size : strata) {
    const auto n = static_cast<std::uint32_t>(size);
    for (std::uint32_t i = 0; i < n; ++i) ++first[random.below(n)];
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
    Sum total;
    for (const double value : values) total += value;
    for (const double value : values) {
      const double influence = (n - 1) * (total.value() / n - value) / n;
      squares += influence * influence;
      cubes += influence * influence * influence;
    }
    first += size;
  }
  return squares.value() > 0 ? cubes.value() / (6 * std::pow(squares.value(), 1.5)) : 0;
}

}  // namespace looktwice::metrics
