// Random numbers, bootstraps and permutation tests: known answers, scipy, and no bit that depends
// on threads.
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <stdexcept>

#include "metrics/binary/auroc.h"
#include "metrics/binary/reranking.h"
#include "metrics/stats/bootstrap.h"
#include "metrics/stats/paired.h"
#include "metrics/stats/parallel.h"
#include "metrics/stats/permutation.h"
#include "metrics/stats/philox.h"
#include "tests/metrics/golden.h"

namespace looktwice::metrics {
namespace {

using Words = std::array<std::uint32_t, 4>;

// kat_vectors of Random123 (Salmon et al.), philox4x32 with 10 rounds.
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox({~0U, ~0U, ~0U, ~0U}, {~0U, ~0U}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

// The stream takes the widest vectors that the processor has; philox() takes none.
TEST(RandomStream, IsPhiloxBlockByBlock) {
  const StreamKey key{.seed = 0x0123456789abcdef, .tag = 0xfedcba9876543210};
  RandomStream stream(key, 77);
  for (std::uint32_t group = 0; group < 40; ++group) {
    std::uint32_t words[4][8];
    for (std::uint32_t lane = 0; lane < 8; ++lane) {
      const Words block =
          philox({group * 8 + lane, 77, 0x76543210, 0xfedcba98}, {0x89abcdef, 0x01234567});
      for (std::size_t word = 0; word < 4; ++word) words[word][lane] = block[word];
    }
    for (const auto& row : words)
      for (const std::uint32_t word : row) ASSERT_EQ(stream.next(), word) << "group " << group;
  }
}

TEST(RandomStream, NumbersBelowNAreUniform) {
  for (const std::uint32_t n : {1U, 2U, 3U, 7U, 1000U, 4096U, 4097U, 70001U}) {
    RandomStream one(StreamKey{.seed = n}, 0), many(StreamKey{.seed = n}, 1);
    const int draws = 200 * static_cast<int>(std::min(n, 1000U));
    std::vector<double> of_one(std::min(n, 1000U)), of_many(of_one.size());
    const auto cell = [&](std::uint32_t number) {
      return std::uint64_t{number} * of_one.size() / n;
    };
    int calls = 0;
    many.each_below(n, static_cast<std::size_t>(draws), [&](std::uint32_t number) {
      ASSERT_LT(number, n);
      ++calls;
      ++of_many[cell(number)];
    });
    EXPECT_EQ(calls, draws);
    for (int i = 0; i < draws; ++i) ++of_one[cell(one.below(n))];
    for (const std::vector<double>& counts : {of_one, of_many}) {
      double chi2 = 0;
      for (std::size_t c = 0; c < counts.size(); ++c) {
        const double width =
            std::ceil(static_cast<double>(c + 1) * n / static_cast<double>(counts.size())) -
            std::ceil(static_cast<double>(c) * n / static_cast<double>(counts.size()));
        const double expected = draws * width / n;
        chi2 += (counts[c] - expected) * (counts[c] - expected) / expected;
      }
      const double degrees = static_cast<double>(counts.size() - 1);
      EXPECT_LT(std::fabs(chi2 - degrees), 5 * std::sqrt(2 * degrees) + 1e-9) << "n " << n;
    }
  }
}

// Whatever the processor can do at once: the accepted halves of the words, in their order.
TEST(RandomStream, SmallNumbersAreTheHalvesOfTheWordsInOrder) {
  for (const std::uint32_t n : {1U, 2U, 3U, 40U, 999U, 1000U, 1024U, 4095U, 4096U}) {
    RandomStream words({.seed = 5, .tag = n}, 2), many({.seed = 5, .tag = n}, 2);
    std::uint32_t word = 0;
    bool high = true;
    const auto half = [&] {
      high = !high;
      if (!high) word = words.next();
      return high ? word >> 16 : word & 65535U;
    };
    many.each_below(n, 5001, [&](std::uint32_t number) {
      std::uint32_t product = half() * n;
      while ((product & 65535U) < 65536U % n) product = half() * n;
      ASSERT_EQ(number, product >> 16) << "n " << n;
    });
  }
}

TEST(InParts, CoversEachIndexOnceAndRethrows) {
  for (const int threads : {1, 3, 8}) {
    std::vector<int> seen(100, 0);
    in_parts(100, threads, [&](int begin, int end) {
      for (int i = begin; i < end; ++i) ++seen[static_cast<std::size_t>(i)];
    });
    EXPECT_EQ(seen, std::vector<int>(100, 1));
    EXPECT_THROW(in_parts(100, threads,
                          [](int, int end) {
                            if (end == 100) throw std::runtime_error("last");
                          }),
                 std::runtime_error);
  }
  in_parts(0, 4, [](int begin, int end) { EXPECT_EQ(begin, end); });
}

TEST(Resample, DrawsEachStratumAsOftenAsItHasElements) {
  const std::size_t strata[] = {5, 0, 300};
  std::vector<std::uint32_t> counts(305), again(305), other(305);
  resample(strata, {.seed = 1, .tag = 2}, 3, counts);
  resample(strata, {.seed = 1, .tag = 2}, 3, again);
  resample(strata, {.seed = 1, .tag = 2}, 4, other);
  EXPECT_EQ(counts, again);
  EXPECT_NE(counts, other);
  EXPECT_EQ(std::accumulate(counts.begin(), counts.begin() + 5, 0U), 5U);
  EXPECT_EQ(std::accumulate(counts.begin() + 5, counts.end(), 0U), 300U);
}

struct Scored {
  std::vector<double> scores = {};
  std::vector<std::uint8_t> positive = {};
};

Scored scored(std::uint32_t seed, std::size_t n, int levels) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  Scored made;
  for (std::size_t i = 0; i < n; ++i) {
    const bool positive = i < 2 ? i == 1 : random() % 3 == 0;
    const double score = normal(random) + positive;
    made.scores.push_back(levels > 0 ? std::round(score * levels) / levels : score);
    made.positive.push_back(positive);
  }
  return made;
}

// The elements of the classes repeated as often as drawn, and the plain metric of those.
TEST(AurocReplicates, EqualTheAurocOfTheDrawnSamples) {
  for (std::uint32_t seed = 0; seed < 20; ++seed) {
    const Scored data = scored(seed, 10 + 13 * seed, static_cast<int>(seed % 3));
    const RankedScores ranked(data.scores, data.positive);
    const BootstrapOptions options{.resamples = 25, .key = {.seed = 9, .tag = seed}};
    const std::vector<double> fast = auroc_replicates(ranked, options);
    const std::size_t strata[] = {ranked.negatives().size(), ranked.positives().size()};
    std::vector<std::uint32_t> counts(data.scores.size());
    for (std::uint32_t r = 0; r < 25; ++r) {
      resample(strata, options.key, r, counts);
      Scored drawn;
      for (std::size_t i = 0; i < counts.size(); ++i)
        for (std::uint32_t k = 0; k < counts[i]; ++k) {
          const bool positive = i >= strata[0];
          drawn.scores.push_back(positive ? ranked.positives()[i - strata[0]]
                                          : ranked.negatives()[i]);
          drawn.positive.push_back(positive);
        }
      ASSERT_NEAR(fast[r], *auroc(drawn.scores, drawn.positive), 1e-14)
          << "seed " << seed << ", replicate " << r;
    }
  }
  EXPECT_TRUE(
      auroc_replicates(RankedScores(std::vector<double>{1}, std::vector<std::uint8_t>{1}), {})
          .empty());
}

TEST(AurocReplicates, ThreadsChangeNothing) {
  const Scored data = scored(1, 300, 0);
  const RankedScores ranked(data.scores, data.positive);
  const std::vector<double> one = auroc_replicates(ranked, {.resamples = 101, .threads = 1});
  for (const int threads : {2, 3, 16})
    EXPECT_EQ(one, auroc_replicates(ranked, {.resamples = 101, .threads = threads}));
}

TEST(Reranking, WithoutEachSampleAsIfItWereNotThere) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE(seed);
    RandomStream random({.seed = seed}, 0);
    std::vector<double> scores;
    std::vector<std::uint8_t> positive;
    for (int i = 0; i < 23; ++i) {
      positive.push_back(i % 4 == 0);
      scores.push_back(random.uniform() + 0.2 * (i % 4 == 0));
      if (seed % 2 == 1) scores.back() = std::round(5 * scores.back());
    }
    const Reranking reranking(scores, positive);
    const std::vector<double> without = reranking.average_precision_without();
    std::vector<std::uint32_t> counts(scores.size(), 1);
    for (std::size_t i = 0; i < counts.size(); ++i) {
      counts[i] = 0;
      EXPECT_NEAR(without[i], reranking.values(counts).average_precision, 1e-14) << i;
      counts[i] = 1;
    }
  }
}

TEST(Jackknife, OfAMeanIsItsVarianceAndDegrees) {
  const std::vector<std::size_t> strata = {5, 4};
  const std::vector<double> x = {1, 2, 3, 4, 10}, y = {2, 0, 1, 7};
  std::vector<double> without;  // of mean(x) - mean(y)
  for (const double value : x) without.push_back((20 - value) / 4 - 2.5);
  for (const double value : y) without.push_back(4 - (10 - value) / 3);
  const Jackknifed made = jackknifed(strata, without);
  Spread expected = spread_of_mean(x);
  expected += spread_of_mean(y);
  EXPECT_NEAR(made.spread.variance, expected.variance, 1e-13);
  EXPECT_NEAR(made.spread.degrees(), expected.degrees(), 1e-11);
  EXPECT_NEAR(made.bootstrap_factor * expected.variance,
              spread_of_mean(x).variance * 5 / 4 + spread_of_mean(y).variance * 4 / 3, 1e-12);
  EXPECT_EQ(jackknifed(strata, std::vector<double>(9, 0.3)).spread.variance, 0);
}

TEST(Reranking, EqualsRankingTheDrawnSamples) {
  for (std::uint32_t seed = 0; seed < 40; ++seed) {
    const Scored data = scored(seed, 5 + 7 * seed, static_cast<int>(seed % 3));
    const Reranking reranking(data.scores, data.positive);
    std::vector<std::uint32_t> counts(data.scores.size());
    resample(reranking.strata(), {.seed = seed}, 0, counts);
    Scored drawn;
    std::size_t next[2] = {reranking.strata()[0], 0};
    for (std::size_t i = 0; i < data.scores.size(); ++i)
      for (std::uint32_t k = counts[next[data.positive[i]]++]; k > 0; --k) {
        drawn.scores.push_back(data.scores[i]);
        drawn.positive.push_back(data.positive[i]);
      }
    const RerankedValues values = reranking.values(counts);
    const RankingValues expected = RankedScores(drawn.scores, drawn.positive).values();
    ASSERT_NEAR(values.auroc, *expected.auroc, 1e-14) << "seed " << seed;
    ASSERT_NEAR(values.average_precision, *expected.average_precision, 1e-14) << "seed " << seed;
    ASSERT_NEAR(values.f1_max, expected.f1_max->value, 1e-14) << "seed " << seed;
  }
}

TEST(Bootstrap, IntervalsEqualScipy) {
  const Golden file = golden("statistics_golden.txt");
  const auto& values = only(file, "bootstrap_values");
  const auto& replicates = only(file, "bootstrap_replicates");
  const Interval percentile = percentile_interval(replicates);
  EXPECT_NEAR(percentile.low, only(file, "bootstrap_percentile")[0], 1e-13);
  EXPECT_NEAR(percentile.high, only(file, "bootstrap_percentile")[1], 1e-13);

  const double mean = mean_of(values), n = static_cast<double>(values.size());
  std::vector<double> jackknife;
  for (const double value : values) jackknife.push_back((n * mean - value) / (n - 1));
  const std::size_t one[] = {values.size()};
  const Interval bca = bca_interval(replicates, mean, acceleration(one, jackknife));
  EXPECT_NEAR(bca.low, only(file, "bootstrap_bca")[0], 1e-12);
  EXPECT_NEAR(bca.high, only(file, "bootstrap_bca")[1], 1e-12);

  // Two samples: mean(x)^2 - mean(y).
  const auto& x = only(file, "bootstrap_two_x");
  const auto& y = only(file, "bootstrap_two_y");
  const double mean_x = mean_of(x), mean_y = mean_of(y), m = static_cast<double>(x.size()),
               k = static_cast<double>(y.size());
  jackknife.clear();
  for (const double value : x)
    jackknife.push_back(std::pow((m * mean_x - value) / (m - 1), 2) - mean_y);
  for (const double value : y)
    jackknife.push_back(mean_x * mean_x - (k * mean_y - value) / (k - 1));
  const std::size_t two[] = {x.size(), y.size()};
  const Interval of_two = bca_interval(only(file, "bootstrap_two_replicates"),
                                       mean_x * mean_x - mean_y, acceleration(two, jackknife));
  EXPECT_NEAR(of_two.low, only(file, "bootstrap_two_bca")[0], 1e-12);
  EXPECT_NEAR(of_two.high, only(file, "bootstrap_two_bca")[1], 1e-12);
}

TEST(Bootstrap, BcaFallsBackToPercentilesAndSaysSo) {
  EXPECT_EQ(bca_interval({2, 3, 4}, 1, 0).method, "percentile bootstrap");
  EXPECT_EQ(bca_interval({0, 1, 2}, 1, 0).method, "bca bootstrap");
}

TEST(Bootstrap, FewUnitsAskForWiderPercentiles) {
  // sqrt(10 / 9) * 2.262157 = 2.384523: 0.98290 of a normal lies inside.
  EXPECT_NEAR(expanded_level(0.95, 10), 0.98290, 1e-5);
  EXPECT_NEAR(expanded_level(0.95, 1000000), 0.95, 1e-6);
  EXPECT_EQ(expanded_level(0.95, 1), 0.95);
}

TEST(PairedClusterBootstrap, WholeClustersAreDrawn) {
  // Within a cluster all differences are equal, so the variance must be that of 6 units, not of 24.
  std::vector<double> a, b;
  std::vector<std::uint32_t> clusters;
  const double of_cluster[] = {1, 0, 0, 1, 1, 0};
  for (std::uint32_t c = 0; c < 6; ++c)
    for (int i = 0; i < 4; ++i) {
      a.push_back(of_cluster[c]);
      b.push_back(0);
      clusters.push_back(c);
    }
  const BootstrapOptions options{.resamples = 4000, .key = {.seed = 3}};
  const PairedDifference in_clusters = paired_cluster_bootstrap(a, b, clusters, options);
  const PairedDifference alone = paired_cluster_bootstrap(a, b, {}, options);
  EXPECT_EQ(in_clusters.difference, 0.5);
  EXPECT_NEAR(deviation_of(in_clusters.replicates), 0.5 / std::sqrt(6), 0.01);
  EXPECT_NEAR(deviation_of(alone.replicates), 0.5 / std::sqrt(24), 0.005);
  EXPECT_LT(in_clusters.bca.low, 0.2);
  EXPECT_THROW(paired_cluster_bootstrap(a, b, std::vector<std::uint32_t>(24, 1), options),
               std::invalid_argument);
  EXPECT_THROW(paired_cluster_bootstrap({}, {}, {}, options), std::invalid_argument);
}

TEST(PairedRankingBootstrap, SameModelNeverDiffers) {
  const Scored data = scored(5, 120, 0);
  const BootstrapOptions options{.resamples = 50, .threads = 2};
  for (const PairedDifference& one :
       paired_ranking_bootstrap(data.scores, data.scores, data.positive, options)) {
    EXPECT_EQ(one.difference, 0);
    EXPECT_EQ(one.percentile.low, 0);
    EXPECT_EQ(one.percentile.high, 0);
  }
  Scored other = scored(6, 120, 2);
  const auto differences =
      paired_ranking_bootstrap(data.scores, other.scores, data.positive, options);
  ASSERT_EQ(differences.size(), 3U);
  EXPECT_NEAR(differences[0].a, *auroc(data.scores, data.positive), 1e-14);
  EXPECT_NEAR(differences[0].b, *auroc(other.scores, data.positive), 1e-14);
  EXPECT_LT(differences[0].bca.low, differences[0].difference);
  EXPECT_TRUE(
      paired_ranking_bootstrap(data.scores, data.scores, std::vector<std::uint8_t>(120, 1), options)
          .empty());
}

TEST(Permutation, ExactEqualsScipy) {
  const Golden file = golden("statistics_golden.txt");
  for (const int n : {5, 10}) {
    const auto& g = only(file, "permutation_" + std::to_string(n));
    const PermutationResult result =
        mean_permutation(std::span(g).subspan(1), {}, {.resamples = 5000});
    EXPECT_TRUE(result.exact);
    EXPECT_NEAR(result.p_value, g[0], 1e-14) << n;
    const PermutationResult drawn =
        mean_permutation(std::span(g).subspan(1), {}, {.resamples = n == 5 ? 31 : 1000});
    EXPECT_FALSE(drawn.exact);
    EXPECT_NEAR(drawn.p_value, g[0], 5 * std::sqrt(0.25 / (n == 5 ? 31 : 1000)));
  }
}

TEST(Permutation, ClustersAreFlippedTogether) {
  const std::vector<double> differences = {1, 1, 1, 1, 1, 1, 1, 1};
  const std::vector<std::uint32_t> clusters = {0, 0, 0, 0, 1, 1, 1, 1};
  EXPECT_EQ(mean_permutation(differences, {}, {}).p_value, 2.0 / 256);
  EXPECT_EQ(mean_permutation(differences, clusters, {}).p_value, 0.5);
}

TEST(Permutation, AurocOfEqualModelsIsUniform) {
  int below = 0;
  const int sets = 200;
  for (std::uint32_t seed = 0; seed < sets; ++seed) {
    std::mt19937 random(seed);
    std::normal_distribution<double> normal;
    std::vector<double> a, b;
    std::vector<std::uint8_t> positive;
    for (int i = 0; i < 40; ++i) {
      positive.push_back(i % 2 == 0);
      const double latent = normal(random) + positive.back();
      a.push_back(latent + normal(random));
      b.push_back(10 * (latent + normal(random)));  // another scale
    }
    below +=
        auroc_permutation(a, b, positive, {.resamples = 99, .key = {.seed = seed}}).p_value <= 0.2;
  }
  EXPECT_NEAR(below, 0.2 * sets, 4 * std::sqrt(0.16 * sets));
  EXPECT_THROW(auroc_permutation(std::vector<double>{1}, std::vector<double>{1},
                                 std::vector<std::uint8_t>{1}, {}),
               std::invalid_argument);
}

TEST(Permutation, ThreadsChangeNothing) {
  std::vector<double> differences;
  for (int i = 0; i < 60; ++i) differences.push_back(std::sin(i) + 0.15);
  const double one = mean_permutation(differences, {}, {.resamples = 999}).p_value;
  for (const int threads : {2, 7})
    EXPECT_EQ(one,
              mean_permutation(differences, {}, {.resamples = 999, .threads = threads}).p_value);
}

}  // namespace
}  // namespace looktwice::metrics
