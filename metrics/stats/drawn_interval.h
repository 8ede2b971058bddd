// Interval of a value between 0 and 1 from its bootstrap replicates, where those are skewed: images
// with large defects or odd levels weigh much more than others.
// Source: Hall 1992, The Bootstrap and Edgeworth Expansion (3.10), for a studentized mean.
#pragma once

#include <span>
#include <string>

#include "metrics/metric.h"

namespace looktwice::metrics {

// On the logit scale, where the value lies between 0 and 1. With skewness g of the replicates there
// the studentized value has the quantiles q - g (2 q^2 + 1) / 6, which moves both ends to the side
// of the longer tail. widening, degrees: as in Drawing. At least two replicates.
Interval drawn_interval(double value, std::span<const double> replicates, double widening,
                        double degrees, double level, std::string method);

}  // namespace looktwice::metrics
