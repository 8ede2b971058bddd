// Hand-worked cases, and agreement with what the tests are made of. Golden values from Python:
// tests/reports/compare_test.cc; coverage of the intervals: paired_tests_coverage_test.cc.
#include "metrics/stats/paired_tests.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "metrics/stats/delong.h"
#include "metrics/stats/distributions.h"
#include "metrics/stats/mcnemar.h"
#include "tests/metrics/paired_coverage.h"

namespace looktwice::metrics {
namespace {

TEST(PairedTests, RatesAreMcnemarAndNewcombe) {
  const PairedTest test = rate_test({.both = 43, .only_a = 8, .only_b = 3, .neither = 2});
  EXPECT_NEAR(test.difference, 5.0 / 56, 1e-15);
  EXPECT_EQ(test.p_value, mcnemar_mid_p(8, 3));
  EXPECT_EQ(test.interval->method, "newcombe paired");
  // (b + c - (b - c)^2 / n) / n^2, with n - 1 for one n.
  EXPECT_NEAR(test.variance, (11.0 / 56 - 25.0 / 56 / 56) / 55, 1e-15);
}

TEST(PairedTests, AurocIsDelongWithAnIntervalThatStaysInside) {
  RandomStream random({.seed = 3}, 0);
  const PairedScores s = paired_scores({.auroc_a = 0.95, .auroc_b = 0.85}, random);
  const PairedTest test = *auroc_test(s.a, s.b, s.positive, {});
  const PairedAuroc delong_of_both = *paired_delong(s.a, s.b, s.positive);
  EXPECT_EQ(test.difference, delong_of_both.difference);
  EXPECT_NEAR(test.p_value, delong_of_both.p_value, 1e-12);
  EXPECT_LT(test.interval->low, test.difference);
  EXPECT_GT(test.interval->high, test.difference);
  EXPECT_LE(test.a - test.interval->low, 1 + test.b);
}

TEST(PairedTests, RanksDecideNotScales) {
  RandomStream random({.seed = 4}, 0);
  const PairedScores s = paired_scores({}, random);
  std::vector<double> stretched = s.a;
  for (double& score : stretched) score = std::exp(3 * score) - 7;
  const BootstrapOptions options{.resamples = 300};
  EXPECT_EQ(auroc_test(s.a, s.b, s.positive, options)->p_value,
            auroc_test(stretched, s.b, s.positive, options)->p_value);
  EXPECT_EQ(ranking_tests(s.a, s.b, s.positive, options)[1].p_value,
            ranking_tests(stretched, s.b, s.positive, options)[1].p_value);
  const PairedTest same = *auroc_test(s.a, stretched, s.positive, options);
  EXPECT_EQ(same.p_value, 1);
  EXPECT_EQ(same.interval->high, 0);
}

TEST(PairedTests, AStepThatIsTheSameEverywhereIsSeen) {
  std::vector<double> a, b;
  std::vector<std::uint8_t> positive;
  for (int i = 0; i < 20; ++i) {
    positive.push_back(i < 10);
    a.push_back(i < 10);
    b.push_back(i >= 10);
  }
  const PairedTest test = *auroc_test(a, b, positive, {});
  EXPECT_EQ(test.difference, 1);
  EXPECT_EQ(test.test, "permutation");
  EXPECT_LT(test.p_value, 0.001);
  EXPECT_GT(test.interval->low, 0);
  std::vector<std::uint8_t> calls_a(positive), calls_b;
  for (const std::uint8_t y : positive) calls_b.push_back(1 - y);
  const PairedTest f1 = *f1_test(calls_a, calls_b, positive, {});
  EXPECT_EQ(f1.difference, 1);
  EXPECT_LT(f1.p_value, 0.001);
}

// Two kinds of anomaly against the same normal samples, by the definition: every pair of samples
// and both models.
TEST(PairedTests, KindsShareTheirNormalSamples) {
  RandomStream random({.seed = 11}, 0);
  std::vector<double> a, b;
  std::vector<int> kind;
  for (int i = 0; i < 60; ++i) {
    kind.push_back(i % 5 == 0 ? 0 : i % 5 == 1 ? 1 : -1);
    const double both = random.uniform(), lift = kind.back() >= 0 ? 0.3 : 0;
    a.push_back(std::floor(8 * (both + random.uniform() + lift)));  // with ties
    b.push_back(std::floor(8 * (both + random.uniform() + 0.5 * lift)));
  }
  const auto wins = [](double p, double n) { return p > n ? 1.0 : p == n ? 0.5 : 0.0; };
  std::map<int, std::vector<double>> moves;  // by kind: what each sample adds to a - b
  double means[2] = {0, 0};
  for (std::size_t i = 0; i < a.size(); ++i) {
    double moved = 0;
    for (std::size_t j = 0; j < a.size(); ++j) {
      if ((kind[i] < 0) == (kind[j] < 0)) continue;
      const std::size_t p = kind[i] < 0 ? j : i, n = kind[i] < 0 ? i : j;
      // Its share of the mean over the other class, and of the mean over two kinds.
      const double others = kind[i] < 0 ? 12 : 36;
      moved += (wins(a[p], a[n]) - wins(b[p], b[n])) / others / 2;
      if (kind[i] < 0) continue;
      means[0] += wins(a[p], a[n]) / 12 / 36 / 2;
      means[1] += wins(b[p], b[n]) / 12 / 36 / 2;
    }
    moves[kind[i]].push_back(moved);
  }
  double variance = 0;
  for (const auto& [of, own] : moves)
    variance += std::pow(deviation_of(own), 2) / static_cast<double>(own.size());
  const PairedTest test = *kinds_test(a, b, kind, 2, {});
  EXPECT_NEAR(test.a, means[0], 1e-14);
  EXPECT_NEAR(test.b, means[1], 1e-14);
  EXPECT_NEAR(test.variance, variance, 1e-14);
  EXPECT_NEAR(test.p_value, normal_two_sided((means[0] - means[1]) / std::sqrt(variance)), 1e-12);
  EXPECT_LT(test.interval->low, test.difference);
  EXPECT_GT(test.interval->high, test.difference);
  // One kind is paired DeLong.
  std::vector<double> of_one[2];
  std::vector<int> one_kind;
  std::vector<std::uint8_t> positive;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (kind[i] == 1) continue;
    of_one[0].push_back(a[i]);
    of_one[1].push_back(b[i]);
    one_kind.push_back(kind[i]);
    positive.push_back(kind[i] == 0);
  }
  EXPECT_NEAR(kinds_test(of_one[0], of_one[1], one_kind, 1, {})->p_value,
              paired_delong(of_one[0], of_one[1], positive)->p_value, 1e-12);
  EXPECT_FALSE(kinds_test(of_one[0], of_one[1], one_kind, 2, {}));  // the other kind is missing
}

TEST(PairedTests, KindsThatAreRankedAlikeOrTheOtherWayRound) {
  std::vector<double> a, b;
  std::vector<int> kind;
  for (int i = 0; i < 30; ++i) {
    kind.push_back(i % 3 - 1);
    a.push_back(kind.back() >= 0);
    b.push_back(kind.back() < 0);
  }
  const PairedTest same = *kinds_test(a, a, kind, 2, {});
  EXPECT_EQ(same.p_value, 1);
  EXPECT_EQ(same.interval->low, 0);
  EXPECT_EQ(same.interval->high, 0);
  const PairedTest reversed = *kinds_test(a, b, kind, 2, {});
  EXPECT_EQ(reversed.difference, 1);
  EXPECT_EQ(reversed.test, "permutation");
  EXPECT_LT(reversed.p_value, 0.01);
  EXPECT_GT(reversed.interval->low, 0);
}

TEST(PairedTests, PrecisionByHand) {
  // a calls three, two of them anomalous; b calls the first two of those.
  const std::vector<std::uint8_t> positive = {1, 1, 1, 0, 0, 0}, a = {1, 1, 0, 1, 0, 0},
                                  b = {1, 1, 0, 0, 0, 0};
  const PairedTest test = *precision_test(a, b, positive, {});
  EXPECT_NEAR(test.difference, 2.0 / 3 - 1, 1e-15);
  // Weights of a: 1/9, 1/9, 0 and -2/9, 0, 0; of b: all 0. Per class n / (n - 1) sum of squares
  // about the mean: 1.5 (2/3 (1/9)^2) + 1.5 (2/3 (2/9)^2).
  EXPECT_NEAR(test.variance, 1.0 / 81 + 4.0 / 81, 1e-15);
  EXPECT_FALSE(precision_test(a, std::vector<std::uint8_t>(6, 0), positive, {}));
  EXPECT_FALSE(f1_test(a, b, std::vector<std::uint8_t>(6, 0), {}));
}

TEST(PairedTests, PrecisionsOfOneHaveAnIntervalToo) {
  // Neither calls a normal sample anomalous, so the delta method knows of no variance.
  const std::vector<std::uint8_t> positive = {1, 1, 1, 1, 0, 0, 0, 0}, a = {1, 1, 1, 0, 0, 0, 0, 0},
                                  b = {0, 1, 1, 0, 0, 0, 0, 0};
  const PairedTest test = *precision_test(a, b, positive, {});
  EXPECT_EQ(test.difference, 0);
  EXPECT_EQ(test.p_value, 1);
  ASSERT_TRUE(test.interval);
  EXPECT_LT(test.interval->low, -0.2);
  EXPECT_GT(test.interval->high, 0.2);
  EXPECT_EQ(test.interval->level, 0.95);
}

TEST(PairedTests, AClassWithoutAnIntervalLeavesTheMeanWithoutATest) {
  const PairedTest whole = rate_test({.both = 5, .only_a = 3, .only_b = 1, .neither = 1});
  PairedTest bare = whole;
  bare.interval.reset();
  const PairedTest both[] = {whole, bare};
  EXPECT_FALSE(mean_of_tests(both).interval);
  EXPECT_TRUE(mean_of_tests(both).test.empty());
  const PairedTest twice[] = {whole, whole};
  EXPECT_NEAR(mean_of_tests(twice).variance, whole.variance / 2, 1e-15);
}

TEST(PairedTests, MeansOfValuesAreStudents) {
  // scipy.stats.ttest_rel([3, 5, 4, 8], [2, 5, 1, 6]): t = 2.32379, p = 0.1027281
  const PairedTest test =
      mean_test(std::vector<double>{3, 5, 4, 8}, std::vector<double>{2, 5, 1, 6});
  EXPECT_NEAR(test.difference, 1.5, 1e-15);
  EXPECT_NEAR(test.p_value, 0.1027280789, 1e-9);
}

}  // namespace
}  // namespace looktwice::metrics
