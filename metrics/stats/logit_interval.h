// Intervals of values between 0 and 1 (AUROC, AP, F1) that stay between 0 and 1.
#pragma once

#include <cstdint>
#include <string>

#include "metrics/metric.h"

namespace looktwice::metrics {

// What a bias comes from. of_choice: from a threshold chosen on the same samples; that is so large
// that the upper end all but never misses, and what it leaves of 1 - level is the lower end's.
enum class Bias { of_estimate, of_choice };

// value +- quantile * deviation, carried to the logit scale by the delta method. bias: by how much
// the value is expected to be too high; only the lower end makes up for it, since its size is an
// estimate, so that the value stays inside. The lower end's deviation is carried over half-way
// between the value and the value less its bias: near 1 a value that is too high also seems to vary
// too little. A value of 0 or 1 takes the plain normal interval, cut at 0 and 1.
Interval logit_interval(double value, double bias, double deviation, double quantile, double level,
                        std::string method, Bias of = Bias::of_estimate);

// Wilson's interval with the number of samples that the deviation is worth, value * (1 - value) /
// deviation^2, and any quantile (for AP Student's; Kott and Carr 1997 so for surveys): near 0 and 1
// it is shorter than the logit's, whose ends grow with the quantile's exponential. The bias as
// above, the deviation carried over on the logit scale.
Interval score_interval(double value, double bias, double deviation, double quantile, double level,
                        std::string method);

// AP and F1-max of the equal-variance binormal model with the given AUROC (0 < auroc < 1) at this
// number of samples: what a ranking of that quality would give on average in the long run.
struct BinormalValues {
  double average_precision = 0, f1_max = 0;
};
BinormalValues binormal_values(double auroc, std::int64_t positives, std::int64_t negatives);

// Where resampling cannot tell how far the classes might overlap (they are perfectly apart, or one
// is a single sample): that model's values at both ends of the AUROC's interval, the value itself
// inside.
struct BinormalIntervals {
  Interval average_precision = {}, f1_max = {};
};
BinormalIntervals binormal_intervals(const Interval& of_auroc, double average_precision,
                                     double f1_max, std::int64_t positives, std::int64_t negatives);

}  // namespace looktwice::metrics
