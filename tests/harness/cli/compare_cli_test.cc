// compare, gate and plan from end to end: runs made by the program, compared by the program.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "harness/store/run_folder.h"
#include "harness/store/summary.h"
#include "tests/harness/cli/unit.h"

namespace looktwice {
namespace {

namespace fs = std::filesystem;
using namespace looktwice::testing;

// Two runs of the unit: recorded scores, and others that rank worse.
class TwoRuns : public Unit {
 public:
  TwoRuns() {
    EXPECT_EQ(finished(command("a")).code, 0);
    std::string scores = "image,score\n";
    for (int i = 0; i < 40; ++i) {
      const bool broken = i % 2 == 1;
      scores += std::string("bottle/test/") + (broken ? "broken" : "good") + "/" +
                std::to_string(100 + i) + ".png," + std::to_string(i * 5 % 13 + (broken ? 2 : 0)) +
                "\n";
    }
    store::write_whole(root() / "answers/other.csv", scores);
    Command other = command("b", {"--label", "other"});
    for (std::string& word : other.arguments)
      if (const auto at = word.find("scores.csv"); at != std::string::npos)
        word.replace(at, 10, "other.csv");
    EXPECT_EQ(finished(other).code, 0);
    EXPECT_EQ(finished(command("part", {"--limit", "10"})).code, 0);
  }
};

const Unit& unit() {
  static const TwoRuns one;
  return one;
}

std::string folder(const char* name) {
  return unit().run(name).string();
}

std::string rules(const std::string& text) {
  const fs::path file = unit().root() / "rules.yaml";
  store::write_whole(file, text);
  return file.string();
}

TEST(CompareCommand, PrintsEveryFormatAndWritesTheFiles) {
  const fs::path out = unit().root() / "out";
  const Finished done =
      finished(looktwice({"compare", folder("a"), folder("b"), "--output_path", out.string()}));
  ASSERT_EQ(done.code, 0) << done.err;
  for (const char* part : {"AUROC", "Paired DeLong", "Flips: zsad.folder", "What differs",
                           "model_args.path", "left out of both values"})
    EXPECT_NE(done.out.find(part), std::string::npos) << part << "\n" << done.out;
  for (const char* name :
       {"compare.md", "compare.csv", "compare.json", "compare.tex", "compare.html"})
    EXPECT_GT(fs::file_size(out / name), 500u) << name;
  EXPECT_NE(store::read_text(out / "compare.html").find("<img src=\"data:image/png"),
            std::string::npos);
  const auto json = nlohmann::json::parse(store::read_text(out / "compare.json"));
  EXPECT_EQ(json["samples"][0]["compared"], 40);
  // The values are those of the runs' own summaries.
  for (const auto& test : json["tests"]) {
    if (test["metric"] != "auroc") continue;
    const auto summary = nlohmann::json::parse(store::read_text(unit().run("b") / "summary.json"));
    for (const auto& row : summary["rows"])
      if (row["metric"] == "auroc" && row["group"] == "pooled" && row["scorer"] == "official") {
        EXPECT_EQ(row["value"], test["second_value"]);
      }
  }
}

TEST(CompareCommand, GivesTheSameBytesForAnyNumberOfThreads) {
  const auto text = [](const char* threads) {
    return finished(
               looktwice({"compare", folder("a"), folder("b"), "--json", "--threads", threads}))
        .out;
  };
  EXPECT_EQ(text("1"), text("3"));
}

TEST(CompareCommand, RefusesWhatDoesNotCompare) {
  struct Case {
    std::vector<std::string> words;
    int code;
    const char* message;
  };
  for (const Case& c : std::vector<Case>{
           {{"compare", folder("a")}, 2, "at least two"},
           {{"compare", folder("a"), folder("part")}, 2, "30 samples only in the first"},
           {{"compare", folder("a"), "/nowhere"}, 4, "no run.json"},
           {{"compare", folder("a"), folder("b"), "--metrics", "aurok"}, 2, "did you mean 'auroc'"},
           {{"compare", folder("a"), folder("b"), "--level", "95"}, 2, "--level"},
           {{"compare", folder("a"), folder("b"), "--scorer", "x"}, 2, "official or corrected"},
           {{"plan"}, 2, "--mde"},
           {{"plan", "--mde", "0"}, 2, "--mde"},
           {{"plan", "--mde", "x"}, 2, "--mde"},
           {{"plan", folder("a"), folder("b"), folder("b")}, 2, "at most two"},
           {{"gate", folder("a")}, 2, "--rules"}}) {
    const Finished done = finished(looktwice(c.words));
    EXPECT_EQ(done.code, c.code) << done.err;
    EXPECT_NE(done.err.find(c.message), std::string::npos) << done.err;
  }
  const Finished shared =
      finished(looktwice({"compare", folder("a"), folder("part"), "--intersect"}));
  EXPECT_EQ(shared.code, 0) << shared.err;
  EXPECT_NE(shared.out.find("PARTIAL"), std::string::npos);
}

// auroc_mvtec and the like: chosen by name, with interval, test and gate as any other.
TEST(CompareCommand, VariantsOfPublishedCodeAreMetricsLikeOthers) {
  const std::vector<std::string> names = {"auroc_mvtec", "auroc_adaclip",
                                          "average_precision_trapezoid"};
  std::map<std::string, double> values[2];
  for (const int run : {0, 1}) {
    const std::string name = run == 0 ? "a" : "b";
    fs::copy(unit().run(name), unit().run(name + "_variants"), fs::copy_options::recursive);
    const Finished done =
        finished(looktwice({"score", folder((name + "_variants").c_str()), "--quiet", "--resamples",
                            "100", "--metrics", "auroc_mvtec,auroc_adaclip,*_trapezoid"}));
    ASSERT_EQ(done.code, 0) << done.err;
    for (const store::Row& row :
         store::read_summary(unit().run(name + "_variants") / "summary.json").rows)
      if (row.scorer == "official" && row.group == "pooled" && row.value) {
        values[run][row.metric] = *row.value;
        EXPECT_TRUE(row.interval || !std::ranges::count(names, row.metric)) << row.metric;
      }
  }
  const Finished done =
      finished(looktwice({"compare", folder("a_variants"), folder("b_variants"), "--json",
                          "--metrics", "auroc,auroc_mvtec,auroc_adaclip,*_trapezoid"}));
  ASSERT_EQ(done.code, 0) << done.err;
  const auto json = nlohmann::json::parse(done.out);
  std::map<std::string, nlohmann::json> tests;
  for (const auto& test : json["tests"])
    if (test["group"] == "pooled" && test["scorer"] == "official") tests[test["metric"]] = test;
  for (const std::string& name : names) {
    ASSERT_TRUE(tests.contains(name)) << name;
    EXPECT_EQ(tests[name]["first_value"], values[0].at(name)) << name;
    EXPECT_EQ(tests[name]["second_value"], values[1].at(name)) << name;
    EXPECT_FALSE(tests[name]["p_value"].is_null()) << name << tests[name];
    EXPECT_FALSE(tests[name]["interval"].is_null()) << name;
  }
  // Both classes are there: AdaCLIP's is AUROC, test and all. MVTec's differs, for scores tie.
  EXPECT_EQ(tests["auroc_adaclip"]["p_value"], tests["auroc"]["p_value"]);
  EXPECT_EQ(values[0].at("auroc_adaclip"), values[0].at("auroc"));
  EXPECT_NE(values[0].at("auroc_mvtec"), values[0].at("auroc"));
  const std::string rule = rules("rules:\n- {metric: auroc_mvtec, margin: 99}\n");
  EXPECT_EQ(finished(looktwice({"gate", folder("b_variants"), "--baseline", folder("a_variants"),
                                "--rules", rule}))
                .code,
            0);
}

TEST(GateCommand, ExitCodesTellWhatHappened) {
  const std::string pass = "rules:\n- {metric: auroc, floor: 1}\n- {coverage: 100}\n";
  const std::string fail = "rules:\n- {metric: auroc, floor: 99.9}\n";
  EXPECT_EQ(finished(looktwice({"gate", folder("a"), "--rules", rules(pass)})).code, 0);
  EXPECT_EQ(finished(looktwice({"gate", folder("a"), "--rules", rules(fail)})).code, 1);
  EXPECT_EQ(finished(looktwice({"gate", folder("part"), "--rules", rules(pass)})).code, 3);
  EXPECT_EQ(
      finished(looktwice({"gate", folder("part"), "--rules", rules(pass), "--allow_partial"})).code,
      0);
  const std::string margin = "level: 0.9\nrules:\n- {metric: auroc, margin: 1}\n";
  EXPECT_EQ(finished(looktwice({"gate", folder("a"), "--rules", rules(margin)})).code, 2);
  EXPECT_EQ(finished(looktwice({"gate", folder("a"), "--rules", rules(margin), "--baseline",
                                folder("a")}))
                .code,
            0);
  EXPECT_EQ(finished(looktwice({"gate", folder("b"), "--rules", rules(margin), "--baseline",
                                folder("a")}))
                .code,
            1);
}

TEST(GateCommand, WritesJunitAndAppendsTheSummary) {
  const fs::path junit = unit().root() / "junit.xml", summary = unit().root() / "summary.md";
  store::write_whole(summary, "before\n");
  Command command =
      looktwice({"gate", folder("a"), "--rules", rules("rules:\n- {metric: auroc, floor: 99.9}\n"),
                 "--junit", junit.string(), "--github", "--json"});
  command.environment["GITHUB_STEP_SUMMARY"] = summary.string();
  const Finished done = finished(command);
  EXPECT_EQ(done.code, 1) << done.err;
  EXPECT_EQ(nlohmann::json::parse(done.out)["result"], "FAILED");
  const std::string text = store::read_text(summary);
  EXPECT_TRUE(text.starts_with("before\n# Gate FAILED")) << text;
  EXPECT_NE(store::read_text(junit).find("<failure type=\"floor\""), std::string::npos);
  command.environment["GITHUB_STEP_SUMMARY"] = "";
  EXPECT_EQ(finished(command).code, 2);
}

TEST(GateCommand, RulesFilesAreRefusedWithTheirPlace) {
  for (const auto& [text, message] : std::vector<std::pair<std::string, std::string>>{
           {"", "holds no rules"},
           {"rules: []\n", "holds no rules"},
           {"rules:\n- {metrik: auroc, floor: 1}\n",
            "line 2, column 4: no key 'metrik'; did you mean 'metric'?"},
           {"rulez:\n- {}\n", "did you mean 'rules'"},
           {"rules:\n- {metric: auroc}\n", "line 2, column 3: a rule needs one of"},
           {"rules:\n- {floor: 1}\n", "a rule needs 'metric'"},
           {"rules:\n- {metric: auroc, floor: high}\n", "expected a number"},
           {"rules:\n- {metric: auroc, floor: .inf}\n", "expected a number"},
           {"rules:\n- {metric: auroc, floor: 1, floor: 2}\n", "'floor' is given twice"},
           {"rules:\n- {metric: auroc, floor: 1}\nrules: []\n", "'rules' is given twice"},
           {"rules:\n- {metric: auroc, margin: -1}\n", "expected a number from 0"},
           {"rules:\n- {coverage: 101}\n", "0 to 100"},
           {"rules:\n- {metric: auroc, floor: 1, undefined: maybe}\n", "fail or skip"},
           {"rules:\n- {metric: auroc, coverage: 1}\n", "leave 'metric' out"},
           {"rules: &x\n- *x\n", "line 1"},
           {"rules:\n- {metric: !!str auroc, floor: 1}\n", "tags are not allowed"},
           {"rules:\n- [a]\n", "line 2"},
           {"level: 1\nrules:\n- {coverage: 1}\n", "level"},
           {"rules:\n- {coverage: 1}\n---\nrules: []\n", "several documents"},
           {"rules:\n- {metric: aurok, floor: 1}\n", "line 2: no metric 'aurok'"}}) {
    const Finished done = finished(looktwice({"gate", folder("a"), "--rules", rules(text)}));
    EXPECT_EQ(done.code, 2) << text << done.err;
    EXPECT_NE(done.err.find(message), std::string::npos) << text << done.err;
  }
}

// What continuous integration would run: "##[" anywhere in a line, "::" at its beginning.
void expect_no_command(const Finished& done, const std::string& what) {
  for (const std::string& text : {done.out, done.err}) {
    EXPECT_EQ(text.find("##["), std::string::npos) << what << "\n" << text;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      line.erase(0, std::min(line.find_first_not_of(" \t\r\v\f"), line.size()));
      EXPECT_FALSE(line.starts_with("::")) << what << "\n" << text;
    }
  }
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

TEST(Commands, NoNameCanIssueAWorkflowCommand) {
  const std::string rule = rules("rules:\n- {metric: auroc, floor: 1}\n");
  int messages = 0;
  for (const std::string& hostile :
       {std::string("##[error]x"), std::string("a\n::error::x"), std::string(" ::warning::x")}) {
    const auto check = [&](const std::vector<std::string>& words) {
      Command command = looktwice(words);
      command.folder = unit().root();  // names stand alone, not behind a path
      const Finished done = finished(command);
      expect_no_command(done, hostile + " as " + words[0]);
      messages += !done.err.empty();
      return done;
    };
    EXPECT_EQ(check({"gate", hostile, "--rules", rule}).code, 4);
    EXPECT_EQ(check({"gate", folder("a"), "--rules", hostile}).code, 2);
    EXPECT_EQ(check({"compare", hostile, folder("a")}).code, 4);
    EXPECT_EQ(check({"report", hostile}).code, 4);
    EXPECT_EQ(check({"plan", "--scores", hostile}).code, 2);
    check({hostile});
    check({"run", "--model", hostile, "--tasks", hostile});
    check({"audit", "published", hostile});

    // A run folder of that name, whose class, metric, label or state say the like.
    const fs::path place = unit().root() / hostile;
    const std::string in_json = nlohmann::json(hostile).dump();
    const std::string inner = in_json.substr(1, in_json.size() - 2);
    for (const char* name : {"bottle", "auroc"}) {
      fs::remove_all(place);
      fs::copy(unit().run("a"), place, fs::copy_options::recursive);
      for (const char* file : {"run.json", "summary.json", "outcomes.jsonl", "predictions.jsonl"})
        store::write_whole(place / file, replaced(store::read_text(place / file), name, inner));
      check({"compare", hostile, folder("a"), "--resamples", "2"});
      check({"gate", hostile, "--rules", rule, "--baseline", folder("a"), "--resamples", "2"});
      check({"report", hostile});
      check({"leaderboard", hostile});
    }
    fs::remove_all(place);
    // A rule's own words.
    std::string quoted = replaced(hostile, "\n", "\\n");
    check({"gate", folder("a"), "--rules",
           rules("rules:\n- {metric: \"" + quoted + "\", floor: 1}\n")});
    check({"gate", folder("a"), "--rules", rules("\"" + quoted + "\": 1\n")});
    rules("rules:\n- {metric: auroc, floor: 1}\n");
  }
  EXPECT_GT(messages, 30);  // there was something to look at
}

TEST(PlanCommand, TellsHowManyAndHowSmall) {
  const auto rows = [](std::vector<std::string> words) {
    words.insert(words.begin(), "plan");
    words.push_back("--json");
    const Finished done = finished(looktwice(words));
    EXPECT_EQ(done.code, 0) << done.err;
    return nlohmann::json::parse(done.out)["rows"];
  };
  // Connor 1987 as metrics/stats/power.h has it: 3,923 samples.
  EXPECT_EQ(rows({"--mde", "1.0", "--disagree", "5"})[1]["needed"], 3923);
  // What that many samples show is that difference.
  EXPECT_NEAR(rows({"--samples", "3923", "--disagree", "5"})[1]["detectable"].get<double>(), 1.0,
              1e-3);
  const auto of_run = rows({folder("a"), "--mde", "10"});
  EXPECT_EQ(of_run[0]["samples"], 40);
  EXPECT_GT(of_run[0]["detectable"].get<double>(), 1);
  const auto of_both = rows({folder("a"), folder("b"), "--mde", "10"});
  EXPECT_NE(of_both[1]["assumed"], of_run[1]["assumed"]);
  EXPECT_EQ(rows({"--mde", "20", "--disagree", "5"})[1]["needed"], nullptr);
  // A value per sample: ((z(0.975) + z(0.8)) * 12 / 1)^2 = 1130.3.
  const auto of_values = rows({"--mde", "1", "--deviation", "12", "--samples", "1131"});
  ASSERT_EQ(of_values.size(), 3u);
  EXPECT_EQ(of_values[2]["needed"], 1131);
  EXPECT_NEAR(of_values[2]["detectable"].get<double>(), 1.0, 1e-3);
  EXPECT_EQ(finished(looktwice({"plan", "--mde", "1", "--deviation", "0"})).code, 2);
  // Precision and F1 from the decisions of two runs, not from one. Both find the same anomalous
  // samples, so that their recalls tell nothing of a difference.
  std::map<std::string, nlohmann::json> both;
  for (const auto& row : of_both) both[row["metric"]] = row;
  EXPECT_FALSE(both.contains("recall"));
  for (const char* metric : {"precision", "f1"}) {
    ASSERT_TRUE(both.contains(metric)) << metric;
    EXPECT_EQ(both[metric]["samples"], 40) << metric;
    EXPECT_GT(both[metric]["detectable"].get<double>(), 1) << metric;
    EXPECT_GT(both[metric]["needed"].get<int>(), 2) << metric;
    for (const auto& row : of_run) EXPECT_NE(row["metric"], metric);
  }
}

}  // namespace
}  // namespace looktwice
