// Right and wrong decisions and the rates made of them. 64-bit counts, so pixels may be counted
// too. A rate without a denominator is empty, not 0: precision when nothing was called anomalous,
// recall and F1 when nothing is.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace looktwice::metrics {

struct Confusion {
  std::int64_t true_positives = 0, false_positives = 0, false_negatives = 0, true_negatives = 0;

  void add(bool positive, bool called_positive) {
    ++(positive ? (called_positive ? true_positives : false_negatives)
                : (called_positive ? false_positives : true_negatives));
  }
  Confusion& operator+=(const Confusion& other);
  bool operator==(const Confusion&) const = default;
  Confusion times(std::int64_t n) const {
    return {n * true_positives, n * false_positives, n * false_negatives, n * true_negatives};
  }

  std::int64_t positives() const { return true_positives + false_negatives; }
  std::int64_t negatives() const { return false_positives + true_negatives; }
  std::int64_t called_positive() const { return true_positives + false_positives; }
  std::int64_t right() const { return true_positives + true_negatives; }
  std::int64_t all() const { return positives() + negatives(); }

  std::optional<double> accuracy() const;   // (TP + TN) / all
  std::optional<double> precision() const;  // TP / (TP + FP)
  std::optional<double> recall() const;     // TP / (TP + FN)
  std::optional<double> f1() const;         // 2TP / (2TP + FP + FN); 0 if TP = 0
};

// Decisions at a threshold: anomalous means score >= threshold. scores[n] finite, positive[n]: 0 or
// not.
Confusion confusion_at(double threshold, std::span<const double> scores,
                       std::span<const std::uint8_t> positive);
Confusion confusion_at(double threshold, std::span<const float> scores,
                       std::span<const std::uint8_t> positive);
// Decisions as generated: called_positive[n], 0 or not.
Confusion confusion_of(std::span<const std::uint8_t> called_positive,
                       std::span<const std::uint8_t> positive);

}  // namespace looktwice::metrics
