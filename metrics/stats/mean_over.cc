#include "metrics/stats/mean_over.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "metrics/stats/bootstrap.h"
#include "metrics/stats/sum.h"

namespace looktwice::metrics {
namespace {

std::vector<double> mean_replicates(const std::vector<const Value*>& classes) {
  const std::size_t resamples = classes.front()->replicates.size();
  for (const Value* one : classes)
    if (one->replicates.size() != resamples) return {};
  std::vector<double> means(resamples);
  for (std::size_t r = 0; r < resamples; ++r) {
    Sum sum;
    for (const Value* one : classes) sum += one->replicates[r];
    means[r] = sum.value() / static_cast<double>(classes.size());
  }
  return means;
}

std::optional<Interval> mover(const std::vector<const Value*>& classes, double mean) {
  Sum down, up;
  for (const Value* one : classes) {
    if (!one->interval) return {};
    down += std::pow(*one->value - one->interval->low, 2);
    up += std::pow(one->interval->high - *one->value, 2);
  }
  const auto count = static_cast<double>(classes.size());
  const Interval& first = *classes.front()->interval;
  return Interval{.low = mean - std::sqrt(down.value()) / count,
                  .high = mean + std::sqrt(up.value()) / count,
                  .level = first.level,
                  .method = first.method + ", mover"};
}

}  // namespace

Value mean_over(std::span<const Value> values, double level) {
  Value mean;
  std::vector<const Value*> classes;
  for (const Value& one : values) {
    mean.name = one.name;
    mean.used += one.used;
    mean.skipped += one.skipped;
    if (one.value) classes.push_back(&one);
  }
  if (classes.empty()) {
    mean.reason = values.empty() ? "no classes" : "no class has a value";
    return mean;
  }
  const auto count = static_cast<double>(classes.size());
  Sum sum, variance;
  bool variances = true;
  for (const Value* one : classes) {
    sum += *one->value;
    variances = variances && one->variance.has_value();
    variance += one->variance.value_or(0);
  }
  mean.value = sum.value() / count;
  if (variances) mean.variance = variance.value() / (count * count);
  if (classes.size() < values.size())
    mean.reason = "mean of " + std::to_string(classes.size()) + " of " +
                  std::to_string(values.size()) + " classes";
  mean.replicates = mean_replicates(classes);
  if (!mean.replicates.empty())
    mean.interval = percentile_interval(mean.replicates, level);
  else
    mean.interval = mover(classes, *mean.value);
  return mean;
}

}  // namespace looktwice::metrics
