#include "reports/leaderboard.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/reports/example_runs.h"
#include "tests/reports/golden.h"

namespace looktwice::reports {
namespace {

const Leaderboard::Row* row_named(const Leaderboard& board, const std::string& model) {
  for (const Leaderboard::Row& row : board.rows)
    if (row.model == model) return &row;
  return nullptr;
}

std::vector<RunView> two_runs() {
  return {example_run("baseline", "1111aaaa", {elpv_task()}, 0.7213),
          example_run("baseline, 4 shots", "2222bbbb", {elpv_task()}, 0.8149)};
}

TEST(Leaderboard, OneTaskStandsBesideThePaper) {
  const Leaderboard board = leaderboard(two_runs());
  ASSERT_EQ(board.columns.size(), 1u);
  ASSERT_EQ(board.rows.size(), 10u);
  EXPECT_EQ(board.rows[0].model, "Anomaly-OV (anomaly expert)");
  EXPECT_EQ(board.rows[0].rank, 1);
  EXPECT_EQ(board.rows[0].source, "Anomaly-OV, CVPR 2025, table 2 (arXiv 2502.07601)");
  const Leaderboard::Row* ours = row_named(board, "baseline, 4 shots");
  ASSERT_TRUE(ours);
  EXPECT_EQ(ours->rank, 3);  // 83.0, 81.5, then 81.49
  EXPECT_NEAR(*ours->places[0]->value, 81.49, 1e-9);
  EXPECT_NEAR(ours->places[0]->interval->high, 84.39, 1e-9);
  EXPECT_EQ(row_named(board, "baseline")->rank, 7);
  for (const auto& [name, format] : {std::pair("terminal.txt", Format::terminal),
                                     {"markdown.md", Format::markdown},
                                     {"csv.csv", Format::csv},
                                     {"json.json", Format::json},
                                     {"latex.tex", Format::latex},
                                     {"html.html", Format::html}})
    expect_golden(std::string("leaderboard_") + name, render(board, format));
  expect_golden("leaderboard_narrow.txt", render(board, Format::terminal, {.width = 48}));
  expect_golden("leaderboard_ascii.txt",
                render(board, Format::terminal, {.width = 80, .unicode = false}));
}

TEST(Leaderboard, AnUnknownEditionIsSaidBesideItsNumber) {
  std::vector<RunView> runs = two_runs();
  runs[0].manifest.tasks[0].warnings = {"a stray file", "unknown edition: elpv has 1 normal image"};
  const Leaderboard board = leaderboard(runs);
  EXPECT_NE(row_named(board, "baseline")
                ->places[0]
                ->note.find("Data: unknown edition: elpv has 1 normal image."),
            std::string::npos);
  EXPECT_EQ(row_named(board, "baseline")->places[0]->note.find("stray"), std::string::npos);
  EXPECT_EQ(row_named(board, "baseline, 4 shots")->places[0]->note.find("unknown"),
            std::string::npos);
  EXPECT_NE(render(board, Format::terminal).find("unknown edition"), std::string::npos);
}

TEST(Leaderboard, SeveralTasksShareOneMean) {
  std::vector<RunView> runs = {example_run("both", "1111", {elpv_task(), headct_task()}, 0.75),
                               example_run("only ELPV", "2222", {elpv_task()}, 0.9)};
  const Leaderboard board = leaderboard(runs);
  ASSERT_EQ(board.columns.size(), 2u);
  EXPECT_EQ(board.mean_title, "Mean of 2");
  EXPECT_NEAR(*row_named(board, "both")->mean->value, 75, 1e-9);
  EXPECT_FALSE(row_named(board, "only ELPV")->mean);
  EXPECT_FALSE(row_named(board, "only ELPV")->rank);
  EXPECT_EQ(board.rows.back().model, "only ELPV");
  // A paper's row holds both columns: Anomaly-OV 83.0 and 97.6.
  EXPECT_NEAR(*row_named(board, "Anomaly-OV (anomaly expert)")->mean->value, 90.3, 1e-9);
  expect_golden("leaderboard_two_tasks.txt", render(board, Format::terminal));
}

TEST(Leaderboard, AverageNeedsAllDataSetsOfThePaper) {
  std::vector<store::TaskSummary> tasks;
  for (const char* dataset :
       {"MVTec AD", "VisA", "AITEX", "ELPV", "BTAD", "MPDD", "BrainMRI", "HeadCT", "Br35H"}) {
    store::TaskSummary task = headct_task();
    task.task = std::string("zsad.") + dataset;
    task.dataset = dataset;
    tasks.push_back(task);
  }
  const std::vector<RunView> runs = {example_run("all nine", "1111", tasks, 0.9)};
  const Leaderboard board = leaderboard(runs);
  EXPECT_EQ(board.mean_title, "Average");
  EXPECT_NEAR(*row_named(board, "all nine")->mean->value, 90, 1e-9);
  EXPECT_NEAR(*row_named(board, "Anomaly-OV (anomaly expert)")->mean->value, 88.6, 1e-9);
  EXPECT_EQ(row_named(board, "all nine")->rank, 1);
}

TEST(Leaderboard, PartialAndIncompleteRunsGetNoPlace) {
  std::vector<RunView> runs;
  for (const char* label : {"limited", "stopped", "missing", "flag", "odd counts", "one class"})
    runs.push_back(example_run(label, std::string("id of ") + label, {elpv_task()}, 0.99));
  runs[0].summary.tasks[0].partial = true;
  runs[0].summary.tasks[0].limited = "first 100 of 1092 samples";
  runs[1].manifest.finished = "";
  runs[2].summary.tasks[0].counts.answered = 1080;
  runs[2].summary.tasks[0].counts.missing = 10;
  runs[3].manifest.partial = true;
  runs[4].summary.tasks[0].counts.answered = 7;
  for (store::Row& row : runs[5].summary.rows) {
    row.value.reset();
    row.reason = "only one class";
  }
  runs.push_back(example_run("whole", "7777", {elpv_task()}, 0.7));
  runs.push_back(runs.back());  // the same folder twice
  const Leaderboard board = leaderboard(runs);
  ASSERT_EQ(board.refused.size(), 7u);
  const std::string text = render(board, Format::terminal, {.width = 0});
  for (const char* reason :
       {"first 100 of 1092", "not finished", "10 of 1092 samples have no answer",
        "partial (--limit)", "do not add up", "no value: only one class",
        "the same run as another folder"})
    EXPECT_NE(text.find(reason), std::string::npos) << reason << "\n" << text;
  int ours = 0;
  for (const Leaderboard::Row& row : board.rows) ours += !row.published;
  EXPECT_EQ(ours, 1);
  EXPECT_EQ(text.find("99.0"), std::string::npos);
}

TEST(Leaderboard, OnlyRefusedRunsSaySo) {
  std::vector<RunView> runs = {example_run("limited", "1", {elpv_task()}, 0.99)};
  runs[0].manifest.partial = true;
  const std::string text = render(leaderboard(runs), Format::terminal);
  EXPECT_NE(text.find("No run has a place"), std::string::npos);
  EXPECT_NE(text.find("partial"), std::string::npos);
}

TEST(Leaderboard, DifferentDataOrVariantsNeverShareAColumn) {
  std::vector<RunView> runs = two_runs();
  runs[1].summary.tasks[0].fingerprint = "ffff0000";
  Leaderboard board = leaderboard(runs);
  ASSERT_EQ(board.columns.size(), 2u);
  EXPECT_EQ(board.columns[0].title, "ELPV (data 3fa9c1d0)");
  EXPECT_EQ(board.columns[1].title, "ELPV (data ffff0000)");
  EXPECT_TRUE(board.mean_title.empty());
  runs[1].summary.tasks[0].fingerprint = runs[0].summary.tasks[0].fingerprint;
  runs[1].summary.tasks[0].variant = "all";
  board = leaderboard(runs);
  ASSERT_EQ(board.columns.size(), 2u);
  EXPECT_EQ(board.columns[1].title, "ELPV (all)");
  EXPECT_NE(render(board, Format::markdown).find("several variants of zsad.elpv"),
            std::string::npos);
}

TEST(Leaderboard, TheOtherScorerIsToldWhereItDiffers) {
  std::vector<RunView> runs = {example_run("a", "1", {elpv_task()}, 0.7)};
  runs[0].summary.tasks[0].counts = {.samples = 1089, .answered = 1089, .unscored = {}};
  EXPECT_EQ(leaderboard(runs).columns[0].scorer, "official");
  EXPECT_EQ(row_named(leaderboard(runs), "a")->places[0]->note, "");
  for (store::Row& row : runs[0].summary.rows)
    if (row.scorer == "corrected") row.value = 0.65;
  EXPECT_EQ(row_named(leaderboard(runs), "a")->places[0]->note, "By the corrected rule: 65.0.");
  const Leaderboard corrected = leaderboard(runs, {.scorer = "corrected"});
  EXPECT_EQ(row_named(corrected, "a")->places[0]->note, "By the official rule: 70.0.");
  EXPECT_NEAR(*row_named(corrected, "a")->places[0]->value, 65, 1e-9);
}

TEST(Leaderboard, EqualValuesShareARank) {
  std::vector<RunView> runs = {example_run("b", "1", {elpv_task()}, 0.7),
                               example_run("a", "2", {elpv_task()}, 0.7),
                               example_run("c", "3", {elpv_task()}, 0.6)};
  const Leaderboard board = leaderboard(runs, {.published = false});
  ASSERT_EQ(board.rows.size(), 3u);
  EXPECT_EQ(board.rows[0].model, "a");
  EXPECT_EQ(board.rows[0].rank, 1);
  EXPECT_EQ(board.rows[1].rank, 1);
  EXPECT_EQ(board.rows[2].rank, 3);
}

TEST(Leaderboard, LowerCanBeBetter) {
  std::vector<RunView> runs = {example_run("worse", "1", {elpv_task()}, 0.7),
                               example_run("better", "2", {elpv_task()}, 0.6)};
  for (RunView& run : runs)
    for (store::Row& row : run.summary.rows) row.higher_is_better = false;
  EXPECT_EQ(leaderboard(runs, {.published = false}).rows[0].model, "better");
}

TEST(Leaderboard, MeanOverCategoriesComesFirstAndCountsItsSamples) {
  RunView run = example_run("a", "1", {elpv_task()}, 0.7);
  run.summary.rows.clear();
  for (const char* group : {"mono", "poly", "other", "pooled", "macro"})
    run.summary.rows.push_back({.task = "zsad.elpv",
                                .scorer = "official",
                                .metric = "auroc",
                                .group = group,
                                .value = 0.5,
                                .used = 400});
  run.summary.rows[2].value.reset();
  run.summary.rows.back().value = 0.6;
  const Leaderboard board = leaderboard({&run, 1}, {.published = false});
  EXPECT_EQ(board.columns[0].group, "macro");
  EXPECT_NEAR(*board.rows[0].places[0]->value, 60, 1e-9);
  EXPECT_EQ(board.rows[0].places[0]->used, 800);
  EXPECT_NE(board.rows[0].places[0]->note.find("Mean over 2 of 3 categories"), std::string::npos);
}

TEST(Leaderboard, TheDefaultVariantIsOneColumnHoweverItWasAsked) {
  std::vector<RunView> runs = two_runs();
  runs[1].summary.tasks[0].task = "zsad.elpv:inctrl";
  for (store::Row& row : runs[1].summary.rows) row.task = "zsad.elpv:inctrl";
  EXPECT_EQ(leaderboard(runs).columns.size(), 1u);
}

TEST(Leaderboard, ToleratedFailuresKeepThePlaceAndAreSaid) {
  std::vector<RunView> runs = {example_run("a", "1", {elpv_task()}, 0.7)};
  runs[0].manifest.complete = false;  // what a run with tolerated failures says
  Leaderboard board = leaderboard(runs);
  EXPECT_TRUE(board.refused.empty());
  EXPECT_EQ(row_named(board, "a")->places[0]->note,
            "3 of 1092 samples failed, were refused or could not be scored; the value is over the "
            "others.");
  runs[0].manifest.options_asked = {{"1", "run"}};  // nobody tolerated them
  board = leaderboard(runs);
  ASSERT_EQ(board.refused.size(), 1u);
  EXPECT_TRUE(board.refused[0].reason.starts_with("2 of 1092 samples failed"));
}

TEST(Leaderboard, JsonHoldsWhatTheTableShows) {
  const auto json = nlohmann::json::parse(render(leaderboard(two_runs()), Format::json));
  EXPECT_EQ(json["kind"], "leaderboard");
  EXPECT_EQ(json["rows"].size(), 10u);
  for (const auto& row : json["rows"]) {
    if (row["published"].get<bool>()) continue;
    EXPECT_TRUE(row["values"][0]["interval"]["low"].is_number());
    EXPECT_EQ(row["values"][0]["failed"], 2);
    EXPECT_EQ(row["values"][0]["unscored"], 1);
  }
}

}  // namespace
}  // namespace looktwice::reports
