// All metric families of this build; generated from the list in CMakeLists.txt.
#pragma once

#include <vector>

#include "metrics/metric.h"

namespace looktwice::metrics {
std::vector<MetricEntry> metric_catalogue();
}  // namespace looktwice::metrics
