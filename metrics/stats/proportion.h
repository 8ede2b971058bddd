// Intervals of a rate k / n: right answers of all, found defects of all defects.
// They take the n trials as independent; where samples come in groups (one object, one scene), use
// the cluster bootstrap.
#pragma once

#include <cstdint>

#include "metrics/metric.h"

namespace looktwice::metrics {

// Wilson 1927, without continuity correction: coverage near the level on average, also at k = 0 and
// k = n. 0 <= k <= n, n >= 1, else std::invalid_argument.
Interval wilson(std::int64_t k, std::int64_t n, double level = 0.95);
// Clopper and Pearson 1934: coverage never below the level, so mostly well above it.
Interval clopper_pearson(std::int64_t k, std::int64_t n, double level = 0.95);

// Difference of two rates measured on the same n samples: both right, only a right, only b right,
// none.
struct PairedCounts {
  std::int64_t both = 0, only_a = 0, only_b = 0, neither = 0;
  std::int64_t all() const { return both + only_a + only_b + neither; }
};
// Interval of (rate of a) - (rate of b): Newcombe 1998, method 10 for paired data (two Wilson
// intervals and their correlation). all() >= 1.
Interval paired_difference(const PairedCounts& counts, double level = 0.95);

}  // namespace looktwice::metrics
