#include "reports/audit_published.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "harness/core/error.h"
#include "tests/reports/temporary_folder.h"

namespace looktwice::reports {
namespace {

double rounded(double value, int digits) {
  const double unit = std::pow(10, digits);
  return std::round(value * unit) / unit;
}

TEST(AuditPublished, WhatAConfusionMatrixGivesIsFeasible) {
  for (const SplitCounts& split : {SplitCounts{20, 63}, {12, 30}, {60, 40}})
    for (int tp = 0; tp <= split.second; tp += 3)
      for (int tn = 0; tn <= split.first; tn += 2) {
        const double all = static_cast<double>(split.first + split.second);
        const double wrong = all - tp - tn;
        const double f1 = tp == 0 ? 0 : 200.0 * tp / (2 * tp + wrong);
        for (const int digits : {0, 1, 2})
          EXPECT_TRUE(feasible(rounded(f1, digits), digits, rounded(100 * (tp + tn) / all, digits),
                               digits, split))
              << tp << " " << tn;
      }
}

TEST(AuditPublished, AllAnomalousOnBottleIsOnePairAndItsNeighboursAreNone) {
  // 63 of 83 anomalous, all called so: F1 = 126 / 146 = 86.30, accuracy = 75.90.
  EXPECT_TRUE(feasible(86.3, 1, 75.9, 1, {20, 63}));
  EXPECT_FALSE(feasible(86.3, 1, 80.0, 1, {20, 63}));
  EXPECT_FALSE(feasible(99.0, 1, 50.0, 1, {20, 63}));
  EXPECT_TRUE(feasible(0, 1, 24.1, 1, {20, 63}));  // all called normal
  EXPECT_FALSE(feasible(50, 1, 50, 1, {0, 0}));
}

TEST(AuditPublished, TheKnownDefectsOfTheTablesAreFound) {
  const Audit audit = audit_published();
  EXPECT_GT(audit.pairs, 300);
  EXPECT_GT(audit.means, 400);
  EXPECT_GT(audit.repeats, 100);
  const auto has = [&](const char* table, const char* row, const char* column, const char* what) {
    return std::ranges::any_of(audit.findings, [&](const AuditFinding& f) {
      return f.table == table && f.row == row && f.column == column && f.what == what;
    });
  };
  // protocols 9: 2, 3 and 4.
  EXPECT_TRUE(has("omniad_table2", "AnomalyR1", "Average", "mean") ||
              has("omniad_table2", "AnomalyR1, 1-shot", "Average", "mean"));
  EXPECT_TRUE(has("omniad_table3", "AnomalyCLIP, 0-shot", "Average.acc", "mean"));
  EXPECT_TRUE(has("omniad_table3", "OmniAD, 0-shot", "Average.f1", "mean"));
  EXPECT_TRUE(has("omniad_table10", "OmniAD, 0-shot", "mean.f1", "mean"));
  EXPECT_TRUE(has("omniad_table3", "WinCLIP, 1-shot", "MVTec-AD.f1", "other table"));
  // Every average of the benchmark's own result files is one, to 1e-9.
  for (const AuditFinding& finding : audit.findings)
    EXPECT_NE(finding.table, "mmad_results") << finding.row << " " << finding.column;
  // Most of OmniAD's pairs cannot be, most of the others' can.
  std::int64_t ours = 0, others = 0;
  for (const AuditFinding& finding : audit.findings)
    if (finding.what == "no confusion matrix")
      ++(finding.row.starts_with("OmniAD") ? ours : others);
  EXPECT_GT(ours, 40);
  EXPECT_LT(others, 60);
}

using AuditTable = TemporaryFolder;

TEST_F(AuditTable, AUsersTableIsReadWithItsDigits) {
  const auto file = folder() / "mine.csv";
  std::ofstream(file)
      << "category,f1,accuracy\nbottle,86.30,75.90\nscrew,85.0,99.0\nmean,85.7,80\n";
  const Audit audit = audit_table(file, "mvtec");
  EXPECT_EQ(audit.pairs, 2);
  ASSERT_EQ(audit.findings.size(), 2u);
  EXPECT_EQ(audit.findings[0].column, "screw");
  EXPECT_EQ(audit.findings[0].printed, "F1 85.0, accuracy 99.0");
  EXPECT_EQ(audit.findings[1].column, "mean.acc");
  EXPECT_THROW(audit_table(file, "mvtek"), Error);
  std::ofstream(file) << "category,f1\nbottle,186\n";
  EXPECT_THROW(audit_table(file, "mvtec"), Error);
}

TEST_F(AuditTable, CountsMayStandInTheTable) {
  const auto file = folder() / "mine.jsonl";
  std::ofstream(file) << R"({"class":"x","f1":66.7,"acc":50.0,"normal":1,"anomalous":1})"
                      << "\n"
                      << R"({"class":"y","f1":66.7,"acc":75.0,"normal":1,"anomalous":1})"
                      << "\n";
  const Audit audit = audit_table(file, "");
  EXPECT_EQ(audit.pairs, 2);
  ASSERT_EQ(audit.findings.size(), 1u);
  EXPECT_EQ(audit.findings[0].column, "y");
}

}  // namespace
}  // namespace looktwice::reports
