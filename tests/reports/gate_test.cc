#include "reports/gate.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <sstream>

#include "harness/core/error.h"
#include "harness/core/text.h"
#include "tests/reports/payloads.h"
#include "tests/reports/run_folders.h"
#include "tests/reports/temporary_folder.h"

namespace looktwice::reports {
namespace {

class GateTest : public TemporaryFolder {
 protected:
  // 40 samples of two classes; the run ranks like the baseline but for some noise.
  static std::vector<Outcome> outcomes(double noise) {
    std::vector<Outcome> all;
    for (int i = 0; i < 40; ++i) {
      const bool anomalous = i % 2 == 0;
      Outcome outcome{.sample = "s" + std::to_string(100 + i),
                      .category = i < 20 ? "bolt" : "nut",
                      .anomalous = anomalous,
                      .image = "x.png"};
      const double wobble = (i * 7 % 11) / 11.0, more = (i * 5 % 13) / 13.0;
      const double score = (anomalous ? 0.4 : 0) + wobble + noise * more;
      outcome.marks = {{.scorer = "official", .score = score}};
      all.push_back(outcome);
    }
    return all;
  }
  RunView run(const std::string& name, double noise, const std::vector<Outcome>* given = nullptr) {
    RunView view = write_run(folder() / name, given ? *given : outcomes(noise), {"auroc", "f1_max"},
                             {.label = name, .id = std::string(16, name.back())});
    for (store::Row& row : view.summary.rows) {
      if (row.metric != "auroc") continue;
      row.value = row.group == "bolt" ? 0.81 : 0.75;
      row.reason.clear();
      row.used = 20;
      row.interval = store::Interval{0.6, 0.9, 0.95, "delong"};
    }
    return view;
  }
  static GateRules rules(std::vector<GateRule> list) {
    for (std::size_t i = 0; i < list.size(); ++i) list[i].line = static_cast<std::int64_t>(i) + 3;
    return {.file = "rules.yaml", .rules = std::move(list)};
  }
  std::string refusal(const RunView& view, const GateRule& rule,
                      const RunView* baseline = nullptr) {
    try {
      gate(view, baseline, rules({rule}));
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Kind::usage);
      return error.what();
    }
    ADD_FAILURE() << "not refused";
    return {};
  }
  static int shell(const std::string& command) { return std::system(command.c_str()); }
};

TEST_F(GateTest, FloorsHoldAtTheLimitAndFailBelowIt) {
  const RunView view = run("a", 0);
  const Gate result = gate(view, nullptr,
                           rules({{.metric = "auroc", .floor = 75},
                                  {.metric = "auroc", .floor = 75.01},
                                  {.metric = "auroc", .ceiling = 75},
                                  {.metric = "auroc", .floor = 60, .of_interval = true},
                                  {.metric = "auroc", .floor = 60.1, .of_interval = true},
                                  {.group = "bolt", .metric = "auroc", .floor = 81}}));
  ASSERT_EQ(result.checks.size(), 6u);
  const Verdict expected[] = {Verdict::passed, Verdict::failed, Verdict::passed,
                              Verdict::passed, Verdict::failed, Verdict::passed};
  for (std::size_t i = 0; i < 6; ++i)
    EXPECT_EQ(result.checks[i].verdict, expected[i]) << i << ": " << result.checks[i].message;
  EXPECT_EQ(result.checks[0].group, "macro");
  EXPECT_EQ(result.checks[1].message, "75.00 is below 75.01");
  EXPECT_FALSE(result.incomplete);
}

TEST_F(GateTest, GlobsTakeEveryClass) {
  const Gate result = gate(run("a", 0), nullptr,
                           rules({{.task = "zsad.*", .group = "*", .metric = "au*", .floor = 70}}));
  EXPECT_EQ(result.checks.size(), 4u);  // bolt, nut, macro, pooled
  EXPECT_EQ(gate(run("a", 0), nullptr, rules({{.group = "b*", .metric = "auroc", .floor = 70}}))
                .checks.size(),
            1u);
}

TEST_F(GateTest, ARuleThatMatchesNothingIsAnErrorWithWhatIsNear) {
  const RunView view = run("a", 0);
  EXPECT_EQ(refusal(view, {.metric = "aurok", .floor = 1}).substr(0, 27),
            "rules.yaml: line 3: no metr");
  EXPECT_NE(refusal(view, {.metric = "aurok", .floor = 1}).find("did you mean 'auroc'"),
            std::string::npos);
  EXPECT_NE(refusal(view, {.task = "zsad.exampel", .metric = "auroc", .floor = 1})
                .find("no task 'zsad.exampel'"),
            std::string::npos);
  EXPECT_NE(
      refusal(view, {.group = "boltt", .metric = "auroc", .floor = 1}).find("did you mean 'bolt'"),
      std::string::npos);
  EXPECT_NE(refusal(view, {.group = "boltt", .coverage = 1}).find("did you mean 'bolt'"),
            std::string::npos);
  EXPECT_NE(refusal(view, {.metric = "auroc", .margin = 1}).find("--baseline"), std::string::npos);
}

TEST_F(GateTest, MarginsAreHeldByTheBadEndOfThePairedInterval) {
  const RunView base = run("a", 0), same = run("b", 0), worse = run("c", 3);
  const GateRule tight{.group = "pooled", .metric = "auroc", .margin = 0.5};
  EXPECT_EQ(gate(same, &base, rules({tight})).checks[0].verdict, Verdict::passed);
  const GateCheck check = gate(worse, &base, rules({tight})).checks[0];
  EXPECT_EQ(check.verdict, Verdict::failed);
  const std::vector<RunView> both = {base, worse};
  for (const Comparison::Row& row : compare(both, {.metrics = {"auroc"}}).rows)
    if (row.group == "pooled") {
      EXPECT_NEAR(*check.low, 100 * row.interval->low, 1e-12);
      EXPECT_NEAR(*check.value - *check.baseline, 100 * *row.difference, 1e-12);
    }
  const GateRule wide{.group = "pooled", .metric = "auroc", .margin = 100};
  EXPECT_EQ(gate(worse, &base, rules({wide})).checks[0].verdict, Verdict::passed);
}

TEST_F(GateTest, CoverageIsTheShareOfSamplesWithAScore) {
  std::vector<Outcome> some = outcomes(0);
  some[0].status = Status::failed;
  some[1].status = Status::refused;
  some[25].marks[0].unscored_because = "no letter A-E";
  const RunView view = run("a", 0, &some);
  const Gate result = gate(view, nullptr,
                           rules({{.coverage = 92.5},
                                  {.coverage = 92.6},
                                  {.group = "nut", .coverage = 95},
                                  {.group = "bolt", .coverage = 95}}));
  ASSERT_EQ(result.checks.size(), 4u);
  EXPECT_EQ(result.checks[0].verdict, Verdict::passed) << result.checks[0].message;
  EXPECT_EQ(result.checks[1].verdict, Verdict::failed);
  EXPECT_EQ(result.checks[2].verdict, Verdict::passed);
  EXPECT_EQ(result.checks[3].verdict, Verdict::failed);
  EXPECT_EQ(result.checks[3].message, "18 of 20 samples have a score, 90.00 %: below 95 %");
}

TEST_F(GateTest, AnUndefinedValueFailsUnlessSkipped) {
  RunView view = run("a", 0);
  for (store::Row& row : view.summary.rows) {
    row.value.reset();
    row.reason = "only normal samples: nothing to rank";
  }
  const Gate result = gate(view, nullptr,
                           rules({{.metric = "auroc", .floor = 1},
                                  {.metric = "auroc", .floor = 1, .skip_undefined = true}}));
  EXPECT_EQ(result.checks[0].verdict, Verdict::failed);
  EXPECT_EQ(result.checks[0].message, "no value: only normal samples: nothing to rank");
  EXPECT_EQ(result.checks[1].verdict, Verdict::skipped);
}

TEST_F(GateTest, IncompleteAndPartialRunsDoNotPass) {
  RunView view = run("a", 0);
  view.summary.tasks[0].partial = true;
  view.summary.tasks[0].limited = "40 of 500 samples";
  const GateRules floor = rules({{.metric = "auroc", .floor = 1}});
  EXPECT_TRUE(gate(view, nullptr, floor).incomplete);
  EXPECT_FALSE(gate(view, nullptr, floor, {.allow_partial = true}).incomplete);
  view.summary.tasks[0].counts.missing = 2;
  EXPECT_TRUE(gate(view, nullptr, floor, {.allow_partial = true}).incomplete);
  EXPECT_NE(render(gate(view, nullptr, floor), Format::terminal).find("INCOMPLETE"),
            std::string::npos);
}

// What xmllint says of a file against the schema that Jenkins uses; skips where there is none.
TEST_F(GateTest, JunitIsValidAgainstThePublishedSchema) {
  if (shell("xmllint --version > /dev/null 2>&1") != 0)
    GTEST_SKIP() << "no xmllint (Debian package libxml2-utils)";
  RunView view = run("a", 0), base = run("b", 0);
  std::vector<std::string> texts = hostile_texts();
  texts.push_back("plain");
  texts.push_back("\xEF\xBF\xBE and \xEF\xBF\xBF");
  std::string command = "xmllint --noout --schema '" LOOKTWICE_TEST_DATA "/junit/junit-10.xsd'";
  int files = 0;
  for (const std::string& text : texts) {
    if (text.find('\0') != text.npos) continue;
    view.summary.label = text;
    view.folder = text;
    Gate result{.run = text, .folder = text, .finished = "2026-01-02T03:05:06Z", .baseline = text};
    result.states = {text};
    result.incomplete = files % 2 == 0;
    for (const Verdict verdict : {Verdict::passed, Verdict::failed, Verdict::skipped})
      result.checks.push_back({.kind = "floor",
                               .task = text,
                               .group = text,
                               .metric = text,
                               .verdict = verdict,
                               .message = text});
    const std::string xml = junit(result);
    EXPECT_EQ(xml.find("##["), xml.npos);
    EXPECT_EQ(xml.find("]]>"), xml.npos);
    const std::filesystem::path file = folder() / (std::to_string(files++) + ".xml");
    std::ofstream(file, std::ios::binary) << xml;
    command += " '" + file.string() + "'";
  }
  EXPECT_GT(files, 200);
  EXPECT_EQ(shell(command + " > '" + (folder() / "log").string() + "' 2>&1"), 0)
      << std::ifstream(folder() / "log").rdbuf();
}

TEST_F(GateTest, NoOutputHoldsACommandOfContinuousIntegration) {
  for (const std::string& text : hostile_texts()) {
    if (text.find('\0') != text.npos) continue;
    Gate result{.run = text, .folder = text, .baseline = text};
    result.states = {text};
    result.checks.push_back(
        {.kind = "floor", .task = text, .group = text, .metric = text, .message = text});
    std::vector<std::string> outputs = {junit(result)};
    for (const Format format : {Format::terminal, Format::markdown, Format::csv, Format::json,
                                Format::latex, Format::html})
      outputs.push_back(render(result, format));
    for (const std::string& out : outputs) {
      EXPECT_EQ(out.find("##["), out.npos) << printable(text);
      EXPECT_EQ(out.find("##vso"), out.npos) << printable(text);
      EXPECT_EQ(out.find("\xEF\xBB\xBF"), out.npos) << printable(text);
      std::istringstream lines(out);
      for (std::string line; std::getline(lines, line);) {
        EXPECT_EQ(line.find('\x1b'), line.npos);
        const std::size_t start = std::min(line.find_first_not_of(" \t\r"), line.size());
        EXPECT_NE(line.substr(start, 2), "::") << printable(text);
      }
    }
  }
}

TEST_F(GateTest, JsonHoldsEveryCheck) {
  const auto json = nlohmann::json::parse(render(
      gate(run("a", 0), nullptr, rules({{.metric = "auroc", .floor = 80}, {.coverage = 99}})),
      Format::json));
  EXPECT_EQ(json["kind"], "gate");
  EXPECT_EQ(json["result"], "FAILED");
  EXPECT_EQ(json["failed"], 1);
  ASSERT_EQ(json["checks"].size(), 2u);
  EXPECT_EQ(json["checks"][0]["value"], 75.0);
  EXPECT_EQ(json["checks"][1]["kind"], "coverage");
}

}  // namespace
}  // namespace looktwice::reports
