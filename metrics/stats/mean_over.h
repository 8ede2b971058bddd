// The mean of one metric over classes (macro average) with its interval.
#pragma once

#include <span>

#include "metrics/metric.h"

namespace looktwice::metrics {

// values: the same metric, one per class. The mean is over the classes that have a value; when some
// have none, `reason` says how many ("mean of 13 of 15 classes") beside the value. used and skipped
// are summed. Classes count as independent. Interval: when every class has bootstrap replicates (of
// the same number), percentiles of the mean of the r-th replicates; else when every class has an
// interval, MOVER (Zou and Donner 2008): the distances of the classes' bounds from their values,
// added in squares. Otherwise none. Replicates and variances are combined too, so means can be
// nested.
Value mean_over(std::span<const Value> values, double level = 0.95);

}  // namespace looktwice::metrics
