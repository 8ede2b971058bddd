// Exit codes, messages and the manners of the command line.
#include <gtest/gtest.h>

#include "harness/store/manifest.h"
#include "harness/store/run_folder.h"
#include "harness/store/summary.h"
#include "tests/harness/cli/unit.h"

namespace looktwice {
namespace {

namespace fs = std::filesystem;
using namespace looktwice::testing;

const Unit& unit() {
  static const Unit one;
  return one;
}

struct Case {
  std::vector<std::string> words;
  int code;
  std::string message;
};

TEST(Cli, MistakesAreNamedWithTheExitCodeOfTheirKind) {
  const std::string data = (unit().root() / "data").string();
  const std::string out = unit().run("mistakes").string();
  const auto run = [&](std::vector<std::string> more) {
    std::vector<std::string> words{"run",     "--model",       "null",
                                   "--tasks", "zsad.folder",   "--data_root",
                                   data,      "--output_path", out};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  };
  const std::vector<Case> cases = {
      {{}, 2, "--help"},
      {{"rum"}, 2, "did you mean 'run'"},
      {{"run"}, 2, "--model"},
      {run({"--taks", "x"}), 2, "did you mean '--tasks'"},
      {run({"--model", "nul"}), 2, "did you mean 'null'"},
      {run({"--tasks", "zsad.foldr"}), 2, "did you mean 'zsad.folder'"},
      {run({"--tasks", "zsad.elpv:al"}), 2, "did you mean 'all'"},
      {run({"--tasks", ","}), 2, "at least one task"},
      {run({"--model_args", "nothing=1"}), 2, "no option 'nothing'"},
      {run({"--model", "echo", "--model_args", "reply"}), 2, "name=value"},
      {run({"--batch_size", "0"}), 2, "--batch_size=0"},
      {run({"--batch_size", "many"}), 2, "auto or a whole number"},
      {run({"--limit", "-1"}), 2, "--limit"},
      {run({"--limit", "x"}), 2, "limit"},
      {run({"--fail_on_error", "50x"}), 2, "a count (5) or a share (1%)"},
      {run({"--map_dtype", "bf16"}), 2, "float32 or float16"},
      {run({"--maps", "none"}), 2, "auto or all"},
      {run({"--fpr_limit", "0"}), 2, "--fpr_limit"},
      {run({"--metrics", "aupro_mvtek"}), 2, "did you mean 'aupro_mvtec'"},
      {run({"--pixel_threshold", "inf"}), 2, "--pixel_threshold"},
      {run({"--memory", "2 bananas"}), 2, "a number with KB, MB or GB"},
      {run({"--threads", "-3"}), 2, "--threads"},
      {run({"--config", "/nowhere.yaml"}), 2, "/nowhere.yaml"},
      {run({"--data_root", "/nowhere"}), 4, "/nowhere"},
      {{"score", "/nowhere"}, 4, "no run.json"},
      {{"report", "/nowhere"}, 4, "no run.json"},
      {{"leaderboard", "/nowhere"}, 4, "no run.json"},
      {{"list", "modles"}, 2, "did you mean 'models'"},
      {{"data", "verify", "elpw"}, 2, "did you mean 'elpv'"},
  };
  for (const Case& c : cases) {
    const Finished done = finished(looktwice(c.words));
    std::string line;
    for (const std::string& word : c.words) line += " " + word;
    EXPECT_EQ(done.code, c.code) << line << "\n" << done.err;
    EXPECT_NE(done.err.find(c.message), std::string::npos) << line << "\n" << done.err;
    EXPECT_TRUE(done.out.empty()) << line << "\n" << done.out;
  }
  EXPECT_FALSE(fs::exists(out)) << "a refused command left something behind";
}

TEST(Cli, HelpAndVersionAreExit0) {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"--help"}, {"--version"}, {"run", "--help"}, {"data", "--help"}}) {
    const Finished done = finished(looktwice(words));
    EXPECT_EQ(done.code, 0) << done.err;
    EXPECT_FALSE(done.out.empty());
  }
}

TEST(Cli, HyphensAndUnderscoresAreTheSame) {
  Command command = unit().command("hyphens");
  for (std::string& word : command.arguments)
    if (word == "--output_path") word = "--output-path";
  EXPECT_EQ(finished(command).code, 0);
}

TEST(Cli, AConfigurationFileHoldsAnyOption) {
  const Command plain = unit().command("plain");
  ASSERT_EQ(finished(plain).code, 0);
  std::string yaml = "# a run\nmodel: predictions\nmodel_args:\n  path: " +
                     (unit().root() / "answers/scores.csv").string() +
                     "\n  maps: " + (unit().root() / "answers/maps").string() +
                     "\ntasks: [zsad.folder]\ndata-root: " + (unit().root() / "data").string() +
                     "\nquiet: true\nresamples: 7\nthreads: 1\n";
  const fs::path file = unit().root() / "run.yaml";
  store::write_whole(file, yaml);
  // What stands on the command line wins over the file.
  const Finished done = finished(looktwice({"run", "--config", file.string(), "--output_path",
                                            unit().run("yaml").string(), "--resamples", "20"}));
  ASSERT_EQ(done.code, 0) << done.err;
  EXPECT_TRUE(unit().results("yaml") == unit().results("plain"));
}

TEST(Cli, ConfigurationFilesAreRefusedWithTheirPlace) {
  const fs::path file = unit().root() / "bad.yaml";
  for (const auto& [text, message] : std::vector<std::pair<std::string, std::string>>{
           {"model: &a null\ntasks: *a\n", "line 1"},
           {"model: null\nmodel: echo\n", "line 2"},
           {"model: !!python/object x\n", "tags are not allowed"},
           {"model:\n\t- x\n", "line 2"},
           {"a: {b: {c: d}}\n", "nested too deep"},
           {"- a\n- b\n", "line 1"},
           {"modell: null\n", "did you mean '--model'"},
           {"x: [\n", "line"},
           {"model: null\n---\nmodel: echo\n", "several documents"}}) {
    store::write_whole(file, text);
    const Finished done = finished(looktwice({"run", "--config", file.string()}));
    EXPECT_EQ(done.code, 2) << text << done.err;
    EXPECT_NE(done.err.find(message), std::string::npos) << text << done.err;
  }
}

TEST(Cli, MoreMetricsThanTheTaskReports) {
  const auto rows = [](const std::vector<std::string>& more) {
    std::map<std::string, store::Row> pooled;
    EXPECT_EQ(finished(unit().command("metrics", more)).code, 0);
    for (const store::Row& row : store::read_summary(unit().run("metrics") / "summary.json").rows)
      if (row.group == "pooled" && row.scorer == "corrected") pooled[row.metric] = row;
    return pooled;
  };
  const auto before = rows({});
  EXPECT_TRUE(before.contains("aupro") && !before.contains("aupro_mvtec"));
  const auto after = rows({"--metrics", "aupro_*,pixel_f1,pixel_*_at", "--pixel_threshold", "6.5"});
  EXPECT_EQ(after.size(), before.size() + 8);
  EXPECT_EQ(after.at("aupro_anomalib").value, before.at("aupro").value);
  EXPECT_EQ(after.at("pixel_auroc").value, before.at("pixel_auroc").value);
  EXPECT_EQ(after.at("pixel_f1_at").threshold, 6.5);
  EXPECT_EQ(after.at("pixel_f1").threshold, 0.5);
  EXPECT_TRUE(after.at("aupro_mvtec").value && after.at("aupro_anomalyclip").value);
}

TEST(Cli, ValuesAtOneHalfStayBesideThoseAtAThreshold) {
  const auto rows = [](const std::vector<std::string>& more) {
    std::map<std::string, store::Row> pooled;
    EXPECT_EQ(finished(unit().command("thresholds", more)).code, 0);
    for (const store::Row& row :
         store::read_summary(unit().run("thresholds") / "summary.json").rows)
      if (row.group == "pooled" && row.scorer == "corrected") pooled[row.metric] = row;
    return pooled;
  };
  const auto half = rows({}), seven = rows({"--threshold", "7"});
  EXPECT_FALSE(half.contains("accuracy_at_half"));  // accuracy_at is just that
  EXPECT_EQ(seven.size(), half.size() + 4);
  for (const std::string name : {"accuracy_at", "precision_at", "recall_at", "f1_at"}) {
    EXPECT_EQ(half.at(name).threshold, 0.5) << name;
    EXPECT_EQ(seven.at(name).threshold, 7) << name;
    EXPECT_EQ(seven.at(name + "_half").threshold, 0.5) << name;
    EXPECT_EQ(seven.at(name + "_half").value, half.at(name).value) << name;
    EXPECT_NE(seven.at(name).value, half.at(name).value) << name;
  }
}

TEST(Cli, ALimitMarksTheRunPartialAndKeepsItOffLeaderboards) {
  const Finished done = finished(unit().command("limited", {"--limit", "10"}));
  ASSERT_EQ(done.code, 0) << done.err;
  EXPECT_NE(done.out.find("PARTIAL"), std::string::npos) << done.out;
  const store::Summary summary = store::read_summary(unit().run("limited") / "summary.json");
  EXPECT_TRUE(summary.tasks[0].partial);
  EXPECT_EQ(summary.tasks[0].counts.samples, 10);
  const store::Manifest manifest = store::read_manifest(unit().run("limited") / "run.json");
  EXPECT_TRUE(manifest.partial);
  EXPECT_FALSE(manifest.host.at("vector_code").empty());
}

TEST(Cli, AnotherRunInTheSameFolderIsRefusedWithWhatDiffers) {
  ASSERT_EQ(finished(unit().command("mixed")).code, 0);
  const Finished other = finished(unit().command("mixed", {"--seed", "5"}));
  EXPECT_EQ(other.code, 2);
  EXPECT_NE(other.err.find("--seed: '0' there, '5' now"), std::string::npos) << other.err;
}

TEST(Cli, ScoringAgainGivesTheSameBytes) {
  ASSERT_EQ(finished(unit().command("again")).code, 0);
  const Unit::Results before = unit().results("again");
  const Finished done = finished(looktwice(
      {"score", unit().run("again").string(), "--resamples", "20", "--quiet", "--threads", "2"}));
  ASSERT_EQ(done.code, 0) << done.err;
  EXPECT_TRUE(unit().results("again") == before);
}

TEST(Cli, ChangedDataIsNoticed) {
  const Unit own;
  ASSERT_EQ(finished(own.command()).code, 0);
  fs::remove(own.root() / "data/bottle/test/good/100.png");
  const Finished scored = finished(looktwice({"score", own.run().string(), "--quiet"}));
  EXPECT_EQ(scored.code, 4) << scored.err;
  EXPECT_NE(scored.err.find("changed since the run"), std::string::npos) << scored.err;
  EXPECT_EQ(finished(own.command()).code, 2);  // another run now
}

TEST(Cli, AMissingAnswerIsExit3AndResumable) {
  const Unit own;
  const std::string all = store::read_text(own.root() / "answers/scores.csv");
  store::write_whole(own.root() / "answers/scores.csv",
                     all.substr(0, all.rfind('\n', all.size() - 2) + 1));
  const Finished first = finished(own.command());
  EXPECT_EQ(first.code, 3) << first.err;
  EXPECT_EQ(store::read_summary(own.run() / "summary.json").tasks[0].counts.failed, 1);
  EXPECT_FALSE(store::read_manifest(own.run() / "run.json").complete);
  EXPECT_EQ(finished(own.command("tolerant", {"--fail_on_error", "1"})).code, 0);
}

TEST(Cli, NoScoredSampleIsNeverExit0) {
  const Unit own;
  store::write_whole(own.root() / "answers/scores.csv", "image,score\nanother.png,1\n");
  EXPECT_EQ(finished(own.command()).code, 3);
  EXPECT_NE(finished(own.command("tolerant", {"--fail_on_error", "100%"})).code, 0);
}

TEST(Cli, ListIsJsonForMachines) {
  const Finished done = finished(looktwice({"list", "--json"}));
  EXPECT_EQ(done.code, 0);
  for (const char* name :
       {"\"echo\"", "\"predictions\"", "\"zsad.elpv\"", "\"auroc\"", "\"p>=0.5\""})
    EXPECT_NE(done.out.find(name), std::string::npos) << name;
}

TEST(Cli, VectorCodeCanBeHeldBackByTheEnvironment) {
  Command doctor = looktwice({"doctor", "--data_root", (unit().root() / "data").string()});
  doctor.environment["LOOKTWICE_ISA"] = "plain";
  const Finished plain = finished(doctor);
  const std::size_t line = plain.out.find("vector code");
  ASSERT_NE(line, std::string::npos) << plain.out << plain.err;
  EXPECT_NE(plain.out.substr(line, 40).find("plain"), std::string::npos) << plain.out;
  doctor.environment["LOOKTWICE_ISA"] = "sse";
  const Finished refused = finished(doctor);
  EXPECT_EQ(refused.code, 2);
  EXPECT_NE(refused.err.find("LOOKTWICE_ISA is 'sse'; it can be plain, avx2"), std::string::npos)
      << refused.err;
}

TEST(Cli, DoctorNamesWhatIsMissingAndHowToGetIt) {
  const Finished done =
      finished(looktwice({"doctor", "--data_root", (unit().root() / "data").string()}));
  EXPECT_EQ(done.code, 0) << done.out << done.err;
  EXPECT_NE(done.out.find("elpv-dataset"), std::string::npos) << done.out;
}

}  // namespace
}  // namespace looktwice
