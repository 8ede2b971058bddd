#include "metrics/stats/mean_over.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "metrics/stats/bootstrap.h"
#include "metrics/stats/degrees.h"
#include "metrics/stats/distributions.h"
#include "metrics/stats/logit_interval.h"
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

// What the samples tell; 0 where they cannot vary (a class perfectly apart); empty where there is
// no estimate (a rate).
std::optional<double> own_variance(const Value& one) {
  if (one.variance) return one.variance;
  if (one.replicates.size() < 2) return {};
  const double deviation = deviation_of(one.replicates);
  return deviation * deviation;
}

std::optional<Interval> interval_of_mean(const std::vector<const Value*>& classes,
                                         const Value& mean, double level) {
  const double normal = normal_quantile(0.5 + level / 2), bias = mean.bias.value_or(0);
  Sum told;
  double telling = 0;
  for (const Value* one : classes) {
    if (!one->interval) return {};
    if (const std::optional<double> own = own_variance(*one); own && *own > 0)
      told += *own, ++telling;
  }
  Sum variance, doubt;
  for (const Value* one : classes) {
    const std::optional<double> own = own_variance(*one);
    double used = own.value_or(0);
    if (used <= 0) {
      // What the interval is worth. That is too much for a class perfectly apart beside others that
      // are not: it is as likely to vary like them, and so little more than it seems to.
      used = std::pow((one->interval->high - one->interval->low) / (2 * normal), 2);
      if (own && telling > 0) used = std::min(used, told.value() / telling);
    }
    variance += used;
    if (one->degrees) doubt += 2 * used * used / *one->degrees;
  }
  const double deviation = std::sqrt(variance.value()) / static_cast<double>(classes.size());
  const double quantile =
      doubt.value() > 0
          ? student_t_quantile(
                0.5 + level / 2,
                Spread{.variance = variance.value(), .doubt = doubt.value()}.degrees())
          : normal;
  // Not Bias::of_choice, although F1-max's is: what its estimate misses does not average out
  // either.
  return logit_interval(*mean.value, bias, deviation, quantile, level,
                        classes.front()->interval->method + ", mean");
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
  Sum sum, variance, bias, doubt;
  bool variances = true, biased = false;
  for (const Value* one : classes) {
    sum += *one->value;
    variances = variances && one->variance.has_value();
    variance += one->variance.value_or(0);
    if (one->variance && one->degrees) doubt += 2 * *one->variance * *one->variance / *one->degrees;
    biased = biased || one->bias.has_value();
    bias += one->bias.value_or(0);
  }
  mean.value = sum.value() / count;
  if (biased) mean.bias = bias.value() / count;
  if (variances) mean.variance = variance.value() / (count * count);
  if (variances && doubt.value() > 0)
    mean.degrees = Spread{.variance = variance.value(), .doubt = doubt.value()}.degrees();
  if (classes.size() < values.size())
    mean.reason = "mean of " + std::to_string(classes.size()) + " of " +
                  std::to_string(values.size()) + " classes";
  mean.replicates = mean_replicates(classes);
  mean.interval = interval_of_mean(classes, mean, level);
  if (!mean.interval && !mean.replicates.empty())
    mean.interval = percentile_interval(mean.replicates, level);
  return mean;
}

}  // namespace looktwice::metrics
