// How well a variance is known that few samples were to tell: the degrees of freedom that Student's
// quantile takes. Normal values give n - 1, a sum over two classes Welch's; values with far
// outliers, as the placements of a nearly perfect model are, many fewer. Sources: Satterthwaite
// 1946; the variance of a variance from k-statistics: Kendall and Stuart 1969, 12.5 to 12.16.
#pragma once

#include <span>

namespace looktwice::metrics {

// Of a mean of independent values, or of a sum of such means.
struct Spread {
  double variance = 0;
  double doubt = 0;  // expected square of the error of that variance
  Spread& operator+=(const Spread& other);
  // At least 1; 1 where nothing varies.
  double degrees() const;
};

// From the sums of squares and of fourth powers of n values' distances from their mean. Nothing for
// n < 2; for n < 4 the values count as normal.
Spread spread_of_mean(double n, double squares, double fourths);
Spread spread_of_mean(std::span<const double> values);

}  // namespace looktwice::metrics
