// Plans from two runs: what their decisions and their values per sample tell, by hand.
#include "reports/plan.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <map>

#include "harness/core/error.h"
#include "harness/store/frame.h"
#include "harness/store/replicates.h"
#include "metrics/binary/ranked_scores.h"
#include "metrics/stats/bootstrap.h"
#include "tests/metrics/paired_coverage.h"
#include "tests/reports/run_folders.h"
#include "tests/reports/temporary_folder.h"

namespace looktwice::reports {
namespace {

constexpr double kQuantiles = 1.959963984540054 + 0.8416212335729143;  // z(0.975) + z(0.8)

class PlanOfRuns : public TemporaryFolder {
 protected:
  RunView run(const std::string& name, const std::vector<Outcome>& outcomes,
              const std::string& headline) {
    return write_run(folder() / name, outcomes, {headline},
                     {.label = name, .id = std::string(16, name.back())});
  }

  static std::vector<Outcome> with_values(const std::vector<double>& values) {
    std::vector<Outcome> outcomes;
    for (std::size_t i = 0; i < values.size(); ++i) {
      outcomes.push_back({.sample = "s" + std::to_string(i), .category = "part"});
      outcomes.back().marks = {
          {.scorer = "official",
           .values = {{"low_level.rouge_l", values[i]}, {"low_level.gpt_score", 10 * values[i]}}}};
    }
    return outcomes;
  }

  static std::vector<Outcome> with_decisions(const std::vector<bool>& says) {
    std::vector<Outcome> outcomes;
    for (std::size_t i = 0; i < says.size(); ++i) {
      outcomes.push_back(
          {.sample = "s" + std::to_string(i), .category = "part", .anomalous = i < 4});
      outcomes.back().marks = {
          {.scorer = "official", .score = says[i] ? 1.0 : 0.0, .decision = says[i]}};
    }
    return outcomes;
  }

  static const Plan::Row* row_of(const Plan& plan, const std::string& metric) {
    for (const Plan::Row& row : plan.rows)
      if (row.metric == metric) return &row;
    return nullptr;
  }
};

TEST_F(PlanOfRuns, ValuesPerSampleGoByTheDeviationOfTheirDifferences) {
  const RunView a = run("a", with_values({0.5, 0.5, 0.5, 0.5}), "low_level.rouge_l"),
                b = run("b", with_values({0.6, 0.4, 0.6, 0.4}), "low_level.rouge_l");
  const Plan both = plan(&a, &b, {.mde = 10});
  ASSERT_EQ(both.rows.size(), 1u);  // no AUROC without scores; points of a judge are no percent
  const Plan::Row& row = both.rows[0];
  EXPECT_EQ(row.metric, "low_level.rouge_l");
  const double deviation = std::sqrt(4 * 0.01 / 3);
  EXPECT_EQ(row.needed, std::ceil(std::pow(kQuantiles * deviation / 0.1, 2)));
  EXPECT_EQ(row.samples, 4);
  EXPECT_NEAR(*row.detectable, 100 * kQuantiles * deviation / 2, 1e-9);
  EXPECT_EQ(row.assumed, "differences deviate by 11.5 points");
  EXPECT_THROW(plan(&a, nullptr, {.mde = 10}), Error);
}

TEST_F(PlanOfRuns, RatiosGoByWhatEachSampleAddsToThem) {
  // All right; then one miss and one false alarm: F1 is 6/8, and a sample's share in it is
  // 2 - 0.75 * 2 for the three hits, -0.75 for both mistakes, in units of a mean bottom of 1.
  const RunView a = run("a", with_decisions({1, 1, 1, 1, 0, 0, 0, 0}), "accuracy"),
                b = run("b", with_decisions({1, 1, 1, 0, 1, 0, 0, 0}), "accuracy");
  const Plan both = plan(&a, &b, {.mde = 10});
  const auto deviation = [&](const char* metric) {
    const Plan::Row* row = row_of(both, metric);
    return row ? *row->detectable / 100 / kQuantiles * std::sqrt(8) : 0;
  };
  EXPECT_NEAR(deviation("f1"), std::sqrt((3 * 0.25 + 2 * 0.5625) / 7), 1e-9);
  // Recall 3/4 over a mean of 1/2: 0.5 for three hits, -1.5 for the miss.
  EXPECT_NEAR(deviation("recall"), std::sqrt((3 * 0.25 + 2.25) / 7), 1e-9);
  // Precision 3/4 over a mean of 1/2, of the four that were called anomalous.
  EXPECT_NEAR(deviation("precision"), std::sqrt((3 * 0.25 + 2.25) / 7), 1e-9);
  EXPECT_EQ(row_of(both, "f1")->needed,
            std::ceil(std::pow(kQuantiles * deviation("f1") / 0.1, 2) * (1 - 1e-12)));
  EXPECT_FALSE(row_of(plan(&a, nullptr, {.mde = 10}), "f1"));
}

// What two runs of 80 + 80 say of 320 + 320 is what the differences of such runs vary by.
TEST_F(PlanOfRuns, ApAndF1MaxGoByImagesDrawnAnew) {
  const metrics::PairedDesign small = {.positives = 80, .negatives = 80},
                              large = {.positives = 320, .negatives = 320};
  std::map<std::string, std::vector<double>> differences;
  constexpr int kSets = 300;
  for (std::uint32_t set = 0; set < kSets; ++set) {
    metrics::RandomStream random({.seed = 5, .tag = 1}, set);
    const metrics::PairedScores s = metrics::paired_scores(large, random);
    const auto a = metrics::RankedScores(s.a, s.positive).values(),
               b = metrics::RankedScores(s.b, s.positive).values();
    differences["average_precision"].push_back(*a.average_precision - *b.average_precision);
    differences["f1_max"].push_back(a.f1_max->value - b.f1_max->value);
  }
  std::map<std::string, double> planned;
  constexpr int kPlans = 5;
  for (std::uint32_t set = 0; set < kPlans; ++set) {
    metrics::RandomStream random({.seed = 6, .tag = 1}, set);
    const metrics::PairedScores s = metrics::paired_scores(small, random);
    std::vector<RunView> runs;
    for (const auto* scores : {&s.a, &s.b}) {
      std::vector<Outcome> outcomes;
      for (std::size_t i = 0; i < scores->size(); ++i) {
        outcomes.push_back({.sample = "s" + std::to_string(i),
                            .category = "part",
                            .anomalous = s.positive[i] != 0});
        outcomes.back().marks = {{.scorer = "official", .score = (*scores)[i]}};
      }
      const std::string name = scores == &s.a ? "a" : "b";
      runs.push_back(write_run(folder() / name, outcomes, {"auroc", "average_precision", "f1_max"},
                               {.label = name, .id = std::string(16, name[0])}));
    }
    const Plan both = plan(&runs[0], &runs[1], {.mde = 2, .samples = 640});
    for (const auto& [metric, values] : differences) {
      const Plan::Row* row = row_of(both, metric);
      ASSERT_TRUE(row) << metric;
      planned[metric] += *row->detectable / 100 / kQuantiles / kPlans;
      // Twice the samples for the deviation over the square root of two.
      EXPECT_NEAR(static_cast<double>(*row->needed), std::pow(*row->detectable / 2, 2) * 640, 1)
          << metric;
      EXPECT_NE(row->assumed.find("at 160"), std::string::npos) << row->assumed;
    }
    EXPECT_FALSE(row_of(plan(&runs[0], nullptr, {.mde = 2}), "f1_max"));
  }
  for (const auto& [metric, values] : differences)
    EXPECT_NEAR(planned[metric] / metrics::deviation_of(values), 1, 0.15) << metric;
}

TEST_F(PlanOfRuns, PixelMetricsGoByTheReplicatesOfBothRuns) {
  std::vector<RunView> runs;
  std::vector<double> differences;
  for (const int r : {0, 1}) {
    const std::string name = r == 0 ? "a" : "b";
    runs.push_back(write_run(folder() / name, with_decisions({1, 1, 1, 1, 0, 0, 0, 0}),
                             {"accuracy"}, {.label = name, .id = std::string(16, name[0])}));
    store::Replicates drawn{.task = "zsad.example",
                            .scorer = "official",
                            .metric = "pixel_auroc",
                            .group = "pooled",
                            .value = 0.75 + 0.125 * r,
                            .widening = 1.5,
                            .degrees = 9};
    for (int i = 0; i < 40; ++i)
      drawn.deviations.push_back(static_cast<float>(i % 5 + r * (i % 3)) / 128);
    for (int i = 0; r == 1 && i < 40; ++i) differences.push_back((i % 3) / 128.0);
    runs.back().summary.rows.push_back({.task = drawn.task,
                                        .scorer = drawn.scorer,
                                        .metric = drawn.metric,
                                        .group = drawn.group,
                                        .value = drawn.value});
    std::ofstream(runs.back().folder / "replicates.jsonl", std::ios::binary)
        << store::file_header("replicates", runs.back().manifest.run) << "\n"
        << store::framed(json_of(drawn), runs.back().manifest.run) << "\n";
  }
  const Plan both = plan(&runs[0], &runs[1], {.mde = 1});
  const Plan::Row* row = row_of(both, "pixel_auroc");
  ASSERT_TRUE(row);
  const double deviation = metrics::deviation_of(differences) * std::sqrt(1.5);  // of 8 images
  EXPECT_EQ(row->samples, 8);
  EXPECT_NEAR(*row->detectable, 100 * kQuantiles * deviation, 1e-6);
  EXPECT_EQ(row->needed, std::ceil(8 * std::pow(kQuantiles * deviation / 0.01, 2)));
}

TEST(Plan, ADeviationNeedsNoRun) {
  const Plan given = plan(nullptr, nullptr, {.mde = 1, .samples = 2000, .deviation = 12});
  const Plan::Row& row = given.rows.back();
  EXPECT_EQ(row.metric, "");
  EXPECT_EQ(row.needed, 1131);
  EXPECT_NEAR(*row.detectable, 100 * kQuantiles * 0.12 / std::sqrt(2000), 1e-9);
  EXPECT_THROW(plan(nullptr, nullptr, {.mde = 1, .deviation = -1}), Error);
  EXPECT_NE(render(given, Format::markdown).find("a value per sample"), std::string::npos);
}

}  // namespace
}  // namespace looktwice::reports
