// The largest F1 = 2TP / (2TP + FP + FN) over thresholds at the distinct scores ("anomalous": score
// >= threshold), the threshold-less F1 of the papers. Where several thresholds reach it, the
// highest is reported. The threshold is chosen on the samples it is judged by, so the value is
// optimistic, the more so the fewer the samples.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "metrics/binary/ranked_scores.h"

namespace looktwice::metrics {

// As auroc(): any finite scores, empty when a class is missing, O(n).
std::optional<F1Max> f1_max(std::span<const double> scores, std::span<const std::uint8_t> positive);
std::optional<F1Max> f1_max(std::span<const float> scores, std::span<const std::uint8_t> positive);

}  // namespace looktwice::metrics
