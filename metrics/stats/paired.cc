#include "metrics/stats/paired.h"

#include <algorithm>
#include <stdexcept>

#include "metrics/binary/reranking.h"
#include "metrics/stats/sum.h"

namespace looktwice::metrics {
namespace {

void add_intervals(PairedDifference& result, double acceleration, double level, std::size_t units) {
  if (result.replicates.empty()) return;
  const double expanded = expanded_level(level, units);
  result.percentile = percentile_interval(result.replicates, expanded);
  result.bca = bca_interval(result.replicates, result.difference, acceleration, expanded);
  result.percentile.level = result.bca.level = level;
}

}  // namespace

ClusterSums cluster_sums(std::span<const double> values, std::span<const std::uint32_t> clusters) {
  if (values.size() != clusters.size()) throw std::invalid_argument("a cluster for each value");
  std::size_t count = 0;
  for (const std::uint32_t c : clusters) count = std::max(count, std::size_t{c} + 1);
  if (count > values.size())
    throw std::invalid_argument("clusters are numbered 0, 1, ... without holes");
  std::vector<Sum> sums(count);
  ClusterSums result{.sums = std::vector<double>(count), .sizes = std::vector<double>(count, 0)};
  for (std::size_t i = 0; i < values.size(); ++i) {
    sums[clusters[i]] += values[i];
    result.sizes[clusters[i]] += 1;
  }
  for (std::size_t c = 0; c < count; ++c) {
    if (result.sizes[c] == 0)
      throw std::invalid_argument("clusters are numbered 0, 1, ... without holes");
    result.sums[c] = sums[c].value();
  }
  return result;
}

PairedDifference paired_cluster_bootstrap(std::span<const double> a, std::span<const double> b,
                                          std::span<const std::uint32_t> clusters,
                                          const BootstrapOptions& options, double level) {
  if (a.empty() || a.size() != b.size()) throw std::invalid_argument("pairs, and at least one");
  std::vector<double> differences(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) differences[i] = a[i] - b[i];
  ClusterSums units{.sums = differences, .sizes = std::vector<double>(a.size(), 1)};
  if (!clusters.empty()) units = cluster_sums(differences, clusters);
  PairedDifference result{.a = mean_of(a), .b = mean_of(b), .difference = mean_of(differences)};
  const std::size_t strata[] = {units.sums.size()};
  auto replicates = bootstrap(strata, 1, options,
                              [&](std::span<const std::uint32_t> counts, std::span<double> out) {
                                Sum sum;
                                double size = 0;
                                for (std::size_t i = 0; i < counts.size(); ++i) {
                                  sum += counts[i] * units.sums[i];
                                  size += counts[i] * units.sizes[i];
                                }
                                out[0] = sum.value() / size;
                              });
  result.replicates = std::move(replicates[0]);
  Sum total;
  for (const double sum : units.sums) total += sum;
  std::vector<double> jackknife;
  const auto samples = static_cast<double>(a.size());
  if (units.sums.size() > 1)
    for (std::size_t i = 0; i < units.sums.size(); ++i)
      jackknife.push_back((total.value() - units.sums[i]) / (samples - units.sizes[i]));
  add_intervals(result, jackknife.empty() ? 0 : acceleration(strata, jackknife), level,
                units.sums.size());
  return result;
}

std::vector<PairedDifference> paired_ranking_bootstrap(std::span<const double> a,
                                                       std::span<const double> b,
                                                       std::span<const std::uint8_t> positive,
                                                       const BootstrapOptions& options,
                                                       double level) {
  const Reranking first(a, positive), second(b, positive);
  if (first.strata()[0] == 0 || first.strata()[1] == 0) return {};
  const auto difference = [&](std::span<const std::uint32_t> counts, std::span<double> out) {
    const RerankedValues x = first.values(counts), y = second.values(counts);
    out[0] = x.auroc - y.auroc;
    out[1] = x.average_precision - y.average_precision;
    out[2] = x.f1_max - y.f1_max;
  };
  auto replicates = bootstrap(first.strata(), 3, options, difference);
  std::vector<std::uint32_t> counts(a.size(), 1);
  const RerankedValues x = first.values(counts), y = second.values(counts);
  std::vector<PairedDifference> results = {{.a = x.auroc, .b = y.auroc},
                                           {.a = x.average_precision, .b = y.average_precision},
                                           {.a = x.f1_max, .b = y.f1_max}};
  // The jackknife is n walks over n samples; beyond some thousands the acceleration is too small to
  // matter.
  std::vector<double> jackknife[3];
  if (a.size() <= 4000)
    for (std::size_t i = 0; i < counts.size(); ++i) {
      double without[3];
      counts[i] = 0;
      difference(counts, without);
      counts[i] = 1;
      for (std::size_t v = 0; v < 3; ++v) jackknife[v].push_back(without[v]);
    }
  for (std::size_t v = 0; v < 3; ++v) {
    results[v].difference = results[v].a - results[v].b;
    results[v].replicates = std::move(replicates[v]);
    add_intervals(results[v], jackknife[v].empty() ? 0 : acceleration(first.strata(), jackknife[v]),
                  level, std::min(first.strata()[0], first.strata()[1]));
  }
  return results;
}

}  // namespace looktwice::metrics
