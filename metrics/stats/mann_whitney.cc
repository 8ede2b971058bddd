#include "metrics/stats/mann_whitney.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "metrics/stats/correlation.h"
#include "metrics/stats/distributions.h"

namespace looktwice::metrics {
namespace {

// Ranks doubled are whole numbers, ties or not.
std::vector<std::size_t> doubled(const std::vector<double>& ranks) {
  std::vector<std::size_t> made;
  for (const double rank : ranks) made.push_back(static_cast<std::size_t>(std::lround(2 * rank)));
  return made;
}

// The share of all ways to choose `chosen` of the ranks whose sum is at least as far from the mean
// of sums as `sum` is. ways[k][s]: how often k ranks add up to s; below 2^53, so exact.
double share_as_far(const std::vector<std::size_t>& ranks, std::size_t chosen, std::size_t sum) {
  std::size_t all = 0;
  for (const std::size_t rank : ranks) all += rank;
  std::vector<std::vector<double>> ways(chosen + 1, std::vector<double>(all + 1, 0));
  ways[0][0] = 1;
  std::size_t seen = 0;
  for (const std::size_t rank : ranks) {
    ++seen;
    for (std::size_t k = std::min(seen, chosen); k > 0; --k)
      for (std::size_t s = all; s >= rank; --s) ways[k][s] += ways[k - 1][s - rank];
  }
  // mean = chosen * all / ranks; compared without division.
  const auto distance = [&](std::size_t s) {
    const auto at = static_cast<std::int64_t>(s * ranks.size()),
               mean = static_cast<std::int64_t>(chosen * all);
    return std::abs(at - mean);
  };
  const std::int64_t own = distance(sum);
  double as_far = 0, every = 0;
  for (std::size_t s = 0; s <= all; ++s) {
    every += ways[chosen][s];
    if (distance(s) >= own) as_far += ways[chosen][s];
  }
  return as_far / every;
}

double normal_p(double u, double a, double b, const std::vector<double>& ranks) {
  std::vector<double> sorted = ranks;
  std::sort(sorted.begin(), sorted.end());
  double ties = 0;
  for (std::size_t first = 0, end = 0; first < sorted.size(); first = end) {
    while (end < sorted.size() && sorted[end] == sorted[first]) ++end;
    const auto count = static_cast<double>(end - first);
    ties += count * count * count - count;
  }
  const double n = a + b;
  const double variance = a * b / 12 * (n + 1 - (n > 1 ? ties / (n * (n - 1)) : 0));
  if (!(variance > 0)) return 1;  // all values equal: nothing can be larger
  const double distance = std::abs(u - a * b / 2) - 0.5;
  return distance > 0 ? normal_two_sided(distance / std::sqrt(variance)) : 1;
}

}  // namespace

MannWhitney mann_whitney(std::span<const double> a, std::span<const double> b,
                         MannWhitneyMethod method) {
  if (a.empty() || b.empty()) throw std::invalid_argument("a U test needs values in both groups");
  std::vector<double> values(a.begin(), a.end());
  values.insert(values.end(), b.begin(), b.end());
  const std::vector<double> ranks = midranks(values);
  double sum = 0;  // of halves below 2^52: exact
  for (std::size_t i = 0; i < a.size(); ++i) sum += ranks[i];
  const auto size_a = static_cast<double>(a.size()), size_b = static_cast<double>(b.size());
  MannWhitney result{.u = sum - size_a * (size_a + 1) / 2};
  const bool small = values.size() <= kMostExactRanks;
  if (method == MannWhitneyMethod::exact && !small)
    throw std::invalid_argument("an exact U test takes at most " + std::to_string(kMostExactRanks) +
                                " values");
  result.exact =
      method == MannWhitneyMethod::exact || (method == MannWhitneyMethod::automatic && small);
  result.p_value = result.exact ? share_as_far(doubled(ranks), a.size(),
                                               static_cast<std::size_t>(std::lround(2 * sum)))
                                : normal_p(result.u, size_a, size_b, ranks);
  return result;
}

}  // namespace looktwice::metrics
