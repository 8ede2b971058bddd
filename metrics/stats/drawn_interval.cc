#include "metrics/stats/drawn_interval.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "metrics/stats/bootstrap.h"
#include "metrics/stats/distributions.h"
#include "metrics/stats/sum.h"

namespace looktwice::metrics {
namespace {

constexpr double kMostSkew = 1;  // the expansion is for small ones

double skewness(std::span<const double> values) {
  const double mean = mean_of(values), deviation = deviation_of(values);
  if (deviation <= 0) return 0;
  Sum cubes;
  for (const double value : values) cubes += std::pow((value - mean) / deviation, 3);
  return std::clamp(cubes.value() / static_cast<double>(values.size()), -kMostSkew, kMostSkew);
}

}  // namespace

Interval drawn_interval(double value, std::span<const double> replicates, double widening,
                        double degrees, double level, std::string method) {
  const bool inside = value > 0 && value < 1;
  // No replicate may leave the scale: none is nearer to an end than a hundredth of the value is.
  const double least = value / 100, most = 1 - (1 - value) / 100;
  const auto to = [&](double x) {
    if (!inside) return x;
    x = std::clamp(x, least, most);
    return std::log(x / (1 - x));
  };
  const auto from = [&](double x) {
    return inside ? 1 / (1 + std::exp(-x)) : std::clamp(x, 0.0, 1.0);
  };
  std::vector<double> scaled;
  for (const double replicate : replicates) scaled.push_back(to(replicate));
  const double deviation = deviation_of(scaled) * std::sqrt(widening);
  const double quantile = student_t_quantile(0.5 + level / 2, degrees);
  const double shift = skewness(scaled) * (2 * quantile * quantile + 1) / 6;
  return {.low = std::min(value, from(to(value) - deviation * (quantile - shift))),
          .high = std::max(value, from(to(value) + deviation * (quantile + shift))),
          .level = level,
          .method = std::move(method)};
}

}  // namespace looktwice::metrics
