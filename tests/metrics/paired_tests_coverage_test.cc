// Every interval that a comparison prints holds the true difference in 93.5 to 96.5 % of 2,000
// simulated pairs of runs; equal models raise no more alarms than they should.
// benchmarks/interval_coverage prints more designs; docs/statistics.md tells where one is off.
#include <gtest/gtest.h>

#include "metrics/stats/shared_normals.h"
#include "tests/metrics/paired_coverage.h"

namespace looktwice::metrics {
namespace {

constexpr int kSets = 2000;

void expect_nominal(const std::map<std::string, PairedCoverage>& covered,
                    const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const PairedCoverage& of = covered.at(name);
    EXPECT_EQ(of.sets, kSets) << name;
    EXPECT_GE(of.percent(), 93.5) << name << ", truth below " << of.below << ", above " << of.above;
    EXPECT_LE(of.percent(), 96.5) << name << ", truth below " << of.below << ", above " << of.above;
  }
}

TEST(PairedTestsCoverage, TwoModelsThatShareHalfOfTheirNoise) {
  expect_nominal(paired_coverage({.name = "60 + 60, AUROC 0.80 and 0.74"}, kSets, 200),
                 {"auroc", "average_precision", "f1_max", "accuracy_at", "recall_at", "f1_at",
                  "precision_at"});
}

TEST(PairedTestsCoverage, NearThePerfectOne) {
  expect_nominal(paired_coverage({.name = "100 + 100, AUROC 0.95 and 0.90",
                                  .positives = 100,
                                  .negatives = 100,
                                  .auroc_a = 0.95,
                                  .auroc_b = 0.90,
                                  .shared = 0.7,
                                  .threshold = 1},
                                 kSets, 0),
                 {"auroc", "accuracy_at", "recall_at", "f1_at", "precision_at"});
}

TEST(PairedTestsCoverage, FewOfOneClass) {
  expect_nominal(paired_coverage({.name = "200 + 20, 0.85 and 0.80",
                                  .positives = 200,
                                  .negatives = 20,
                                  .auroc_a = 0.85,
                                  .auroc_b = 0.80,
                                  .threshold = 0.7},
                                 kSets, 200),
                 {"auroc", "average_precision", "precision_at"});
}

TEST(PairedTestsCoverage, NearlyPerfectWithFewOfEachClass) {
  expect_nominal(
      paired_coverage(
          {.name = "60 + 60, 0.99 and 0.97", .auroc_a = 0.99, .auroc_b = 0.97, .threshold = 1.2},
          kSets, 0),
      {"auroc", "precision_at"});
}

TEST(PairedTestsCoverage, MeanOfClasses) {
  expect_nominal(paired_coverage({.name = "mean of 5 classes of 30 + 30, AUROC 0.80 and 0.74",
                                  .positives = 30,
                                  .negatives = 30,
                                  .classes = 5},
                                 kSets, 0),
                 {"auroc", "accuracy_at", "recall_at", "f1_at", "precision_at"});
}

// Of one model, of the difference of two, and alarms where there is none.
TEST(PairedTestsCoverage, MeanOfKindsThatShareTheirNormalSamples) {
  struct Design {
    int structural, logical, normal;
    double a[2], b[2];  // AUROC of each kind
  };
  for (const Design& design : {Design{30, 30, 60, {0.90, 0.80}, {0.85, 0.75}},
                               Design{60, 60, 90, {0.99, 0.97}, {0.98, 0.96}},
                               Design{20, 20, 20, {0.80, 0.70}, {0.80, 0.70}}}) {
    std::map<std::string, PairedCoverage> covered;
    const double of_a = (design.a[0] + design.a[1]) / 2,
                 difference = of_a - (design.b[0] + design.b[1]) / 2;
    for (int set = 0; set < kSets; ++set) {
      RandomStream random({.seed = 7, .tag = stream_tag("kinds")}, static_cast<std::uint32_t>(set));
      const auto normal = [&] { return normal_quantile(0x1p-54 + random.uniform()); };
      std::vector<double> a, b;
      std::vector<int> kind;
      for (int i = 0; i < design.structural + design.logical + design.normal; ++i) {
        kind.push_back(i < design.structural ? 0 : i < design.structural + design.logical ? 1 : -1);
        const auto apart = [&](const double(&auroc)[2]) {
          return kind.back() < 0 ? 0 : std::sqrt(2.0) * normal_quantile(auroc[kind.back()]);
        };
        const double both = std::sqrt(0.5) * normal();
        a.push_back(both + std::sqrt(0.5) * normal() + apart(design.a));
        b.push_back(both + std::sqrt(0.5) * normal() + apart(design.b));
      }
      const auto count = [&](const char* name, double truth, const Interval& interval) {
        PairedCoverage& of = covered[name];
        ++of.sets;
        of.below += truth < interval.low;
        of.above += truth > interval.high;
      };
      count("one", of_a, mean_of_kinds_interval(*mean_of_kinds(by_kind(a, kind, 2))));
      const PairedTest test = *kinds_test(a, b, kind, 2, {});
      count("difference", difference, *test.interval);
      covered["difference"].alarms += test.p_value <= 0.05;
    }
    expect_nominal(covered, {"one", "difference"});
    if (difference == 0) {
      EXPECT_LE(covered["difference"].alarms, 0.065 * kSets);
    }
  }
}

TEST(PairedTestsCoverage, EqualModelsRaiseFewAlarms) {
  const auto covered =
      paired_coverage({.name = "60 + 60, both 0.80", .auroc_a = 0.80, .auroc_b = 0.80}, kSets, 400);
  for (const auto& [name, of] : covered)
    EXPECT_LE(of.alarms, 0.065 * kSets)
        << name << ": p <= 0.05 in " << of.alarms << " of " << kSets;
}

}  // namespace
}  // namespace looktwice::metrics
