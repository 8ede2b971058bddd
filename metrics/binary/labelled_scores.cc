#include "metrics/binary/labelled_scores.h"

#include <cmath>
#include <iterator>
#include <stdexcept>
#include <string>

namespace looktwice::metrics {

bool LabelledScores::add(const Observation& seen) {
  if (!seen.score || !seen.positive) {
    ++skipped_;
    return false;
  }
  if (!std::isfinite(*seen.score))
    throw std::invalid_argument("score of '" + std::string(seen.id) + "' is " +
                                std::to_string(*seen.score) + "; only finite scores can be ranked");
  scores_.push_back(*seen.score);
  positive_.push_back(*seen.positive ? 1 : 0);
  return true;
}

void LabelledScores::merge(const LabelledScores& part) {
  scores_.insert(scores_.end(), part.scores_.begin(), part.scores_.end());
  positive_.insert(positive_.end(), part.positive_.begin(), part.positive_.end());
  skipped_ += part.skipped_;
}

Value LabelledScores::unfilled(const RankedScores& ranked) const {
  Value value{.reason = ranked.why_not(), .used = std::ssize(scores_), .skipped = skipped_};
  if (scores_.empty() && skipped_ > 0) value.reason = "no sample has a score and a label";
  return value;
}

}  // namespace looktwice::metrics
