#include "metrics/binary/auroc.h"

#include <ranges>

#include "metrics/binary/ranked_scores.h"

namespace looktwice::metrics {

std::optional<double> auroc(std::span<const double> scores,
                            std::span<const std::uint8_t> positive) {
  return RankedScores(scores, positive).auroc();
}

std::optional<double> auroc(std::span<const float> scores, std::span<const std::uint8_t> positive) {
  return RankedScores(scores, positive).auroc();
}

std::optional<double> auroc_mvtec(std::span<const double> scores,
                                  std::span<const std::uint8_t> positive) {
  const RankedScores ranked(scores, positive);
  const std::int64_t p = std::ssize(ranked.positives()), n = std::ssize(ranked.negatives());
  if (p == 0 || n == 0) return {};
  // The script walks upwards from (1, 1); downwards a group's only point lies just before its last
  // sample.
  std::int64_t fp = 0, tp = 0, last_fp = 0, last_tp = 0, twice_area = 0;
  const auto point = [&](std::int64_t x, std::int64_t y) {
    twice_area += (x - last_fp) * (y + last_tp);
    last_fp = x;
    last_tp = y;
  };
  ranked.each_score([&](double, std::int64_t equal_p, std::int64_t equal_n) {
    fp += equal_n;
    tp += equal_p;
    if (equal_n > 0)
      point(fp - 1, tp);
    else
      point(fp, tp - 1);
  });
  point(n, p);
  return static_cast<double>(twice_area) / (2.0 * static_cast<double>(p) * static_cast<double>(n));
}

double auroc_adaclip(std::span<const double> scores, std::span<const std::uint8_t> positive) {
  return auroc(scores, positive).value_or(0);
}

}  // namespace looktwice::metrics
