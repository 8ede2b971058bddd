// Area under the ROC curve of scores, ties count one half (Mann-Whitney): the mean over all pairs
// of an anomalous and a normal sample of [s_p > s_n] + [s_p = s_n] / 2, counted in integers.
// Source: Hanley and McNeil 1982. Not here: intervals (metrics/stats/delong.h), AP and F1-max of
// the same scores in one pass (ranked_scores.h).
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace looktwice::metrics {

// scores[n]: any finite value, larger = more anomalous; positive[n]: 0 or not. O(n).
// Empty when only one class is present: there is nothing to rank. NaN and infinity throw
// std::invalid_argument.
std::optional<double> auroc(std::span<const double> scores, std::span<const std::uint8_t> positive);
std::optional<double> auroc(std::span<const float> scores, std::span<const std::uint8_t> positive);

// As published code has it, to reproduce published numbers; where it differs, auroc() is right.
// mvtec: the script of MVTec AD and LOCO adds a ROC point only after the first sample of a group of
// equal scores, normal samples first, so that ties are not averaged.
std::optional<double> auroc_mvtec(std::span<const double> scores,
                                  std::span<const std::uint8_t> positive);
// adaclip: 0 when a class is missing.
double auroc_adaclip(std::span<const double> scores, std::span<const std::uint8_t> positive);

}  // namespace looktwice::metrics
