#include "metrics/binary/ranking_bias.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "metrics/stats/bootstrap.h"

namespace looktwice::metrics {
namespace {

constexpr int kDraws = 100;              // what is averaged varies little: some percent are enough
constexpr double kWidthPerError = 0.35;  // of half a window; coverage is measured with this one
constexpr double kSeen = 0.7;            // share of AP's bias that a bootstrap sees

// Samples of equal score, descending, and the probability that one of them is anomalous.
struct Group {
  std::int64_t size = 0;
  double share = 0;
};

// Means over windows of 2 * half + 1 ranks, cut at the ends; three times, so that nearer ranks
// weigh more.
void smooth(std::vector<double>& share, std::size_t half) {
  const std::size_t n = share.size();
  std::vector<double> sums(n + 1);
  for (int pass = 0; pass < 3; ++pass) {
    for (std::size_t k = 0; k < n; ++k) sums[k + 1] = sums[k] + share[k];
    for (std::size_t k = 0; k < n; ++k) {
      const std::size_t begin = k > half ? k - half : 0, end = std::min(n, k + half + 1);
      share[k] = (sums[end] - sums[begin]) / static_cast<double>(end - begin);
    }
  }
}

// Groups with smoothed shares; `half` as above.
std::vector<Group> smoothed(std::vector<Group> groups, std::int64_t samples, std::size_t half) {
  std::vector<double> share;
  share.reserve(static_cast<std::size_t>(samples));
  for (const Group& group : groups)
    share.insert(share.end(), static_cast<std::size_t>(group.size), group.share);
  smooth(share, half);
  const double* rank = share.data();
  for (Group& group : groups) {
    double sum = 0;
    for (std::int64_t i = 0; i < group.size; ++i) sum += *rank++;
    group.share = std::clamp(sum / static_cast<double>(group.size), 0.0, 1.0);
  }
  return groups;
}

// F1 = 2TP / (called + positives) down the ranking. Each class is weighed so that there are as
// many of it as in the sample, whatever was drawn.
struct Walk {
  double positives, of_anomalous, of_normal;
  double tp = 0, called = 0;
  double step(double anomalous, double normal) {
    tp += of_anomalous * anomalous;
    called += of_anomalous * anomalous + of_normal * normal;
    return 2 * tp / (called + positives);
  }
};

std::uint32_t word_of(double share) {
  return static_cast<std::uint32_t>(std::min(share * 0x1p32, 0x1p32 - 1));
}

}  // namespace

double f1_max_optimism(const RankedScores& ranked, StreamKey key) {
  const auto positives = static_cast<double>(ranked.positives().size()),
             negatives = static_cast<double>(ranked.negatives().size());
  if (positives == 0 || negatives == 0) return 0;
  std::vector<Group> groups;
  double best = 0, errors = 0;
  Walk walk{.positives = positives, .of_anomalous = 1, .of_normal = 1};
  ranked.each_score([&](double, std::int64_t anomalous, std::int64_t normal) {
    const std::int64_t size = anomalous + normal;
    groups.push_back({size, static_cast<double>(anomalous) / static_cast<double>(size)});
    const double f1 = walk.step(static_cast<double>(anomalous), static_cast<double>(normal));
    if (f1 > best) best = f1, errors = walk.called + positives - 2 * walk.tp;
  });
  const double all = positives + negatives;
  groups =
      smoothed(std::move(groups), static_cast<std::int64_t>(all),
               static_cast<std::size_t>(std::max(1.0, std::round(kWidthPerError * (errors + 1)))));
  double anomalous_expected = 0;
  for (const Group& group : groups)
    anomalous_expected += static_cast<double>(group.size) * group.share;
  walk = {.positives = positives,
          .of_anomalous = positives / anomalous_expected,
          .of_normal = negatives / (all - anomalous_expected)};
  std::size_t at = 0;
  best = 0;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const auto size = static_cast<double>(groups[g].size);
    const double f1 = walk.step(size * groups[g].share, size * (1 - groups[g].share));
    if (f1 > best) best = f1, at = g;
  }
  std::vector<std::uint32_t> drawn(groups.size());
  double sum = 0;
  key.tag ^= stream_tag("optimism of F1-max");
  for (std::uint32_t draw = 0; draw < kDraws; ++draw) {
    RandomStream random(key, draw);
    double anomalous = 0;
    for (std::size_t g = 0; g < groups.size(); ++g) {
      const std::uint32_t below = word_of(groups[g].share);
      drawn[g] = 0;
      for (std::int64_t i = 0; i < groups[g].size; ++i) drawn[g] += random.next() < below ? 1 : 0;
      anomalous += drawn[g];
    }
    if (anomalous == 0 || anomalous == all) continue;  // nothing to rank, so no optimism
    walk = {.positives = positives,
            .of_anomalous = positives / anomalous,
            .of_normal = negatives / (all - anomalous)};
    double highest = 0, at_best = 0;
    for (std::size_t g = 0; g < groups.size(); ++g) {
      const double f1 = walk.step(drawn[g], static_cast<double>(groups[g].size) - drawn[g]);
      highest = std::max(highest, f1);
      if (g == at) at_best = f1;
    }
    sum += highest - at_best;
  }
  return sum / kDraws;
}

double average_precision_bias(std::span<const double> replicates, double value) {
  return replicates.empty() ? 0 : (mean_of(replicates) - value) / kSeen;
}

}  // namespace looktwice::metrics
