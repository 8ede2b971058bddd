// The audit of judges against numpy, scipy, scikit-learn, statsmodels and krippendorff
// (scripts/golden/judge_audit_golden.py).
#include "harness/run/judge_audit.h"

#include <gtest/gtest.h>

#include "harness/core/json_value.h"
#include "harness/core/table.h"
#include "tests/support/files.h"

namespace looktwice::run {
namespace {

double number(const JsonValue& object, const char* name) {
  const JsonValue* value = object.find(name);
  return value && value->type == JsonValue::Type::number ? std::stod(value->text) : 1e300;
}

class JudgeAuditGolden : public ::testing::Test {
 protected:
  JudgeAuditGolden()
      : golden_(parsed_json(text_of_file(test::data_path("judge/audit.json")), "audit.json")) {
    std::map<std::string, JudgedRun> runs;
    for (const JsonValue& record : golden_.find("records")->items) {
      const std::string& judge = record.find("judge")->text;
      JudgedRun& run = runs[judge];
      run.run = "r";
      run.judge = run.name = judge;
      Judged one{.task = "t",
                 .sample = record.find("sample")->text,
                 .question = static_cast<std::size_t>(number(record, "question")),
                 .group = record.find("group")->text,
                 .swapped = record.find("swapped")->text == "true",
                 .repeat = static_cast<int>(number(record, "repeat")),
                 .why = "no verdict in 4 replies",
                 .tries = 4,
                 .answer_bytes = static_cast<std::size_t>(number(record, "bytes"))};
      if (record.find("points")->type == JsonValue::Type::number) {
        one.points = number(record, "points");
        one.reference = number(record, "reference");
        one.why.clear();
      }
      run.judged.push_back(std::move(one));
    }
    found_ = audit(std::vector{runs.at("one"), runs.at("two")});
  }

  const JsonValue& expected(const char* name) const {
    return *golden_.find("expected")->find(name);
  }

  static void expect_interval(const std::optional<metrics::Interval>& found,
                              const JsonValue& wanted, const char* what) {
    ASSERT_TRUE(found) << what;
    EXPECT_NEAR(found->low, std::stod(wanted.items.at(0).text), 1e-9) << what;
    EXPECT_NEAR(found->high, std::stod(wanted.items.at(1).text), 1e-9) << what;
  }

  static void expect_agreement(const Agreement& found, const JsonValue& wanted) {
    EXPECT_EQ(static_cast<double>(found.answers), number(wanted, "answers"));
    EXPECT_NEAR(found.kappa.value_or(-9), number(wanted, "kappa"), 1e-12);
    EXPECT_NEAR(found.alpha.value_or(-9), number(wanted, "alpha"), 1e-12);
    EXPECT_NEAR(found.rank_correlation.value_or(-9), number(wanted, "spearman"), 1e-12);
    EXPECT_NEAR(found.mean_difference, number(wanted, "difference"), 1e-12);
    EXPECT_NEAR(found.mean_absolute_difference, number(wanted, "distance"), 1e-12);
  }

  JsonValue golden_;
  JudgeAudit found_;
};

TEST_F(JudgeAuditGolden, EachJudgeHasTheNumbersOfIndependentImplementations) {
  ASSERT_EQ(found_.judges.size(), 2u);
  for (const JudgeQuality& one : found_.judges) {
    SCOPED_TRACE(one.judge);
    const JsonValue& wanted = expected(one.judge.c_str());
    EXPECT_NEAR(one.points.value_or(0), number(wanted, "points"), 1e-12);
    EXPECT_EQ(static_cast<double>(one.counts.missing), number(wanted, "missing"));
    expect_interval(one.of_pictures, *wanted.find("pictures"), "pictures");
    expect_interval(one.with_judge_noise, *wanted.find("with_judge_noise"), "with judge noise");
    EXPECT_EQ(static_cast<double>(one.pairs), number(wanted, "pairs"));
    EXPECT_EQ(one.flips, number(wanted, "flips"));
    expect_interval(one.flip_interval, *wanted.find("flip_interval"), "flips");
    EXPECT_NEAR(one.gain_of_second_place.value_or(9), number(wanted, "gain_of_second_place"),
                1e-12);
    EXPECT_NEAR(one.rank_correlation_with_length.value_or(9), number(wanted, "length"), 1e-12);
    EXPECT_NEAR(one.length_p_value.value_or(9), number(wanted, "length_p"), 1e-9);
    ASSERT_TRUE(one.again);
    expect_agreement(*one.again, *wanted.find("again"));
    for (const auto& [group, value] : wanted.find("groups")->members)
      EXPECT_NEAR(one.by_group.at(group), std::stod(value.text), 1e-12) << group;
  }
}

TEST_F(JudgeAuditGolden, TwoJudgesAgreeAsIndependentImplementationsSay) {
  ASSERT_EQ(found_.agreements.size(), 1u);
  expect_agreement(found_.agreements[0], expected("between"));
  ASSERT_TRUE(found_.alpha_of_all);
  EXPECT_NEAR(*found_.alpha_of_all, number(expected("between"), "alpha"), 1e-12);
}

}  // namespace
}  // namespace looktwice::run
