#include "reports/report.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "harness/core/codec.h"
#include "harness/store/frame.h"
#include "tests/reports/example_runs.h"
#include "tests/reports/golden.h"
#include "tests/reports/temporary_folder.h"

namespace looktwice::reports {
namespace {

void write_outcomes(const RunView& run, const std::vector<Outcome>& outcomes) {
  std::ofstream file(run.folder / "outcomes.jsonl", std::ios::binary);
  file << store::file_header("outcomes", run.manifest.run) << "\n";
  for (const Outcome& outcome : outcomes)
    file << store::framed(json_of(outcome), run.manifest.run) << "\n";
}

constexpr const char* kRunId = "0123456789abcdef";

class Report : public TemporaryFolder {
 protected:
  RunView run_in_folder() {
    RunView run = example_run("baseline", kRunId, {elpv_task()}, 0.7213);
    run.folder = folder();
    return run;
  }
  static Outcome outcome(const std::string& id, Status status, const std::string& why) {
    Outcome made{
        .task = "zsad.elpv", .sample = id, .category = "elpv", .status = status, .anomalous = true};
    if (status == Status::answered)
      made.marks = {{.scorer = "corrected", .unscored_because = why}};
    else
      made.error = why;
    return made;
  }
};

TEST_F(Report, EveryFormatAsBefore) {
  RunView run = run_in_folder();
  run.summary.tasks[0].disagreements = {"images/cell0007.png"};
  write_outcomes(run, {outcome("images/cell0001.png", Status::failed, "HTTP 429 after 5 tries"),
                       outcome("images/cell0002.png", Status::failed, "timed out"),
                       outcome("images/cell0003.png", Status::answered, "neither yes nor no")});
  RunReport made = report(run);
  made.run.folder = "runs/baseline";
  for (const auto& [name, format] : {std::pair("terminal.txt", Format::terminal),
                                     {"markdown.md", Format::markdown},
                                     {"csv.csv", Format::csv},
                                     {"json.json", Format::json},
                                     {"latex.tex", Format::latex}})
    expect_golden(std::string("report_") + name, render(made, format));
}

TEST_F(Report, ListsTheFirstAndCountsTheRest) {
  RunView run = run_in_folder();
  run.summary.tasks[0].counts.failed = 1000;
  std::vector<Outcome> outcomes;
  for (int i = 0; i < 1000; ++i)
    outcomes.push_back(outcome("cell" + std::to_string(i), Status::failed, "down"));
  write_outcomes(run, outcomes);
  const std::string text = render(report(run), Format::terminal);
  EXPECT_NE(text.find("Failed or not asked yet: 1000"), std::string::npos);
  EXPECT_NE(text.find("cell19 "), std::string::npos);
  EXPECT_EQ(text.find("cell20 "), std::string::npos);
  EXPECT_NE(text.find("And 980 more"), std::string::npos);
}

TEST_F(Report, WithoutOutcomesTheSummaryIsTold) {
  const RunView run = run_in_folder();
  const RunReport made = report(run);
  EXPECT_FALSE(made.scan.has_outcomes);
  EXPECT_NE(render(made, Format::terminal).find("AUROC 72.1 %"), std::string::npos);
}

TEST_F(Report, SeveralCategoriesAreOneTable) {
  RunView run = run_in_folder();
  run.summary.rows.clear();
  for (const char* scorer : {"official", "corrected"})
    for (const char* group : {"mono", "poly", "macro", "pooled"})
      for (const char* metric : {"auroc", "average_precision"})
        run.summary.rows.push_back({.task = "zsad.elpv",
                                    .scorer = scorer,
                                    .metric = metric,
                                    .group = group,
                                    .value = 0.25,
                                    .used = 10});
  run.summary.rows.back().value = 0.75;  // pooled AP, corrected
  RunReport made = report(run);
  made.run.folder = "runs/baseline";
  expect_golden("report_categories.txt", render(made, Format::terminal));
}

TEST_F(Report, PartialRunsSaySo) {
  RunView run = run_in_folder();
  run.summary.tasks[0].partial = run.manifest.partial = true;
  run.summary.tasks[0].limited = "100 of 1092 samples";
  const std::string text = render(report(run), Format::terminal);
  EXPECT_NE(text.find("baseline (PARTIAL)"), std::string::npos);
  EXPECT_NE(text.find("PARTIAL: 100 of 1092 samples"), std::string::npos);
}

TEST_F(Report, CommandKeepsTheOrderOfItsWords) {
  RunView run = run_in_folder();
  EXPECT_EQ(
      command_of(run.manifest),
      "looktwice run --model baseline --tasks zsad.elpv --label baseline --data_root data/elpv "
      "--output_path runs/baseline --fail_on_error=1%");
  run.manifest.options_asked = {{"1", "run"}, {"2", "a'b c"}};
  EXPECT_EQ(command_of(run.manifest), "looktwice run 'a'\\''b c'");
  run.manifest.options_asked = {};
  EXPECT_EQ(command_of(run.manifest), "");
}

TEST_F(Report, OutcomesOfAnotherRunAreRefused) {
  RunView run = run_in_folder();
  write_outcomes(run, {outcome("a", Status::failed, "down")});
  run.manifest.run = "fedcba9876543210";
  EXPECT_THROW(report(run), std::exception);
}

}  // namespace
}  // namespace looktwice::reports
