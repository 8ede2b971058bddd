#include "metrics/binary/f1_max.h"

namespace looktwice::metrics {

std::optional<F1Max> f1_max(std::span<const double> scores,
                            std::span<const std::uint8_t> positive) {
  return RankedScores(scores, positive).f1_max();
}

std::optional<F1Max> f1_max(std::span<const float> scores, std::span<const std::uint8_t> positive) {
  return RankedScores(scores, positive).f1_max();
}

}  // namespace looktwice::metrics
