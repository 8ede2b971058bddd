#include "metrics/stats/cluster_mean.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <tuple>

#include "metrics/stats/bootstrap.h"
#include "metrics/stats/distributions.h"
#include "metrics/stats/logit_interval.h"
#include "metrics/stats/proportion.h"
#include "metrics/stats/sum.h"

namespace looktwice::metrics {
namespace {

constexpr double kLevel = 0.95;
constexpr const char* kMethod = "cluster bootstrap";

}  // namespace

void ClusterMean::add(std::string_view id, std::optional<bool> positive,
                      std::span<const double> values) {
  Cluster cluster{.tag = stream_tag(id),
                  .positive = positive.value_or(false),
                  .count = static_cast<std::int64_t>(values.size())};
  Sum sum;
  for (const double value : values) {
    if (!(value >= range_.low && value <= range_.high))
      throw std::invalid_argument(
          "a value of '" + std::string(id) + "' is " + std::to_string(value) + ", outside of " +
          std::to_string(range_.low) + " to " + std::to_string(range_.high));
    sum += (value - range_.low) / (range_.high - range_.low);
  }
  cluster.sum = sum.value();
  clusters_.push_back(cluster);
}

void ClusterMean::merge(const ClusterMean& part) {
  clusters_.insert(clusters_.end(), part.clusters_.begin(), part.clusters_.end());
}

// Sums of answers that are right or wrong are whole numbers, and whole numbers add up exactly in
// any order: the same bits as below, many times faster.
bool ClusterMean::whole_sums() const {
  return pooling_ == Pooling::values && clusters_.size() < (std::size_t{1} << 30) &&
         std::ranges::all_of(clusters_, [](const Cluster& one) {
           return one.sum == std::floor(one.sum) && one.sum < 65536 && one.count < 65536;
         });
}

// As pooled() with Pooling::values.
std::optional<double> ClusterMean::pooled_whole(const WholeSums& whole,
                                                std::span<const std::uint32_t> drawn) {
  std::uint64_t sum = 0, weight = 0;
  for (std::size_t i = 0; i < drawn.size(); ++i) {
    sum += static_cast<std::uint64_t>(drawn[i]) * whole.sums[i];
    weight += static_cast<std::uint64_t>(drawn[i]) * whole.counts[i];
  }
  if (weight == 0) return {};
  return static_cast<double>(sum) / static_cast<double>(weight);
}

// drawn[i]: how often cluster i counts.
std::optional<double> ClusterMean::pooled(std::span<const Cluster> clusters,
                                          std::span<const std::uint32_t> drawn) const {
  Sum sum;
  std::int64_t weight = 0;
  for (std::size_t i = 0; i < clusters.size(); ++i) {
    const Cluster& one = clusters[i];
    if (one.count == 0 || drawn[i] == 0) continue;
    const bool whole = pooling_ == Pooling::clusters;
    sum += drawn[i] * (whole ? one.sum / static_cast<double>(one.count) : one.sum);
    weight += drawn[i] * (whole ? 1 : one.count);
  }
  if (weight == 0) return {};
  return sum.value() / static_cast<double>(weight);
}

// clusters: the positive ones first.
std::optional<double> ClusterMean::mean_of(std::span<const Cluster> clusters,
                                           std::span<const std::uint32_t> drawn) const {
  if (pooling_ != Pooling::balanced) return pooled(clusters, drawn);
  const auto negative = static_cast<std::size_t>(
      std::ranges::find(clusters, false, &Cluster::positive) - clusters.begin());
  const auto of_positive = pooled(clusters.first(negative), drawn.first(negative));
  const auto of_negative = pooled(clusters.subspan(negative), drawn.subspan(negative));
  if (!of_positive || !of_negative) return {};
  return (*of_positive + *of_negative) / 2;
}

void ClusterMean::add_interval(Value& value, std::size_t strata) const {
  const double deviation = deviation_of(value.replicates), mean = *value.value;
  if (deviation > 0) {
    const double degrees =
        std::max(1.0, static_cast<double>(value.used) - static_cast<double>(strata));
    value.interval = logit_interval(mean, 0, deviation,
                                    student_t_quantile(0.5 + kLevel / 2, degrees), kLevel, kMethod);
  } else if (value.used > 1 && (mean == 0 || mean == 1)) {
    value.interval = wilson(mean == 1 ? value.used : 0, value.used, kLevel);
  }
}

Value ClusterMean::value(const MetricOptions& options) const {
  std::vector<Cluster> clusters = clusters_;
  std::ranges::sort(clusters, [](const Cluster& a, const Cluster& b) {
    if (a.positive != b.positive) return a.positive;
    return std::tie(a.tag, a.sum, a.count) < std::tie(b.tag, b.sum, b.count);
  });
  Value value;
  std::uint64_t tag = 0;
  std::size_t sizes[2] = {};
  for (const Cluster& one : clusters) {
    ++(one.count > 0 ? value.used : value.skipped);
    tag += one.tag;
    ++sizes[one.positive ? 0 : 1];
  }
  value.value = mean_of(clusters, std::vector<std::uint32_t>(clusters.size(), 1));
  if (!value.value) {
    value.reason = value.used == 0 ? "no value" : "only one of normal and anomalous has values";
    return value;
  }
  if (options.resamples <= 0) return value;
  const std::size_t strata = (sizes[0] > 0 ? 1U : 0U) + (sizes[1] > 0 ? 1U : 0U);
  const double mean = *value.value;
  const auto n = static_cast<double>(value.used), free = n - static_cast<double>(strata);
  const double wider = free > 0 ? std::sqrt(n / free) : 1;
  WholeSums whole;
  const bool is_whole = whole_sums();
  if (is_whole)
    for (const Cluster& one : clusters) {
      whole.sums.push_back(static_cast<std::uint32_t>(one.sum));
      whole.counts.push_back(static_cast<std::uint32_t>(one.count));
    }
  value.replicates =
      std::move(bootstrap(sizes, 1,
                          {.resamples = options.resamples,
                           .key = {.seed = options.seed, .tag = tag},
                           .threads = options.threads},
                          [&](std::span<const std::uint32_t> drawn, std::span<double> out) {
                            // A draw without any value says nothing: it counts as the value itself.
                            const auto found =
                                is_whole ? pooled_whole(whole, drawn) : mean_of(clusters, drawn);
                            out[0] = mean + wider * (found.value_or(mean) - mean);
                          })[0]);
  add_interval(value, strata);
  return value;
}

Value ClusterMean::on_range(Value value) const {
  const double width = range_.high - range_.low;
  const auto back = [&](double unit) { return range_.low + width * unit; };
  if (value.value) value.value = back(*value.value);
  if (value.interval) {
    value.interval->low = back(value.interval->low);
    value.interval->high = back(value.interval->high);
  }
  for (double& replicate : value.replicates) replicate = back(replicate);
  if (value.variance) value.variance = *value.variance * width * width;
  return value;
}

Value average_of(std::span<const Value> values, double level) {
  Value mean;
  Sum sum;
  std::vector<const Value*> there;
  for (const Value& one : values) {
    mean.used = std::max(mean.used, one.used);
    if (!one.value) continue;
    there.push_back(&one);
    sum += *one.value;
  }
  if (there.empty()) {
    mean.reason = values.empty() ? "nothing to average" : values.front().reason;
    return mean;
  }
  const auto count = static_cast<double>(there.size());
  mean.value = sum.value() / count;
  mean.skipped = static_cast<std::int64_t>(values.size() - there.size());
  if (mean.skipped > 0)
    mean.reason = "mean of " + std::to_string(there.size()) + " of " +
                  std::to_string(values.size()) + " values";
  const std::size_t resamples = there.front()->replicates.size();
  for (const Value* one : there)
    if (one->replicates.size() != resamples) return mean;
  mean.replicates.resize(resamples);
  for (std::size_t r = 0; r < resamples; ++r) {
    Sum of_draw;
    for (const Value* one : there) of_draw += one->replicates[r];
    mean.replicates[r] = of_draw.value() / count;
  }
  const double deviation = deviation_of(mean.replicates);
  if (deviation > 0)
    mean.interval = logit_interval(*mean.value, 0, deviation, normal_quantile(0.5 + level / 2),
                                   level, std::string(kMethod) + ", average");
  return mean;
}

}  // namespace looktwice::metrics
