// The mean of values that come in clusters, such as answers about one picture, with an interval
// from a bootstrap over clusters: answers about one picture are not independent.
// Not here: means over classes (mean_over.h).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "metrics/metric.h"

namespace looktwice::metrics {

enum class Pooling {
  clusters,  // mean over the values of a cluster, then over clusters
  values,    // every value counts the same, so a cluster with more of them weighs more
  balanced,  // as `values`, over positive and over negative clusters apart, then the mean of both
};

// What values can be; the interval stays inside.
struct Range {
  double low = 0, high = 1;
};

// Clusters in any order; order and merging never change the bits of the value.
class ClusterMean {
 public:
  explicit ClusterMean(Pooling pooling, Range range = {}) : pooling_(pooling), range_(range) {}

  // values: finite and within the range, else std::invalid_argument that names `id`. A cluster
  // without values counts as skipped; it is drawn like the others, so that means over the same
  // clusters have replicates of the same draws.
  void add(std::string_view id, std::optional<bool> positive, std::span<const double> values);
  void merge(const ClusterMean& part);

  // used and skipped: clusters. ON THE SCALE OF 0 TO 1, as mean_over() wants it; on_range() brings
  // a value back. Replicates are widened about the value by sqrt(n / (n - strata)), so that their
  // variance is without bias; positive and negative clusters are strata. Interval: logit scale,
  // Student's width; where all clusters agree at an end of the range, Wilson's for n clusters; none
  // from a single cluster.
  Value value(const MetricOptions& options) const;
  Value on_range(Value value) const;

 private:
  struct Cluster {
    std::uint64_t tag = 0;  // hash of the id: the order in which clusters are added up
    bool positive = false;
    double sum = 0;
    std::int64_t count = 0;
  };
  std::optional<double> mean_of(std::span<const Cluster> clusters,
                                std::span<const std::uint32_t> drawn) const;
  std::optional<double> pooled(std::span<const Cluster> clusters,
                               std::span<const std::uint32_t> drawn) const;
  // Parallel to the clusters.
  struct WholeSums {
    std::vector<std::uint32_t> sums = {}, counts = {};
  };
  bool whole_sums() const;
  static std::optional<double> pooled_whole(const WholeSums& whole,
                                            std::span<const std::uint32_t> drawn);
  void add_interval(Value& value, std::size_t strata) const;

  Pooling pooling_;
  Range range_;
  std::vector<Cluster> clusters_;
};

// The mean of values that were computed from the same clusters (subtasks of one set of pictures):
// replicate by replicate, so what they share is not taken for agreement of independent data.
// On the scale of 0 to 1. Over those that have a value; `reason` says how many when not all do.
Value average_of(std::span<const Value> values, double level = 0.95);

}  // namespace looktwice::metrics
