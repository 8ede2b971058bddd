#include "reports/compare.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "adapters/imaging/codec.h"
#include "harness/core/error.h"
#include "harness/core/text.h"
#include "harness/store/replicates.h"
#include "metrics/stats/paired_tests.h"
#include "tests/reports/payloads.h"
#include "tests/reports/run_folders.h"
#include "tests/reports/temporary_folder.h"

namespace looktwice::reports {
namespace {

using Json = nlohmann::json;

const std::vector<std::string> kMetrics = {
    "auroc", "average_precision", "f1_max",       "accuracy",  "precision", "recall",
    "f1",    "accuracy_at",       "precision_at", "recall_at", "f1_at"};

Json golden() {
  std::ifstream file(std::string(LOOKTWICE_TEST_DATA) + "/reports/compare_golden.json");
  return Json::parse(file);
}

// One sample as the run "first" or "second" of the golden file answered it.
Outcome outcome_of_golden(const Json& sample, const char* run) {
  Outcome outcome{.sample = sample["id"],
                  .category = sample["category"],
                  .anomalous = sample["anomalous"].get<bool>(),
                  .defect = sample["anomalous"].get<bool>() ? "broken" : "good",
                  .image = sample["id"]};
  const Json& answer = sample[run];
  Mark mark{.scorer = "official"};
  if (answer.contains("status")) {
    outcome.status = *status_named(answer["status"].get<std::string>());
    mark.unscored_because = answer["status"];
  } else if (answer.contains("unscored")) {
    mark.unscored_because = answer["unscored"];
  } else {
    mark.score = answer["score"].get<double>();
    mark.decision = answer["decision"].get<bool>();
  }
  outcome.marks = {mark};
  return outcome;
}

const Comparison::Row* row_of(const Comparison& comparison, const std::string& metric,
                              const std::string& group, std::size_t other = 1) {
  for (const Comparison::Row& row : comparison.rows)
    if (row.metric == metric && row.group == group && row.other == other) return &row;
  return nullptr;
}

class Compare : public TemporaryFolder {
 protected:
  std::vector<RunView> golden_runs() {
    const Json data = golden();
    std::vector<Outcome> first, second;
    for (const Json& sample : data["samples"]) {
      first.push_back(outcome_of_golden(sample, "first"));
      second.push_back(outcome_of_golden(sample, "second"));
    }
    return {write_run(folder() / "a", first, kMetrics, {.label = "A", .id = "aaaaaaaaaaaaaaaa"}),
            write_run(folder() / "b", second, kMetrics, {.label = "B", .id = "bbbbbbbbbbbbbbbb"})};
  }

  // Samples named "s0" ...; truth and score by position.
  static std::vector<Outcome> scored(const std::vector<double>& scores, std::size_t anomalous) {
    std::vector<Outcome> outcomes;
    for (std::size_t i = 0; i < scores.size(); ++i) {
      Outcome outcome{.sample = "s" + std::to_string(100 + i),
                      .category = "part",
                      .anomalous = i < anomalous,
                      .image = "x.png"};
      outcome.marks = {{.scorer = "official", .score = scores[i]}};
      outcomes.push_back(outcome);
    }
    return outcomes;
  }
  RunView run(const std::string& name, const std::vector<Outcome>& outcomes,
              FolderOptions options = {}) {
    options.label = name;
    if (options.id == FolderOptions{}.id) options.id = std::string(16, name.back());
    return write_run(folder() / name, outcomes, kMetrics, options);
  }
  std::vector<RunView> pair(const std::vector<double>& a, const std::vector<double>& b,
                            std::size_t anomalous) {
    return {run("a", scored(a, anomalous)), run("b", scored(b, anomalous))};
  }
  static std::string refusal(const std::vector<RunView>& runs, Kind kind,
                             const CompareOptions& options = {}) {
    try {
      compare(runs, options);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), kind) << error.what();
      return error.what();
    }
    ADD_FAILURE() << "not refused";
    return {};
  }
};

TEST_F(Compare, SaysWhatPythonSays) {
  const Json expected = golden()["expected"];
  const Comparison comparison = compare(golden_runs(), {.resamples = 4000, .threads = 2});
  int checked = 0;
  for (const auto& [group, tests] : expected.items())
    for (const auto& [metric, want] : tests.items()) {
      const Comparison::Row* row = row_of(comparison, metric, group);
      ASSERT_TRUE(row) << metric << " of " << group;
      const std::string what = metric + " of " + group;
      ASSERT_TRUE(row->first && row->second && row->p_value && row->interval) << what;
      EXPECT_NEAR(*row->first, want["first"].get<double>(), 1e-12) << what;
      EXPECT_NEAR(*row->second, want["second"].get<double>(), 1e-12) << what;
      EXPECT_NEAR(*row->difference, *row->second - *row->first, 1e-12) << what;
      ++checked;
      const double p = want["p"].get<double>();
      if (want.contains("drawn")) {
        // Two bootstraps with different random numbers: deviations within 5 %.
        EXPECT_NEAR(*row->p_value, p, 0.05) << what;
        continue;
      }
      EXPECT_NEAR(*row->p_value, p, 1e-10) << what;
      EXPECT_NEAR(row->interval->low, want["low"].get<double>(), 1e-10) << what;
      EXPECT_NEAR(row->interval->high, want["high"].get<double>(), 1e-10) << what;
    }
  EXPECT_GE(checked, 45);
}

TEST_F(Compare, FlipsAreTheSamplesThatOneGetsRight) {
  const Json want = golden()["flips"];
  const Comparison comparison = compare(golden_runs(), {.resamples = 0, .listed = 3});
  ASSERT_EQ(comparison.flips.size(), 1u);
  const Comparison::Flips& flips = comparison.flips[0];
  EXPECT_EQ(flips.rule, "decisions as generated");
  EXPECT_EQ(flips.both_right, want["both_right"]);
  EXPECT_EQ(flips.both_wrong, want["both_wrong"]);
  const auto sorted = [](std::vector<std::string> ids) {
    std::sort(ids.begin(), ids.end());
    return ids;
  };
  EXPECT_EQ(sorted(flips.lost_ids), sorted(want["lost"].get<std::vector<std::string>>()));
  EXPECT_EQ(sorted(flips.won_ids), sorted(want["won"].get<std::vector<std::string>>()));
  EXPECT_EQ(flips.lost, std::ssize(flips.lost_ids));
  EXPECT_LE(flips.lost_samples.size(), 3u);
  EXPECT_EQ(flips.won_samples.size(), 3u);
}

TEST_F(Compare, HolmIsOverAllTestsOfTheTable) {
  const Json want = golden()["holm"];
  const Comparison comparison =
      compare(golden_runs(), {.metrics = {"auroc", "accuracy", "precision", "recall", "f1"}});
  int tests = 0;
  for (const Comparison::Row& row : comparison.rows) {
    if (!row.p_value) continue;
    ++tests;
    const std::string name = row.metric + "/" + row.group;
    ASSERT_TRUE(want.contains(name)) << name;
    EXPECT_NEAR(*row.adjusted, want[name].get<double>(), 1e-10) << name;
  }
  EXPECT_EQ(tests, static_cast<int>(want.size()));
}

TEST_F(Compare, WhatIsNotScoredIsLeftOutAndCounted) {
  const Comparison comparison = compare(golden_runs(), {.resamples = 0});
  ASSERT_EQ(comparison.counts.size(), 1u);
  const Comparison::Counts& counts = comparison.counts[0];
  EXPECT_EQ(counts.samples, 66);
  EXPECT_EQ(counts.first.failed, 2);
  EXPECT_EQ(counts.second.failed, 1);
  EXPECT_EQ(counts.second.refused, 1);
  EXPECT_EQ(counts.second.unscored, 1);
  EXPECT_EQ(counts.compared, 62);
  const Comparison::Row* row = row_of(comparison, "accuracy", "pooled");
  EXPECT_EQ(row->compared, 62);
  EXPECT_EQ(row->left_out, 4);
  const std::string text = render(comparison, Format::terminal);
  EXPECT_NE(text.find("left out of both values, never counted as wrong"), std::string::npos);
  EXPECT_NE(text.find("left out"), std::string::npos);
}

TEST_F(Compare, OneClassHasNoValueAndTheMeanSaysOverHowMany) {
  const Comparison comparison = compare(golden_runs(), {.resamples = 50});
  const Comparison::Row* washer = row_of(comparison, "auroc", "washer");
  EXPECT_FALSE(washer->first || washer->p_value || washer->adjusted);
  EXPECT_EQ(washer->reason, "only normal samples: nothing to rank");
  EXPECT_EQ(row_of(comparison, "auroc", "macro")->note, "over 2 of 3 classes");
  EXPECT_EQ(row_of(comparison, "recall", "washer")->reason, "no anomalous sample");
  EXPECT_EQ(row_of(comparison, "accuracy", "macro")->note, "");
}

TEST_F(Compare, ARunAgainstItselfDiffersByNothing) {
  std::vector<RunView> runs = golden_runs();
  runs[1] = runs[0];
  const Comparison comparison = compare(runs);
  int tests = 0;
  for (const Comparison::Row& row : comparison.rows) {
    if (!row.p_value) continue;
    ++tests;
    EXPECT_EQ(*row.difference, 0) << row.metric;
    EXPECT_EQ(*row.p_value, 1) << row.metric;
    EXPECT_EQ(*row.adjusted, 1) << row.metric;
    ASSERT_TRUE(row.interval);
    EXPECT_LE(row.interval->low, 0);
    EXPECT_GE(row.interval->high, 0);
  }
  EXPECT_GT(tests, 40);
  EXPECT_EQ(comparison.flips[0].lost + comparison.flips[0].won, 0);
  EXPECT_TRUE(comparison.settings.empty());
  EXPECT_NE(comparison.runs[0].name, comparison.runs[1].name);
}

TEST_F(Compare, SwappingTheRunsTurnsTheSigns) {
  std::vector<RunView> runs = golden_runs();
  const Comparison there = compare(runs, {.resamples = 200});
  std::swap(runs[0], runs[1]);
  const Comparison back = compare(runs, {.resamples = 200});
  ASSERT_EQ(there.rows.size(), back.rows.size());
  for (std::size_t i = 0; i < there.rows.size(); ++i) {
    const Comparison::Row &a = there.rows[i], &b = back.rows[i];
    EXPECT_EQ(a.first, b.second);
    if (!a.p_value) continue;
    EXPECT_NEAR(*a.difference, -*b.difference, 1e-15);
    EXPECT_NEAR(*a.p_value, *b.p_value, 1e-12) << a.metric << " of " << a.group;
    ASSERT_TRUE(a.interval && b.interval) << a.metric << " of " << a.group;
    EXPECT_NEAR(a.interval->low, -b.interval->high, 1e-12) << a.metric << " of " << a.group;
  }
  EXPECT_EQ(there.flips[0].lost_ids, back.flips[0].won_ids);
}

TEST_F(Compare, OrderOfSamplesAndThreadsChangeNothing) {
  std::vector<RunView> runs = golden_runs();
  const std::string straight =
      render(compare(runs, {.resamples = 300, .threads = 1}), Format::json);
  std::vector<Outcome> reversed;
  for_each_outcome(runs[1], [&](const Outcome& outcome) { reversed.push_back(outcome); });
  std::reverse(reversed.begin(), reversed.end());
  RunView again =
      write_run(folder() / "b", reversed, kMetrics, {.label = "B", .id = "bbbbbbbbbbbbbbbb"});
  // The summary lists classes in the order of the file; the comparison does not.
  again.summary = runs[1].summary;
  runs[1] = again;
  EXPECT_EQ(render(compare(runs, {.resamples = 300, .threads = 5}), Format::json), straight);
}

TEST_F(Compare, DifferentSamplesAreRefusedUnlessIntersected) {
  std::vector<Outcome> more = scored({5, 4, 3, 2, 1, 0, 2, 1}, 4), fewer = more;
  fewer.erase(fewer.begin() + 1, fewer.begin() + 5);
  fewer.push_back(fewer.back());
  fewer.back().sample = "s999";
  std::vector<RunView> runs = {run("a", more), run("b", fewer, {.fingerprint = "other"})};
  const std::string message = refusal(runs, Kind::usage);
  EXPECT_NE(message.find("4 samples only in the first ('s101', 's102', 's103', ...)"),
            std::string::npos)
      << message;
  EXPECT_NE(message.find("1 sample only in the second ('s999')"), std::string::npos) << message;
  EXPECT_NE(message.find("--intersect compares the 4 that both have"), std::string::npos);
  const Comparison comparison = compare(runs, {.intersect = true});
  EXPECT_EQ(comparison.counts[0].samples, 4);
  EXPECT_EQ(comparison.counts[0].only_first, 4);
  EXPECT_EQ(comparison.counts[0].only_other, 1);
  EXPECT_NE(render(comparison, Format::terminal).find("hold different samples"), std::string::npos);
}

TEST_F(Compare, OtherDataVariantsAndScoringAreRefused) {
  const std::vector<Outcome> samples = scored({5, 4, 3, 2, 1, 0}, 3);
  std::vector<RunView> runs = {run("a", samples), run("b", samples, {.fingerprint = "feed"})};
  EXPECT_NE(refusal(runs, Kind::data).find("saw different data (fingerprints"), std::string::npos);
  EXPECT_NE(refusal(runs, Kind::data, {.intersect = true}).find("different data"),
            std::string::npos);
  runs = {run("a", samples, {.variant = "inctrl"}), run("b", samples, {.variant = "all"})};
  EXPECT_NE(refusal(runs, Kind::data).find("variant 'inctrl' of the first run and 'all'"),
            std::string::npos);
  runs = {run("a", samples), run("b", samples, {.task = "zsad.other"})};
  EXPECT_NE(refusal(runs, Kind::usage).find("no task in common"), std::string::npos);
  std::vector<Outcome> other = samples;
  other[2].anomalous = false;
  runs = {run("a", samples), run("b", other)};
  EXPECT_NE(refusal(runs, Kind::data).find("the truth of 's102' is not the same"),
            std::string::npos);
  runs = {run("a", samples), run("b", samples)};
  for (RunView& one : runs)
    one.summary.rows.push_back({.task = "zsad.example",
                                .scorer = "corrected",
                                .metric = "pixel_auroc",
                                .group = "pooled",
                                .value = 0.5});
  runs[0].manifest.options_used["map_side"] = "0";
  runs[1].manifest.options_used["map_side"] = "256";
  EXPECT_NE(refusal(runs, Kind::data).find("scored differently: --map_side=0 and 256"),
            std::string::npos);
  runs[1].manifest.options_used["map_side"] = "0";
  const Comparison comparison = compare(runs);
  const Comparison::Row* pixel = row_of(comparison, "pixel_auroc", "pooled");
  EXPECT_EQ(pixel->difference, 0);
  EXPECT_FALSE(pixel->p_value);
  EXPECT_NE(pixel->reason.find("no replicates in"), std::string::npos);
  EXPECT_NE(refusal(runs, Kind::usage, {.metrics = {"aurok"}}).find("did you mean 'auroc'"),
            std::string::npos);
  EXPECT_NE(refusal(runs, Kind::usage, {.tasks = {"zsad.exampel"}}).find("zsad.example"),
            std::string::npos);
}

// Replicates that scoring left in both folders are paired; what does not pair says why.
TEST_F(Compare, PixelValuesArePairedByTheImagesThatWereDrawn) {
  const std::vector<Outcome> samples = scored({5, 4, 3, 2, 1, 0}, 3);
  std::vector<RunView> runs = {run("a", samples), run("b", samples)};
  store::Replicates drawn{.task = "zsad.example",
                          .scorer = "official",
                          .metric = "pixel_auroc",
                          .group = "pooled",
                          .seed = 7,
                          .tag = 0xfedcba9876543210U,
                          .widening = 1.25,
                          .degrees = 12};
  const auto compared = [&](const std::array<store::Replicates, 2>& of_runs) {
    for (std::size_t r = 0; r < 2; ++r) {
      std::ofstream file(runs[r].folder / "replicates.jsonl", std::ios::binary);
      const std::string& id = runs[r].manifest.run;
      file << store::file_header("replicates", id) << "\n"
           << store::framed(json_of(of_runs[r]), id) << "\n";
    }
    const Comparison comparison = compare(runs);
    return *row_of(comparison, "pixel_auroc", "pooled");
  };
  std::array<store::Replicates, 2> both = {drawn, drawn};
  for (std::size_t r = 0; r < 2; ++r) {
    both[r].value = r == 0 ? 0.8 : 0.9;
    for (int i = 0; i < 50; ++i)
      both[r].deviations.push_back(0.01F * static_cast<float>(i % 5 - 2) +
                                   (r == 1 && i % 2 ? 0.004F : 0.F));
    runs[r].summary.rows.push_back({.task = "zsad.example",
                                    .scorer = "official",
                                    .metric = "pixel_auroc",
                                    .group = "pooled",
                                    .value = both[r].value});
  }
  const Comparison::Row paired = compared(both);
  EXPECT_NEAR(*paired.difference, 0.1, 1e-12);
  EXPECT_EQ(paired.test, "paired image bootstrap");
  EXPECT_LT(*paired.p_value, 1e-6);
  EXPECT_TRUE(paired.adjusted);
  EXPECT_LT(paired.interval->high, 0.12);
  const auto reason = [&](auto&& change) {
    std::array<store::Replicates, 2> changed = both;
    change(changed[1]);
    const Comparison::Row row = compared(changed);
    EXPECT_FALSE(row.p_value);
    EXPECT_NEAR(*row.difference, 0.1, 1e-12);
    return row.reason;
  };
  EXPECT_NE(reason([](auto& one) { one.tag = 1; }).find("different images"), std::string::npos);
  EXPECT_NE(reason([](auto& one) { one.seed = 1; }).find("different seeds"), std::string::npos);
  EXPECT_NE(reason([](auto& one) { one.value = 0.7; }).find("another scoring"), std::string::npos);
}

TEST_F(Compare, NothingInCommonAndNothingScoredAreErrors) {
  std::vector<Outcome> samples = scored({5, 4, 3, 2}, 2), elsewhere = samples, failed = samples;
  for (Outcome& outcome : elsewhere) outcome.sample += "x";
  EXPECT_NE(refusal({run("a", samples), run("b", elsewhere)}, Kind::usage, {.intersect = true})
                .find("no sample in common"),
            std::string::npos);
  for (Outcome& outcome : failed) outcome.status = Status::failed;
  refusal({run("a", samples), run("b", failed)}, Kind::model);
}

TEST_F(Compare, PerfectAgainstReversedIsSeenThoughNothingVaries) {
  const auto runs = pair({9, 8, 7, 6, 5, 4, 3, 2, 1, 0}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, 5);
  const Comparison comparison = compare(runs);
  for (const char* metric : {"auroc", "average_precision", "f1_max"}) {
    const Comparison::Row* row = row_of(comparison, metric, "pooled");
    ASSERT_TRUE(row && row->p_value) << metric;
    EXPECT_LT(*row->p_value, 0.15) << metric;  // 10 samples; 1 would be a lie
    EXPECT_LT(*row->difference, 0) << metric;
  }
  EXPECT_EQ(*row_of(comparison, "auroc", "pooled")->difference, -1);
  EXPECT_LT(row_of(comparison, "auroc", "pooled")->interval->high, 0);
}

TEST_F(Compare, BothPerfectAreTheSame) {
  const auto runs = pair({9, 8, 7, 2, 1, 0}, {0.9, 0.7, 0.8, 0.1, 0.3, 0.2}, 3);
  const Comparison comparison = compare(runs);
  for (const char* metric : {"auroc", "average_precision", "f1_max"}) {
    const Comparison::Row* row = row_of(comparison, metric, "pooled");
    EXPECT_EQ(row->p_value, 1) << metric;
    EXPECT_EQ(row->interval->low, 0) << metric;
    EXPECT_EQ(row->interval->high, 0) << metric;
  }
}

TEST_F(Compare, OneSampleOfAClassStillGivesAnAnswer) {
  const auto runs = pair({9, 3, 2, 1, 0}, {1, 3, 2, 9, 0}, 1);
  const Comparison comparison = compare(runs);
  const Comparison::Row* auroc = row_of(comparison, "auroc", "pooled");
  ASSERT_TRUE(auroc->interval && auroc->p_value);
  EXPECT_EQ(auroc->test, "permutation");
  EXPECT_LT(auroc->interval->low, *auroc->difference);
  const Comparison::Row* ap = row_of(comparison, "average_precision", "pooled");
  EXPECT_FALSE(ap->interval);
  EXPECT_EQ(ap->reason, "one sample of a class: no interval");
}

TEST_F(Compare, AKindOfAnomalyStandsAgainstAllNormalSamples) {
  // Structural anomalies rank above both normal samples for a, below one for b; logical ones are
  // no matter.
  std::vector<Outcome> a = scored({8, 7, 0, 0, 3, 2}, 4), b = scored({8, 2.5, 9, 9, 3, 2}, 4);
  for (auto* outcomes : {&a, &b})
    for (std::size_t i = 0; i < 4; ++i)
      (*outcomes)[i].defect = i < 2 ? "structural_anomalies" : "logical_anomalies";
  const RunView runs[] = {write_run(folder() / "a", a, {"auroc_structural"}, {.label = "a"}),
                          write_run(folder() / "b", b, {"auroc_structural"}, {.label = "b"})};
  const Comparison comparison = compare(runs);
  const Comparison::Row* row = row_of(comparison, "auroc_structural", "pooled");
  ASSERT_TRUE(row);
  EXPECT_EQ(row->first, 1.0);
  EXPECT_EQ(row->second, 0.75);
  EXPECT_EQ(row->compared, 4);
  EXPECT_EQ(row->left_out, 0);
}

TEST_F(Compare, ThreeRunsStandEachAgainstTheFirst) {
  std::vector<RunView> runs = golden_runs();
  runs.push_back(runs[0]);
  const Comparison comparison = compare(runs, {.metrics = {"auroc"}});
  EXPECT_EQ(comparison.counts.size(), 2u);
  EXPECT_EQ(*row_of(comparison, "auroc", "pooled", 2)->difference, 0);
  EXPECT_NE(*row_of(comparison, "auroc", "pooled", 1)->difference, 0);
}

TEST_F(Compare, SettingsThatDifferAreListed) {
  std::vector<RunView> runs = golden_runs();
  runs[1].manifest.options_used["num_fewshot"] = "4";
  runs[1].manifest.model_facts["weights"] = "abc";
  runs[1].manifest.tasks[0].references = "feed";
  const Comparison comparison = compare(runs, {.metrics = {"auroc"}});
  std::vector<std::string> names;
  for (const Comparison::Setting& setting : comparison.settings) names.push_back(setting.name);
  EXPECT_EQ(names, (std::vector<std::string>{"--num_fewshot", "model.weights",
                                             "zsad.example references"}));
  EXPECT_EQ(comparison.settings[0].values, (std::vector<std::string>{"", "4"}));
}

TEST_F(Compare, PartialAndIncompleteRunsAreMarked) {
  std::vector<RunView> runs = golden_runs();
  runs[0].summary.tasks[0].partial = true;
  runs[0].summary.tasks[0].limited = "66 of 500 samples";
  runs[1].manifest.options_used.erase("fail_on_error");
  const Comparison comparison = compare(runs, {.metrics = {"auroc"}});
  EXPECT_EQ(comparison.runs[0].state, "PARTIAL: 66 of 500 samples of zsad.example");
  EXPECT_FALSE(comparison.runs[0].incomplete);
  EXPECT_TRUE(comparison.runs[1].incomplete);
  for (const Format format : {Format::terminal, Format::markdown, Format::html, Format::latex})
    EXPECT_NE(render(comparison, format).find("INCOMPLETE: 1 of 66 samples"), std::string::npos);
}

TEST_F(Compare, ThePageShowsFlippedSamplesWithPictures) {
  const std::vector<RunView> runs = golden_runs();
  const auto codec = imaging::make_codec();
  const Comparison comparison = compare(runs, {.resamples = 0});
  const Comparison::Flips& flips = comparison.flips[0];
  for (const std::string& id : flips.lost_ids) {
    const std::filesystem::path file = folder() / "data" / id;
    std::filesystem::create_directories(file.parent_path());
    const Image image{
        .width = 4, .height = 3, .channels = 1, .pixels = std::vector<std::uint8_t>(12, 90)};
    const auto bytes = codec->encode_png(image);
    std::ofstream(file, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  }
  const std::string html = html_comparison(comparison, runs, *codec);
  std::size_t pictures = 0, missing = 0;
  for (std::size_t at = 0; (at = html.find("<img src=\"data:image/png", at)) != html.npos; ++at)
    ++pictures;
  for (std::size_t at = 0; (at = html.find("No picture here", at)) != html.npos; ++at) ++missing;
  EXPECT_EQ(pictures, flips.lost_samples.size());
  EXPECT_EQ(missing, flips.won_samples.size());
  EXPECT_NE(html.find("right by A, wrong by B"), std::string::npos);
}

// Every text of a run folder that reaches a page.
class HostileCompare : public Compare {
 protected:
  Comparison of(const std::string& text, const std::string& where) {
    std::vector<Outcome> first = scored({5, 1, 3, 2, 1, 0}, 3),
                         second = scored({1, 5, 3, 2, 1, 4}, 3);
    for (auto* outcomes : {&first, &second})
      for (Outcome& outcome : *outcomes) {
        outcome.sample += text;
        outcome.category = text;
        outcome.defect = text;
        outcome.text = text;
        outcome.image = text;
        outcome.marks[0].decision = *outcome.marks[0].score > 2;
      }
    runs_ = {run("a" + where, first, {.id = std::string(16, 'a')}),
             run("b" + where, second, {.id = std::string(16, 'b')})};
    for (RunView& one : runs_) one.summary.label = text;
    runs_[1].manifest.model_args_used[text] = text;
    return compare(runs_, {.resamples = 0});
  }
  std::vector<RunView> runs_;
};

TEST_F(HostileCompare, TextAddsNoElementToThePage) {
  const auto codec = imaging::make_codec();
  const auto check = [&](const std::string& harmless, const std::string& hostile) {
    std::ofstream(folder() / "a.html", std::ios::binary) << harmless;
    std::ofstream(folder() / "b.html", std::ios::binary) << hostile;
    return std::system(("python3 " LOOKTWICE_SOURCE_DIR "/tests/reports/check_html.py '" +
                        (folder() / "a.html").string() + "' '" + (folder() / "b.html").string() +
                        "' > /dev/null")
                           .c_str());
  };
  const Comparison plain = of("harmless", "1");
  const std::string harmless = html_comparison(plain, runs_, *codec);
  for (const char* text : {"<script>pwn()</script>", "\" onmouseover=\"pwn()", "{{{pwn}}}",
                           "</figcaption></figure><h1>pwn</h1>", "]]><b>pwn</b>"}) {
    const Comparison comparison = of(text, "2");
    EXPECT_EQ(check(harmless, html_comparison(comparison, runs_, *codec)), 0) << text;
  }
}

TEST_F(HostileCompare, NoSinkHoldsACommandOfContinuousIntegration) {
  for (const std::string& text : hostile_texts()) {
    if (text.size() > 2000 || text.find('\0') != text.npos) continue;
    const Comparison comparison = of(text, "3");
    for (const Format format : {Format::terminal, Format::markdown, Format::csv, Format::json,
                                Format::latex, Format::html}) {
      const std::string out = render(comparison, format);
      EXPECT_EQ(out.find("##["), out.npos) << printable(text);
      EXPECT_EQ(out.find("##vso"), out.npos) << printable(text);
      std::istringstream lines(out);
      for (std::string line; std::getline(lines, line);) {
        const std::size_t start = std::min(line.find_first_not_of(" \t\r"), line.size());
        EXPECT_NE(line.substr(start, 2), "::") << printable(text);
      }
      for (const char c : out)
        ASSERT_TRUE(c == '\n' || c == '\r' || static_cast<unsigned char>(c) >= 0x20);
      EXPECT_EQ(out.find("\xEF\xBB\xBF"), out.npos);
    }
  }
}

// LOCO: the maxima of maps, and the answers' scores, each of two kinds against the normal images.
TEST_F(Compare, KindsOfAnomalyAreTestedOnTheSamples) {
  std::vector<Outcome> outcomes[2];
  std::vector<double> scores[2], maxima[2];
  std::vector<int> kind;
  for (int i = 0; i < 48; ++i) {
    kind.push_back(i % 4 == 0 ? 0 : i % 4 == 1 ? 1 : -1);
    for (const int run : {0, 1}) {
      const double lift = kind.back() < 0 ? 0 : 3 - run;
      scores[run].push_back(i * (5 + 2 * run) % 13 + lift);
      maxima[run].push_back(i * (7 + 4 * run) % 17 + lift);
      Outcome outcome{.sample = "s" + std::to_string(100 + i),
                      .category = "pushpins",
                      .anomalous = kind.back() >= 0,
                      .defect = kind.back() == 0   ? "structural_anomalies"
                                : kind.back() == 1 ? "logical_anomalies"
                                                   : "good",
                      .image = "x.png"};
      outcome.marks = {{.scorer = "official",
                        .score = scores[run].back(),
                        .values = {{"map_max", maxima[run].back()}}}};
      outcomes[run].push_back(outcome);
    }
  }
  const std::vector<std::string> names = {"auroc_of_kinds", "auroc_structural", "map_max_auroc",
                                          "map_max_auroc_logical"};
  const auto written = [&](const char* name, const std::vector<Outcome>& of) {
    return write_run(folder() / name, of, names, {.label = name, .id = std::string(16, name[0])});
  };
  const Comparison comparison =
      compare(std::vector{written("a", outcomes[0]), written("b", outcomes[1])}, {.resamples = 0});
  const auto same = [&](const std::string& metric, const metrics::PairedTest& expected, int n) {
    const Comparison::Row* row = row_of(comparison, metric, "pooled");
    ASSERT_TRUE(row) << metric;
    EXPECT_EQ(row->second, expected.a) << metric;
    EXPECT_EQ(row->first, expected.b) << metric;
    EXPECT_EQ(row->p_value, expected.p_value) << metric;
    EXPECT_EQ(row->test, "paired delong") << metric;
    ASSERT_TRUE(row->interval) << metric << row->reason;
    EXPECT_EQ(row->interval->low, expected.interval->low) << metric;
    EXPECT_EQ(row->compared, n) << metric;
  };
  same("auroc_of_kinds", *metrics::kinds_test(scores[1], scores[0], kind, 2, {}), 48);
  same("map_max_auroc", *metrics::kinds_test(maxima[1], maxima[0], kind, 2, {}), 48);
  const auto of_one = [&](const std::vector<double>(&of)[2], int which) {
    std::vector<double> own[2];
    std::vector<std::uint8_t> positive;
    for (std::size_t i = 0; i < kind.size(); ++i) {
      if (kind[i] >= 0 && kind[i] != which) continue;
      positive.push_back(kind[i] == which);
      for (const int run : {0, 1}) own[run].push_back(of[run][i]);
    }
    return *metrics::auroc_test(own[1], own[0], positive, {});
  };
  same("auroc_structural", of_one(scores, 0), 36);
  same("map_max_auroc_logical", of_one(maxima, 1), 36);
}

TEST_F(Compare, MaximaOfMapsThatWereNotKeptAreTold) {
  std::vector<Outcome> outcomes = scored({3, 2, 1, 0, 2, 1}, 3);
  const std::vector<std::string> names = {"map_max_auroc_logical"};
  for (Outcome& outcome : outcomes) outcome.defect = *outcome.anomalous ? "logical" : "good";
  std::vector<RunView> runs;
  for (const char* name : {"a", "b"}) {
    runs.push_back(write_run(folder() / name, outcomes, names,
                             {.label = name, .id = std::string(16, name[0])}));
    for (store::Row& row : runs.back().summary.rows) row.value = 0.75;
  }
  const Comparison comparison = compare(runs, {});
  const Comparison::Row* row = row_of(comparison, names[0], "pooled");
  ASSERT_TRUE(row);
  EXPECT_EQ(row->difference, 0.0);
  EXPECT_FALSE(row->p_value);
  EXPECT_NE(row->reason.find("`looktwice score` adds it"), std::string::npos) << row->reason;
}

}  // namespace
}  // namespace looktwice::reports
