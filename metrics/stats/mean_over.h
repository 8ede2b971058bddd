// The mean of one metric over classes (macro average) with its interval.
#pragma once

#include <span>

#include "metrics/metric.h"

namespace looktwice::metrics {

// values: the same metric, one per class. The mean is over the classes that have a value; when some
// have none, `reason` says how many ("mean of 13 of 15 classes") beside the value. used and skipped
// are summed. Classes count as independent.
// Interval: when every class has one, from the mean of their variances (their own, else the
// replicates', else what the interval is worth), on the logit scale, with Student's quantile where
// the classes tell degrees of freedom. A class perfectly apart counts with what its interval is
// worth, or with the mean of the others' variances where that is less. A bias does not average out,
// so the mean bias is taken off the lower end whole. Else, when every class has bootstrap
// replicates (of the same number), percentiles of the mean of the r-th replicates. Otherwise none.
// Replicates, variances and biases are combined too, so means can be nested. For values between 0
// and 1.
Value mean_over(std::span<const Value> values, double level = 0.95);

}  // namespace looktwice::metrics
