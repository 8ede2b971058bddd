// Decisions by a threshold on scores, anomalous means score >= threshold: what the families
// `threshold` (a given one) and `half` (0.5) share.
#pragma once

#include <memory>
#include <string>

#include "metrics/metric.h"

namespace looktwice::metrics {

// Gives accuracy, precision, recall and F1, their names followed by `suffix`.
std::unique_ptr<Metric> score_decisions(double threshold, const std::string& suffix,
                                        const MetricOptions& options);

}  // namespace looktwice::metrics
