// Plans from two runs: what their decisions and their values per sample tell, by hand.
#include "reports/plan.h"

#include <gtest/gtest.h>

#include <cmath>

#include "harness/core/error.h"
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
