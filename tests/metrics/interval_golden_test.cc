// The intervals of AUROC, AP and F1-max of one run, of their means over classes and of the
// differences of two runs equal those of scripts/golden/interval_golden.py, which draws the same
// resamples and works from the definitions.
#include <gtest/gtest.h>

#include "metrics/catalogue.h"
#include "metrics/stats/mean_over.h"
#include "metrics/stats/paired_tests.h"
#include "tests/metrics/golden.h"

namespace looktwice::metrics {
namespace {

constexpr double kClose = 1e-10;
constexpr int kClasses = 4;  // of the last, perfectly apart, there is the AUROC alone
const std::vector<std::string> kNames = {"auroc", "average_precision", "f1_max"};

const Golden& file() {
  static const Golden lines = golden("interval_golden.txt");
  return lines;
}

struct Data {
  std::vector<std::uint8_t> positive = {};
  std::vector<double> a = {}, b = {};
  std::uint64_t tag = 0;
};

Data data(int k) {
  const std::string n = "_" + std::to_string(k);
  const auto& labels = only(file(), "labels" + n);
  Data data{.positive = {labels.begin(), labels.end()},
            .a = only(file(), "a" + n),
            .b = only(file(), "b" + n)};
  for (std::size_t i = 0; i < labels.size(); ++i)
    data.tag += stream_tag(std::to_string(k) + "/" + std::to_string(i));
  return data;
}

std::uint64_t seed() {
  return static_cast<std::uint64_t>(only(file(), "options")[0]);
}
int resamples() {
  return static_cast<int>(only(file(), "options")[1]);
}

std::vector<Value> values_of(int k) {
  const Data d = data(k);
  for (const MetricEntry& entry : metric_catalogue()) {
    if (entry.name != "ranking") continue;
    const auto metric = entry.make({.seed = seed(), .resamples = resamples()});
    for (std::size_t i = 0; i < d.a.size(); ++i) {
      const std::string id = std::to_string(k) + "/" + std::to_string(i);
      metric->add({.id = id, .positive = d.positive[i] != 0, .score = d.a[i]});
    }
    return metric->values();
  }
  return {};
}

// AUROC, average precision, F1-max.
std::vector<PairedTest> tests_of(int k) {
  const Data d = data(k);
  const BootstrapOptions options{.resamples = resamples(), .key = {.seed = seed(), .tag = d.tag}};
  std::vector<PairedTest> tests = {*auroc_test(d.a, d.b, d.positive, options)};
  for (PairedTest& test : ranking_tests(d.a, d.b, d.positive, options))
    tests.push_back(std::move(test));
  return tests;
}

TEST(IntervalGolden, OfOneRun) {
  for (int k = 0; k < kClasses; ++k) {
    const std::vector<Value> values = values_of(k);
    ASSERT_EQ(values.size(), kNames.size());
    for (std::size_t v = 0; v < (k + 1 < kClasses ? kNames.size() : 1); ++v) {
      SCOPED_TRACE(kNames[v] + " of class " + std::to_string(k));
      const auto& g = only(file(), kNames[v] + "_" + std::to_string(k));
      EXPECT_NEAR(*values[v].value, g[0], kClose);
      EXPECT_NEAR(values[v].bias.value_or(0), g[1], kClose);
      EXPECT_NEAR(*values[v].variance, g[2], kClose);
      EXPECT_NEAR(values[v].degrees.value_or(0), g[3], kClose * (1 + g[3]));
      EXPECT_NEAR(values[v].interval->low, g[4], kClose);
      EXPECT_NEAR(values[v].interval->high, g[5], kClose);
    }
  }
}

TEST(IntervalGolden, OfAMeanOverClasses) {
  for (std::size_t v = 0; v < kNames.size(); ++v) {
    std::vector<Value> classes;
    for (int k = 0; k < (v == 0 ? kClasses : kClasses - 1); ++k) classes.push_back(values_of(k)[v]);
    const Value mean = mean_over(classes);
    const auto& g = only(file(), kNames[v] + "_mean");
    EXPECT_NEAR(*mean.value, g[0], kClose) << kNames[v];
    EXPECT_NEAR(mean.interval->low, g[1], kClose) << kNames[v];
    EXPECT_NEAR(mean.interval->high, g[2], kClose) << kNames[v];
  }
}

TEST(IntervalGolden, OfADifference) {
  for (int k = 0; k + 1 < kClasses; ++k) {
    const std::vector<PairedTest> tests = tests_of(k);
    ASSERT_EQ(tests.size(), kNames.size());
    for (std::size_t v = 0; v < kNames.size(); ++v) {
      SCOPED_TRACE(kNames[v] + " of class " + std::to_string(k));
      const auto& g = only(file(), kNames[v] + "_difference_" + std::to_string(k));
      EXPECT_NEAR(tests[v].difference, g[0], kClose);
      EXPECT_NEAR(tests[v].bias, g[1], kClose);
      EXPECT_NEAR(*tests[v].corrected_variance, g[2], kClose);
      EXPECT_NEAR(tests[v].degrees.value_or(0), g[3], kClose * (1 + g[3]));
      EXPECT_NEAR(tests[v].interval->low, g[4], kClose);
      EXPECT_NEAR(tests[v].interval->high, g[5], kClose);
      EXPECT_NEAR(tests[v].p_value, g[6], kClose);
    }
  }
}

TEST(IntervalGolden, OfTheMeanOfDifferences) {
  for (std::size_t v = 0; v < kNames.size(); ++v) {
    std::vector<PairedTest> classes;
    for (int k = 0; k + 1 < kClasses; ++k) classes.push_back(tests_of(k)[v]);
    const PairedTest mean = mean_of_tests(classes);
    const auto& g = only(file(), kNames[v] + "_difference_mean");
    EXPECT_NEAR(mean.difference, g[0], kClose) << kNames[v];
    EXPECT_NEAR(mean.interval->low, g[1], kClose) << kNames[v];
    EXPECT_NEAR(mean.interval->high, g[2], kClose) << kNames[v];
  }
}

}  // namespace
}  // namespace looktwice::metrics
