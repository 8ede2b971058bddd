// Differences of two models on the same samples, resampled so that both meet the same draws.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "metrics/metric.h"
#include "metrics/stats/bootstrap.h"

namespace looktwice::metrics {

struct PairedDifference {
  double a = 0, b = 0;
  double difference = 0;                // a - b
  Interval percentile = {}, bca = {};   // widened for few units, see expanded_level()
  std::vector<double> replicates = {};  // of the difference
};

// Sums over clusters (images of one object, one scene): the unit that is drawn.
struct ClusterSums {
  std::vector<double> sums = {}, sizes = {};
};
// clusters[n]: 0, 1, ... without holes, else std::invalid_argument.
ClusterSums cluster_sums(std::span<const double> values, std::span<const std::uint32_t> clusters);

// Means of a[n] and b[n] (right or wrong, any grade). clusters[n]: as above; empty: every sample is
// its own cluster. Whole clusters are drawn; the mean is over samples. n >= 1.
PairedDifference paired_cluster_bootstrap(std::span<const double> a, std::span<const double> b,
                                          std::span<const std::uint32_t> clusters,
                                          const BootstrapOptions& options, double level = 0.95);

// AUROC, AP and F1-max of two models' scores, in that order; resampled within each class. Empty
// when a class is missing. For the AUROC alone paired_delong() is exact and faster.
std::vector<PairedDifference> paired_ranking_bootstrap(std::span<const double> a,
                                                       std::span<const double> b,
                                                       std::span<const std::uint8_t> positive,
                                                       const BootstrapOptions& options,
                                                       double level = 0.95);

}  // namespace looktwice::metrics
