// Nominal 95 % intervals hold the truth in 93.5 to 96.5 % of 2,000 simulated data sets.
// Fixed seeds: the numbers are the same on every machine whose libm rounds alike.
// benchmarks/interval_coverage prints more designs; docs/statistics.md tells where an interval is
// known to be off.
#include "tests/metrics/coverage.h"

#include <gtest/gtest.h>

namespace looktwice::metrics {
namespace {

void expect_nominal(const std::map<std::string, Coverage>& covered,
                    const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const Coverage& of = covered.at(name);
    EXPECT_EQ(of.none, 0) << name;
    EXPECT_GE(of.percent(), 93.5) << name << ", truth below " << of.below << ", above " << of.above;
    EXPECT_LE(of.percent(), 96.5) << name << ", truth below " << of.below << ", above " << of.above;
  }
}

TEST(Coverage, FixedNumbersOfEachClass) {
  expect_nominal(coverage({.name = "60 + 60, AUROC 0.80"}, 2000, 200),
                 {"auroc", "average_precision", "f1_max", "f1_at", "recall_at", "accuracy_at",
                  "precision_at"});
}

TEST(Coverage, FewOfEachClass) {
  expect_nominal(coverage({.name = "20 + 20", .positives = 20, .negatives = 20}, 2000, 10),
                 {"auroc", "recall_at", "accuracy_at", "precision_at"});
  expect_nominal(coverage({.name = "100 + 20, spread 1.7",
                           .positives = 100,
                           .negatives = 20,
                           .apart = 2.5,
                           .spread = 1.7},
                          2000, 10),
                 {"precision_at"});
}

TEST(Coverage, FewOfOneClass) {
  expect_nominal(
      coverage({.name = "200 + 20, AUROC 0.80", .positives = 200, .negatives = 20}, 2000, 10),
      {"auroc", "precision_at"});
  expect_nominal(coverage({.name = "25 + 200, AUROC 0.75",
                           .positives = 25,
                           .negatives = 200,
                           .apart = 0.954,
                           .threshold = 0.5},
                          2000, 100),
                 {"auroc", "average_precision"});
}

TEST(Coverage, NearlyPerfect) {
  expect_nominal(
      coverage({.name = "60 + 60, AUROC 0.99", .apart = 3.29, .threshold = 1.64}, 2000, 200),
      {"auroc", "average_precision", "f1_max"});
}

// Accuracy takes the images as they come; the others need no share of anomalous ones.
TEST(Coverage, LabelsAtRandom) {
  expect_nominal(
      coverage({.name = "60 + 60, AUROC 0.80, labels at random", .random_labels = true}, 2000, 10),
      {"auroc", "accuracy_at", "recall_at"});
}

TEST(Coverage, ScoresWithTies) {
  expect_nominal(
      coverage({.name = "60 + 60, AUROC 0.80, tied to halves", .levels = 2, .threshold = 0.5}, 2000,
               200),
      {"auroc", "average_precision", "f1_max", "f1_at"});
}

TEST(Coverage, MeanOverClasses) {
  expect_nominal(
      coverage({.name = "mean of 5 classes", .positives = 30, .negatives = 30, .classes = 5}, 2000,
               100),
      {"auroc", "f1_at", "accuracy_at", "precision_at"});
}

// What an estimated bias misses does not average out.
TEST(Coverage, MeanOfF1MaxOverTenClasses) {
  expect_nominal(coverage({.name = "mean of 10 classes of 30 + 30, AUROC 0.80",
                           .positives = 30,
                           .negatives = 30,
                           .classes = 10},
                          2000, 100),
                 {"f1_max", "average_precision"});
}

}  // namespace
}  // namespace looktwice::metrics
