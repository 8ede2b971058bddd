// Average precision: the sum over distinct thresholds, descending, of (R_k - R_(k-1)) P_k. Equal
// scores are one threshold. Not the trapezoid area under the precision-recall curve, which is too
// kind (Davis and Goadrich 2006); that is average_precision_trapezoid, as spot-diff and others
// publish it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace looktwice::metrics {

// As auroc(): any finite scores, empty when a class is missing, O(n).
std::optional<double> average_precision(std::span<const double> scores,
                                        std::span<const std::uint8_t> positive);
std::optional<double> average_precision(std::span<const float> scores,
                                        std::span<const std::uint8_t> positive);

// Official variant: trapezoids between the points (R_k, P_k), opened by (0, 1), as scikit-learn's
// auc(precision_recall_curve) gives it.
std::optional<double> average_precision_trapezoid(std::span<const double> scores,
                                                  std::span<const std::uint8_t> positive);

}  // namespace looktwice::metrics
