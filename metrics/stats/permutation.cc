#include "metrics/stats/permutation.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <vector>

#include "metrics/binary/auroc.h"
#include "metrics/stats/correlation.h"
#include "metrics/stats/paired.h"
#include "metrics/stats/parallel.h"
#include "metrics/stats/sum.h"

namespace looktwice::metrics {

PermutationResult paired_permutation(
    std::size_t units, const BootstrapOptions& options,
    const std::function<double(std::span<const std::uint8_t> swapped)>& statistic) {
  const std::vector<std::uint8_t> as_is(units, 0);
  PermutationResult result{.observed = statistic(as_is)};
  const double limit = std::fabs(result.observed) * (1 - 1e-9);
  const int draws = std::max(0, options.resamples);
  result.exact = units < 31 && (std::int64_t{1} << units) <= draws;
  const int tries = result.exact ? 1 << units : draws;
  std::vector<std::uint8_t> extreme(static_cast<std::size_t>(tries));
  in_parts(tries, options.threads, [&](int begin, int end) {
    std::vector<std::uint8_t> swapped(units);
    for (int r = begin; r < end; ++r) {
      if (result.exact) {
        for (std::size_t i = 0; i < units; ++i)
          swapped[i] = static_cast<std::uint8_t>((r >> i) & 1);
      } else {
        RandomStream random(options.key, static_cast<std::uint32_t>(r));
        for (std::size_t i = 0; i < units; i += 32) {
          const std::uint32_t bits = random.next();
          for (std::size_t k = i; k < std::min(units, i + 32); ++k)
            swapped[k] = static_cast<std::uint8_t>((bits >> (k - i)) & 1);
        }
      }
      extreme[static_cast<std::size_t>(r)] = std::fabs(statistic(swapped)) >= limit;
    }
  });
  const auto hits = static_cast<double>(std::count(extreme.begin(), extreme.end(), 1));
  result.p_value = result.exact ? hits / tries : (1 + hits) / (1.0 + tries);
  return result;
}

PermutationResult mean_permutation(std::span<const double> differences,
                                   std::span<const std::uint32_t> clusters,
                                   const BootstrapOptions& options) {
  std::vector<double> units(differences.begin(), differences.end());
  if (!clusters.empty()) units = cluster_sums(differences, clusters).sums;
  const auto n = static_cast<double>(std::max<std::size_t>(1, differences.size()));
  return paired_permutation(units.size(), options, [&](std::span<const std::uint8_t> swapped) {
    Sum sum;
    for (std::size_t i = 0; i < units.size(); ++i) sum += swapped[i] != 0 ? -units[i] : units[i];
    return sum.value() / n;
  });
}

PermutationResult auroc_permutation(std::span<const double> a, std::span<const double> b,
                                    std::span<const std::uint8_t> positive,
                                    const BootstrapOptions& options) {
  if (!auroc(a, positive) || !auroc(b, positive))
    throw std::invalid_argument("an AUROC needs both classes");
  const std::vector<double> rank_a = midranks(a), rank_b = midranks(b);
  return paired_permutation(positive.size(), options, [&](std::span<const std::uint8_t> swapped) {
    std::vector<double> x(positive.size()), y(positive.size());
    for (std::size_t i = 0; i < positive.size(); ++i) {
      x[i] = swapped[i] != 0 ? rank_b[i] : rank_a[i];
      y[i] = swapped[i] != 0 ? rank_a[i] : rank_b[i];
    }
    return *auroc(x, positive) - *auroc(y, positive);
  });
}

}  // namespace looktwice::metrics
