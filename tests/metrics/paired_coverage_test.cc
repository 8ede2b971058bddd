// The intervals that comparisons print hold the true difference in 93.5 to 96.5 % of 2,000
// simulated pairs of runs, and tests of equal models raise a false alarm no more often than they
// say.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "metrics/stats/correlation.h"
#include "metrics/stats/delong.h"
#include "metrics/stats/distributions.h"
#include "metrics/stats/mcnemar.h"
#include "metrics/stats/paired.h"
#include "metrics/stats/philox.h"
#include "metrics/stats/proportion.h"

namespace looktwice::metrics {
namespace {

constexpr int kSets = 2000;

struct Tally {
  int below = 0, above = 0;
  void add(const Interval& interval, double truth) {
    below += truth < interval.low;
    above += truth > interval.high;
  }
};

void expect_nominal(const Tally& tally, const char* what) {
  const double percent = 100.0 * (kSets - tally.below - tally.above) / kSets;
  EXPECT_GE(percent, 93.5) << what << ", truth below " << tally.below << ", above " << tally.above;
  EXPECT_LE(percent, 96.5) << what << ", truth below " << tally.below << ", above " << tally.above;
}

double normal(RandomStream& random) {
  return normal_quantile(0x1p-54 + random.uniform());
}

// Two models whose scores share half of their noise: AUROC 0.80 and 0.74.
TEST(PairedCoverage, AurocDifference) {
  const double shift_a = std::sqrt(2.0) * normal_quantile(0.80),
               shift_b = std::sqrt(2.0) * normal_quantile(0.74);
  Tally delong_, bootstrap_;
  for (std::uint32_t set = 0; set < kSets; ++set) {
    RandomStream random({.seed = 11}, set);
    std::vector<double> a, b;
    std::vector<std::uint8_t> positive;
    for (int i = 0; i < 120; ++i) {
      positive.push_back(i < 60);
      const double shared = std::sqrt(0.5) * normal(random);
      a.push_back(shared + std::sqrt(0.5) * normal(random) + shift_a * positive.back());
      b.push_back(shared + std::sqrt(0.5) * normal(random) + shift_b * positive.back());
    }
    delong_.add(paired_delong(a, b, positive)->interval, 0.06);
    const auto ranking =
        paired_ranking_bootstrap(a, b, positive, {.resamples = 200, .key = {.seed = set}});
    bootstrap_.add(ranking[0].percentile, 0.06);
  }
  expect_nominal(delong_, "paired delong");
  expect_nominal(bootstrap_, "paired bootstrap of the AUROC, percentile");
}

// Right or wrong on the same 200 samples: both 60 %, a alone 20 %, b alone 10 %.
TEST(PairedCoverage, RateDifference) {
  Tally newcombe, percentile, bca;
  for (std::uint32_t set = 0; set < kSets; ++set) {
    RandomStream random({.seed = 12}, set);
    PairedCounts counts;
    std::vector<double> a, b;
    for (int i = 0; i < 200; ++i) {
      const double u = random.uniform();
      ++(u < 0.6   ? counts.both
         : u < 0.8 ? counts.only_a
         : u < 0.9 ? counts.only_b
                   : counts.neither);
      a.push_back(u < 0.8);
      b.push_back(u < 0.6 || (u >= 0.8 && u < 0.9));
    }
    newcombe.add(paired_difference(counts), 0.1);
    const PairedDifference drawn =
        paired_cluster_bootstrap(a, b, {}, {.resamples = 400, .key = {.seed = set}});
    percentile.add(drawn.percentile, 0.1);
    bca.add(drawn.bca, 0.1);
  }
  expect_nominal(newcombe, "newcombe paired");
  expect_nominal(percentile, "percentile");
  expect_nominal(bca, "bca");
}

// 100 clusters of 1 to 5 samples that share half of the variance of their differences (60 clusters:
// about 94 %).
TEST(PairedCoverage, ClusteredDifference) {
  Tally percentile, bca, blind;
  for (std::uint32_t set = 0; set < kSets; ++set) {
    RandomStream random({.seed = 13}, set);
    std::vector<double> a, b;
    std::vector<std::uint32_t> clusters;
    for (std::uint32_t c = 0; c < 100; ++c) {
      const double shared = normal(random);
      for (std::uint32_t i = 0; i <= c % 5; ++i) {
        a.push_back(0.3 + shared + normal(random));
        b.push_back(0);
        clusters.push_back(c);
      }
    }
    const PairedDifference drawn =
        paired_cluster_bootstrap(a, b, clusters, {.resamples = 1000, .key = {.seed = set}});
    percentile.add(drawn.percentile, 0.3);
    bca.add(drawn.bca, 0.3);
    blind.add(
        paired_cluster_bootstrap(a, b, {}, {.resamples = 100, .key = {.seed = set}}).percentile,
        0.3);
  }
  expect_nominal(percentile, "cluster percentile");
  expect_nominal(bca, "cluster bca");
  EXPECT_GT(blind.below + blind.above, kSets / 10);  // who ignores the clusters is wrong too often
}

TEST(PairedCoverage, SpearmanInterval) {
  // Normal pairs with correlation 0.6: rank correlation 6 / pi asin(0.3).
  const double truth = 6 / 3.14159265358979323846 * std::asin(0.3);
  Tally tally;
  for (std::uint32_t set = 0; set < kSets; ++set) {
    RandomStream random({.seed = 14}, set);
    std::vector<double> x, y;
    for (int i = 0; i < 60; ++i) {
      x.push_back(normal(random));
      y.push_back(0.6 * x.back() + 0.8 * normal(random));
    }
    tally.add(*spearman(x, y)->interval, truth);
  }
  expect_nominal(tally, "spearman");
}

TEST(PairedCoverage, ClopperPearsonNeverFallsShort) {
  for (const double p : {0.03, 0.2, 0.5, 0.9})
    for (const std::int64_t n : {7, 40, 150}) {
      double covered = 0;
      for (std::int64_t k = 0; k <= n; ++k) {
        const Interval interval = clopper_pearson(k, n);
        if (interval.low <= p && p <= interval.high) covered += binomial_pmf(k, n, p);
      }
      EXPECT_GE(covered, 0.95) << p << ", " << n;
    }
}

// Wilson's coverage by summation, on average over p: no chance in it.
TEST(PairedCoverage, WilsonIsNominalOnAverage) {
  for (const std::int64_t n : {20, 60, 200}) {
    double sum = 0;
    for (int i = 1; i < 200; ++i) {
      const double p = i / 200.0;
      for (std::int64_t k = 0; k <= n; ++k) {
        const Interval interval = wilson(k, n);
        if (interval.low <= p && p <= interval.high) sum += binomial_pmf(k, n, p);
      }
    }
    EXPECT_NEAR(sum / 199, 0.95, 0.006) << n;
  }
}

// Under equality the mid-p test's false alarms stay near 5 %, the exact one's below.
TEST(PairedCoverage, McnemarFalseAlarms) {
  for (const std::int64_t disagree : {10, 25, 60}) {
    double exact = 0, mid_p = 0;
    for (std::int64_t k = 0; k <= disagree; ++k) {
      const double weight = binomial_pmf(k, disagree, 0.5);
      if (mcnemar_exact(k, disagree - k) <= 0.05) exact += weight;
      if (mcnemar_mid_p(k, disagree - k) <= 0.05) mid_p += weight;
    }
    EXPECT_LE(exact, 0.05) << disagree;
    EXPECT_LE(mid_p, 0.06) << disagree;
    EXPECT_LE(exact, mid_p);
  }
}

}  // namespace
}  // namespace looktwice::metrics
