// Every interval that a comparison prints holds the true difference in 93.5 to 96.5 % of 2,000
// simulated pairs of runs; equal models raise no more alarms than they should.
// benchmarks/interval_coverage prints more designs; docs/statistics.md tells where one is off.
#include <gtest/gtest.h>

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

TEST(PairedTestsCoverage, EqualModelsRaiseFewAlarms) {
  const auto covered =
      paired_coverage({.name = "60 + 60, both 0.80", .auroc_a = 0.80, .auroc_b = 0.80}, kSets, 400);
  for (const auto& [name, of] : covered)
    EXPECT_LE(of.alarms, 0.065 * kSets)
        << name << ": p <= 0.05 in " << of.alarms << " of " << kSets;
}

}  // namespace
}  // namespace looktwice::metrics
