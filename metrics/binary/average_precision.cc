#include "metrics/binary/average_precision.h"

#include "metrics/binary/ranked_scores.h"
#include "metrics/stats/sum.h"

namespace looktwice::metrics {

std::optional<double> average_precision(std::span<const double> scores,
                                        std::span<const std::uint8_t> positive) {
  return RankedScores(scores, positive).average_precision();
}

std::optional<double> average_precision(std::span<const float> scores,
                                        std::span<const std::uint8_t> positive) {
  return RankedScores(scores, positive).average_precision();
}

std::optional<double> average_precision_trapezoid(std::span<const double> scores,
                                                  std::span<const std::uint8_t> positive) {
  const RankedScores ranked(scores, positive);
  if (!ranked.why_not().empty()) return {};
  double tp = 0, all = 0, last = 1;
  Sum twice_area;
  ranked.each_score([&](double, std::int64_t p, std::int64_t n) {
    tp += static_cast<double>(p);
    all += static_cast<double>(p + n);
    const double precision = tp / all;
    twice_area += static_cast<double>(p) * (precision + last);
    last = precision;
  });
  return twice_area.value() / (2 * tp);
}

}  // namespace looktwice::metrics
