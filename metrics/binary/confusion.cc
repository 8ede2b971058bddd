#include "metrics/binary/confusion.h"

#include <cmath>
#include <stdexcept>
#include <string>

namespace looktwice::metrics {
namespace {

std::optional<double> rate(std::int64_t part, std::int64_t whole) {
  if (whole == 0) return {};
  return static_cast<double>(part) / static_cast<double>(whole);
}

void refuse_unequal(std::size_t decisions, std::size_t labels) {
  if (decisions != labels)
    throw std::invalid_argument(std::to_string(decisions) + " decisions or scores, but " +
                                std::to_string(labels) + " labels");
}

template <class Float>
Confusion counted(double threshold, std::span<const Float> scores,
                  std::span<const std::uint8_t> positive) {
  refuse_unequal(scores.size(), positive.size());
  Confusion counts;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (!std::isfinite(scores[i]))
      throw std::invalid_argument("score " + std::to_string(i) + " is " +
                                  std::to_string(scores[i]));
    counts.add(positive[i] != 0, static_cast<double>(scores[i]) >= threshold);
  }
  return counts;
}

}  // namespace

Confusion& Confusion::operator+=(const Confusion& other) {
  true_positives += other.true_positives;
  false_positives += other.false_positives;
  false_negatives += other.false_negatives;
  true_negatives += other.true_negatives;
  return *this;
}

std::optional<double> Confusion::accuracy() const {
  return rate(right(), all());
}

std::optional<double> Confusion::precision() const {
  return rate(true_positives, called_positive());
}

std::optional<double> Confusion::recall() const {
  return rate(true_positives, positives());
}

std::optional<double> Confusion::f1() const {
  if (positives() == 0) return {};
  return rate(2 * true_positives, called_positive() + positives());
}

Confusion confusion_at(double threshold, std::span<const double> scores,
                       std::span<const std::uint8_t> positive) {
  return counted(threshold, scores, positive);
}

Confusion confusion_at(double threshold, std::span<const float> scores,
                       std::span<const std::uint8_t> positive) {
  return counted(threshold, scores, positive);
}

Confusion confusion_of(std::span<const std::uint8_t> called_positive,
                       std::span<const std::uint8_t> positive) {
  refuse_unequal(called_positive.size(), positive.size());
  Confusion counts;
  for (std::size_t i = 0; i < positive.size(); ++i)
    counts.add(positive[i] != 0, called_positive[i] != 0);
  return counts;
}

}  // namespace looktwice::metrics
