// Words, stems and ROUGE against rouge_score and NLTK: the folder text/ of the fixtures.
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include <nlohmann/json.hpp>

#include "metrics/text/porter.h"
#include "metrics/text/rouge.h"
#include "tests/support/files.h"

namespace looktwice::metrics {
namespace {

const std::pair<const char*, Rouge> kKinds[] = {
    {"rouge1", Rouge::n1}, {"rouge2", Rouge::n2}, {"rougeL", Rouge::l}, {"rougeLsum", Rouge::lsum}};

int expect_equal_scores(const std::filesystem::path& file) {
  RougeScorer plain, stem(true);
  std::ifstream in(file);
  int pairs = 0;
  for (std::string line; std::getline(in, line); ++pairs) {
    const nlohmann::json pair = nlohmann::json::parse(line);
    const std::string reference = pair.at("reference"), candidate = pair.at("candidate");
    for (const bool stemmed : {false, true})
      for (const auto& [name, kind] : kKinds) {
        const RougeScore found = (stemmed ? stem : plain).score(kind, reference, candidate);
        const auto& wanted = pair.at(stemmed ? "stem" : "plain").at(name);
        EXPECT_NEAR(found.precision, double(wanted[0]), 1e-12)
            << name << ": " << line.substr(0, 300);
        EXPECT_NEAR(found.recall, double(wanted[1]), 1e-12) << name << ": " << line.substr(0, 300);
        EXPECT_NEAR(found.f, double(wanted[2]), 1e-12) << name << ": " << line.substr(0, 300);
      }
  }
  return pairs;
}

TEST(RougeParity, RougeEqualsRougeScore) {
  LOOKTWICE_NEEDS_FIXTURE("text/rouge.jsonl");
  EXPECT_GT(expect_equal_scores(test::fixture_path("text/rouge.jsonl")), 0);
}

TEST(RougeParity, StemsEqualNltk) {
  LOOKTWICE_NEEDS_FIXTURE("text/porter.jsonl");
  std::ifstream in(test::fixture_path("text/porter.jsonl"));
  int words = 0;
  for (std::string line; std::getline(in, line); ++words) {
    const nlohmann::json pair = nlohmann::json::parse(line);
    EXPECT_EQ(porter_stem(std::string(pair[0])), pair[1]) << pair[0];
  }
  EXPECT_GT(words, 0);
}

}  // namespace
}  // namespace looktwice::metrics
