// From a folder of training data to the scores of what a model had not seen.
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "harness/store/run_folder.h"
#include "tests/harness/cli/unit.h"

namespace looktwice {
namespace {

using namespace looktwice::testing;
using Json = nlohmann::json;
namespace fs = std::filesystem;

class ContaminationCli : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(finished(unit_.command()).code, 0);
    // Trained on the first half of the test part, and on one text.
    for (int i = 100; i < 120; ++i) {
      const std::string name = std::string(i % 2 == 1 ? "broken/" : "good/") + std::to_string(i);
      fs::create_directories(train() / (i % 2 == 1 ? "broken" : "good"));
      fs::copy_file(unit_.root() / "data/bottle/test" / (name + ".png"), train() / (name + ".png"));
    }
    std::ofstream(train() / "chat.jsonl")
        << R"({"conversations": [{"from": "human", "value": "Is there a crack?"}]})"
        << "\n";
    std::ofstream(train() / "notes.md") << "left out\n";
  }
  fs::path train() const { return unit_.root() / "train"; }
  std::string list() const { return (unit_.root() / "train.jsonl").string(); }
  Finished make_list(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> words = {"audit",    "manifest", train().string(),
                                      "--output", list(),     "--quiet"};
    words.insert(words.end(), more.begin(), more.end());
    return finished(looktwice(words));
  }
  Finished audit(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> words = {"audit",   "contamination", unit_.run().string(),
                                      "--train", list(),          "--quiet"};
    words.insert(words.end(), more.begin(), more.end());
    return finished(looktwice(words));
  }
  Unit unit_;
};

TEST_F(ContaminationCli, AListNamesEveryPictureAndText) {
  const Finished made = make_list({"--about", "a \"test\""});
  ASSERT_EQ(made.code, 0) << made.err;
  EXPECT_NE(made.out.find("20 pictures, 1 texts; 1 other files left out"), std::string::npos)
      << made.out;
  std::ifstream in(list());
  std::string line;
  std::getline(in, line);
  EXPECT_EQ(Json::parse(line).at("about"), "a \"test\"");
  int lines = 0;
  for (; std::getline(in, line); ++lines) EXPECT_TRUE(Json::parse(line).contains("name"));
  EXPECT_EQ(lines, 21);
  const std::string one = store::read_text(list());
  ASSERT_EQ(make_list({"--about", "a \"test\"", "--threads", "4"}).code, 0);
  EXPECT_EQ(store::read_text(list()), one);
}

TEST_F(ContaminationCli, BothPartsAreScoredWithTheirIntervals) {
  ASSERT_EQ(make_list().code, 0);
  const std::string summary = store::read_text(unit_.run() / "summary.json");
  const Finished done =
      audit({"--hamming", "-1", "--json", "--output", (unit_.root() / "seen.jsonl").string()});
  ASSERT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(store::read_text(unit_.run() / "summary.json"), summary);  // nothing is changed
  const Json page = Json::parse(done.out);
  const std::string text = page.dump();
  EXPECT_NE(text.find("21 things, 20 files, 20 perceptual hashes, 1 texts"), std::string::npos)
      << text;
  std::ifstream in(unit_.root() / "seen.jsonl");
  int seen = 0;
  for (std::string line; std::getline(in, line); ++seen)
    EXPECT_NE(line.find("the same file as"), std::string::npos) << line;
  EXPECT_EQ(seen, 20);
  const Finished shown = audit({"--hamming", "-1", "--format", "csv"});
  EXPECT_NE(shown.out.find("zsad.folder,40,20,0,0,20,20"), std::string::npos) << shown.out;
  // The clean part is what a run over the other half alone gives.
  const fs::path half = unit_.root() / "half";
  fs::copy(unit_.root() / "data", half, fs::copy_options::recursive);
  for (int i = 100; i < 120; ++i) {
    const std::string kind = i % 2 == 1 ? "broken/" : "good/";
    fs::remove(half / "bottle/test" / (kind + std::to_string(i) + ".png"));
    fs::remove(half / "bottle/ground_truth" / (kind + std::to_string(i) + "_mask.png"));
  }
  ASSERT_EQ(finished(unit_.command("other", {"--data_root", half.string()})).code, 0);
  const Json other = Json::parse(store::read_text(unit_.run("other") / "summary.json"));
  for (const Json& row : other.at("rows")) {
    if (row.at("metric") != "auroc" || row.at("group") != "pooled" ||
        row.at("scorer") != "corrected")
      continue;
    char clean[32];
    std::snprintf(clean, sizeof clean, "%.1f", 100 * row.at("value").get<double>());
    const Finished terminal = audit({"--hamming", "-1"});
    EXPECT_NE(terminal.out.find(clean), std::string::npos) << terminal.out;
    EXPECT_NE(terminal.out.find("–"), std::string::npos) << terminal.out;
  }
}

TEST_F(ContaminationCli, NearPicturesAreFoundWithoutAnEqualByte) {
  // Only hashes: the list of another machine, where files were saved anew.
  ASSERT_EQ(make_list().code, 0);
  std::string text = store::read_text(list());
  for (std::size_t at = 0; (at = text.find("\"sha256\":\"", at)) != std::string::npos; at += 12)
    text.replace(at + 10, 8, "00000000");
  std::ofstream(list()) << text;
  const Finished done = audit({"--hamming", "0", "--format", "csv"});
  ASSERT_EQ(done.code, 0) << done.err;
  EXPECT_NE(done.out.find("zsad.folder,40,0,"), std::string::npos) << done.out;
  EXPECT_EQ(done.out.find("zsad.folder,40,0,0,"), std::string::npos) << done.out;
}

TEST_F(ContaminationCli, WhatIsWrongIsToldBeforeScoring) {
  ASSERT_EQ(make_list().code, 0);
  EXPECT_EQ(audit({"--hamming", "40"}).code, 2);
  EXPECT_EQ(audit({"--share", "0"}).code, 2);
  EXPECT_EQ(audit({"--ngram", "-3"}).code, 2);
  std::ofstream(list(), std::ios::app) << "{\"sha256\":\"zz\"}\n";
  const Finished bad = audit();
  EXPECT_EQ(bad.code, 4);
  EXPECT_NE(bad.err.find("train.jsonl: line 23"), std::string::npos) << bad.err;
  std::ofstream(list()) << "{\"name\":\"x\"}\n";
  EXPECT_EQ(audit().code, 4);
  EXPECT_EQ(finished(looktwice({"audit", "manifest", (unit_.root() / "none").string(), "--output",
                                list()}))
                .code,
            4);
}

}  // namespace
}  // namespace looktwice
