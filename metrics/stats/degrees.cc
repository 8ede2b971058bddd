#include "metrics/stats/degrees.h"

#include <algorithm>

#include "metrics/stats/sum.h"

namespace looktwice::metrics {

Spread& Spread::operator+=(const Spread& other) {
  variance += other.variance;
  doubt += other.doubt;
  return *this;
}

double Spread::degrees() const {
  return doubt > 0 ? std::max(1.0, 2 * variance * variance / doubt) : 1;
}

Spread spread_of_mean(double n, double squares, double fourths) {
  if (n < 2) return {};
  const double k2 = squares / (n - 1);
  double k4 = 0;
  if (n > 3) {
    const double m2 = squares / n, m4 = fourths / n;
    k4 = n * n * ((n + 1) * m4 - 3 * (n - 1) * m2 * m2) / ((n - 1) * (n - 2) * (n - 3));
    k4 = std::max(k4, -2 * k2 * k2);  // the least that a distribution has; its estimate may be less
  }
  return {.variance = k2 / n, .doubt = (k4 / n + 2 * k2 * k2 / (n - 1)) / (n * n)};
}

Spread spread_of_mean(std::span<const double> values) {
  const auto n = static_cast<double>(values.size());
  Sum sum, squares, fourths;
  for (const double value : values) sum += value;
  const double mean = sum.value() / n;
  for (const double value : values) {
    const double square = (value - mean) * (value - mean);
    squares += square;
    fourths += square * square;
  }
  return spread_of_mean(n, squares.value(), fourths.value());
}

}  // namespace looktwice::metrics
