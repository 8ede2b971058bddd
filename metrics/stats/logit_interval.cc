#include "metrics/stats/logit_interval.h"

#include <algorithm>
#include <cmath>

#include "metrics/stats/distributions.h"
#include "metrics/stats/sum.h"

namespace looktwice::metrics {

namespace {

double logit(double value) {
  return std::log(value / (1 - value));
}
double of_logit(double logit) {
  return 1 / (1 + std::exp(-logit));
}

}  // namespace

Interval logit_interval(double value, double bias, double deviation, double quantile, double level,
                        std::string method, Bias of) {
  bias = std::max(0.0, bias);
  if (value <= 0 || value >= 1)
    return {.low = std::clamp(value - bias - quantile * deviation, 0.0, 1.0),
            .high = std::clamp(value + quantile * deviation, 0.0, 1.0),
            .level = level,
            .method = std::move(method)};
  bias = std::min(bias, 0.999 * value);
  const double middle = value - bias / 2, half = deviation / (middle * (1 - middle));
  const double shift = logit(value) - logit(value - bias);
  double below = quantile;
  if (of == Bias::of_choice && half > 0) {
    const double normal = normal_quantile(0.5 + level / 2);
    const double missed_above = normal_two_sided(normal + shift / half) / 2;
    below *= -normal_quantile(1 - level - missed_above) / normal;
  }
  return {.low = std::min(value, of_logit(logit(value) - shift - below * half)),
          .high = std::max(value,
                           of_logit(logit(value) + quantile * deviation / (value * (1 - value)))),
          .level = level,
          .method = std::move(method)};
}

Interval score_interval(double value, double bias, double deviation, double quantile, double level,
                        std::string method) {
  if (value <= 0 || value >= 1)
    return logit_interval(value, bias, deviation, quantile, level, std::move(method));
  const auto bound = [&](double from, double sign) {
    const double spread = deviation / (value * (1 - value));  // on the logit scale
    const double weight = quantile * quantile * spread * spread * from * (1 - from);
    const double middle = (from + weight / 2) / (1 + weight);
    return middle + sign * std::sqrt(weight * (from * (1 - from) + weight / 4)) / (1 + weight);
  };
  const double less = value - std::clamp(bias, 0.0, 0.999 * value);
  return {.low = std::clamp(bound(less, -1), 0.0, value),
          .high = std::clamp(bound(value, 1), value, 1.0),
          .level = level,
          .method = std::move(method)};
}

BinormalValues binormal_values(double auroc, std::int64_t positives, std::int64_t negatives) {
  const double apart = std::sqrt(2.0) * normal_quantile(std::clamp(auroc, 1e-9, 1 - 1e-9));
  const auto p = static_cast<double>(positives), n = static_cast<double>(negatives);
  const double top = std::max(0.0, apart) + 9, bottom = std::min(0.0, apart) - 9;
  constexpr int kSteps = 4000;
  BinormalValues values;
  Sum area;
  double recall_before = 0;
  for (int i = 0; i <= kSteps; ++i) {
    const double t = top + (bottom - top) * i / kSteps;
    const double recall = normal_cdf(apart - t), tp = p * recall, fp = n * normal_cdf(-t);
    if (tp <= 0) continue;
    area += (recall - recall_before) * (tp / (tp + fp));
    recall_before = recall;
    values.f1_max = std::max(values.f1_max, 2 * tp / (tp + fp + p));
  }
  values.average_precision = area.value();
  return values;
}

BinormalIntervals binormal_intervals(const Interval& of_auroc, double average_precision,
                                     double f1_max, std::int64_t positives,
                                     std::int64_t negatives) {
  const BinormalValues low = binormal_values(of_auroc.low, positives, negatives);
  const BinormalValues high = binormal_values(of_auroc.high, positives, negatives);
  const auto around = [&](double value, double below, double above) {
    return Interval{.low = std::min(below, value),
                    .high = std::max(above, value),
                    .level = of_auroc.level,
                    .method = of_auroc.method + ", binormal"};
  };
  return {
      .average_precision = around(average_precision, low.average_precision, high.average_precision),
      .f1_max = around(f1_max, low.f1_max, high.f1_max)};
}

}  // namespace looktwice::metrics
