#include "metrics/binary/reranking.h"

#include <algorithm>

namespace looktwice::metrics {

Reranking::Reranking(const RankedScores& ranked)
    : strata_{ranked.positives().size(), ranked.negatives().size()} {
  std::uint32_t p = 0, n = static_cast<std::uint32_t>(strata_[0]);
  ranked.each_score([&](double, std::int64_t equal_p, std::int64_t equal_n) {
    groups_.push_back({static_cast<std::uint32_t>(equal_p), static_cast<std::uint32_t>(equal_n)});
    for (std::int64_t i = 0; i < equal_p; ++i) elements_.push_back(p++);
    for (std::int64_t i = 0; i < equal_n; ++i) elements_.push_back(n++);
  });
}

Reranking::Reranking(std::span<const double> scores, std::span<const std::uint8_t> positive)
    : Reranking(RankedScores(scores, positive)) {
  // Which element each sample is, then the samples in the order of the groups.
  std::vector<std::uint32_t> element(scores.size()), order(scores.size());
  std::uint32_t next[2] = {static_cast<std::uint32_t>(strata_[0]), 0};
  for (std::size_t i = 0; i < scores.size(); ++i) {
    element[i] = next[positive[i] != 0 ? 1 : 0]++;
    order[i] = static_cast<std::uint32_t>(i);
  }
  std::stable_sort(order.begin(), order.end(), [&](std::uint32_t i, std::uint32_t j) {
    if (scores[i] != scores[j]) return scores[i] > scores[j];
    return positive[i] != 0 && positive[j] == 0;
  });
  for (std::size_t k = 0; k < order.size(); ++k) elements_[k] = element[order[k]];
}

RerankedValues Reranking::values(std::span<const std::uint32_t> counts) const {
  double positives = 0, negatives = 0;
  for (std::size_t i = 0; i < strata_[0]; ++i) positives += counts[i];
  for (std::size_t i = strata_[0]; i < counts.size(); ++i) negatives += counts[i];
  const std::uint32_t* element = elements_.data();
  double tp = 0, called = 0, twice_won = 0, precision = 0, best = 0;
  for (const auto& [anomalous, normal] : groups_) {
    std::uint32_t dp = 0, dn = 0;
    for (const std::uint32_t* end = element + anomalous; element != end; ++element)
      dp += counts[*element];
    for (const std::uint32_t* end = element + normal; element != end; ++element)
      dn += counts[*element];
    twice_won += dn * (2 * tp + dp);
    called += dp + dn;
    if (dp == 0) continue;
    tp += dp;
    precision += dp * (tp / called);
    best = std::max(best, 2 * tp / (called + positives));
  }
  return {.auroc = twice_won / (2 * positives * negatives),
          .average_precision = precision / positives,
          .f1_max = best};
}

std::vector<double> Reranking::average_precision_without() const {
  const auto positives = static_cast<double>(strata_[0]);
  // Recall gained times precision, summed over the groups: as it is, with one anomalous sample less
  // above or here, with one normal sample less above or here.
  struct Sums {
    double as_is = 0, less_anomalous = 0, less_normal = 0, of_itself = 0;
  };
  std::vector<Sums> upto(groups_.size() + 1);
  double tp = 0, called = 0;
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const double dp = groups_[g].anomalous;
    tp += dp;
    called += dp + groups_[g].normal;
    // Alone at the top there is nothing left to be called.
    const double precision_less = called > 1 ? (tp - 1) / (called - 1) : 0;
    upto[g + 1] = {
        .as_is = upto[g].as_is + dp * (tp / called),
        .less_anomalous = upto[g].less_anomalous + dp * precision_less,
        .less_normal = upto[g].less_normal + (dp > 0 && called > 1 ? dp * (tp / (called - 1)) : 0),
        .of_itself = precision_less};
  }
  std::vector<double> without(strata_[0] + strata_[1]);
  const std::uint32_t* element = elements_.data();
  const Sums& all = upto.back();
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const double anomalous = upto[g].as_is + all.less_anomalous - upto[g].less_anomalous -
                             upto[g + 1].of_itself,
                 normal = upto[g].as_is + all.less_normal - upto[g].less_normal;
    for (std::uint32_t i = 0; i < groups_[g].anomalous; ++i)
      without[*element++] = anomalous / (positives - 1);
    for (std::uint32_t i = 0; i < groups_[g].normal; ++i) without[*element++] = normal / positives;
  }
  return without;
}

}  // namespace looktwice::metrics
