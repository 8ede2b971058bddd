// Each distinct text is embedded once; what is compared is the answer with its own reference.
#include "harness/run/embed.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "metrics/text/cosine.h"
#include "tests/support/pictures.h"

namespace looktwice::run {
namespace {

using looktwice::testing::TemporaryFolder;

const std::string kRun = "0123456789abcdef";

// The counts of four letters; without any of them there is no embedding.
class LetterCounts final : public Adapter {
 public:
  std::vector<Prediction> answer(std::span<const Request> batch) override {
    std::vector<Prediction> all;
    for (const Request& request : batch) {
      EXPECT_TRUE(request.question.wanted.embedding);
      const std::string& text = request.question.text;
      asked.insert(text);
      Prediction prediction{.key = request.key};
      for (const char letter : {'a', 'b', 'c', 'd'})
        prediction.embedding.push_back(
            static_cast<float>(std::count(text.begin(), text.end(), letter)));
      if (mute) prediction.embedding.clear();
      all.push_back(prediction);
    }
    return all;
  }
  std::multiset<std::string> asked;
  bool mute = false;
};

Outcome outcome(const std::string& sample, std::vector<Answer> answers) {
  Outcome made{.task = "fake", .sample = sample, .category = "a", .answers = std::move(answers)};
  made.marks = {{.scorer = "official"}, {.scorer = "corrected"}};
  for (Mark& mark : made.marks) mark.answers.resize(made.answers.size());
  return made;
}

std::vector<Outcome> outcomes() {
  std::vector<Outcome> all = {
      outcome("1", {{.text = "aab", .reference = "abb"}, {.text = "c", .reference = "c"}}),
      outcome("2", {{.text = "abb", .reference = "d"}, {.text = "", .reference = "never"}}),
      outcome("3", {{.text = "a", .reference = ""}}),
      outcome("4", {{.text = "b", .reference = "c"}}),
      outcome("5", {{.text = "x", .reference = "a"}})};
  all[3].status = Status::failed;
  return all;
}

std::vector<Marked> marked(const std::vector<Outcome>& outcomes) {
  std::vector<Marked> all;
  for (const Outcome& one : outcomes) all.push_back({.outcome = one});
  return all;
}

TEST(Embed, EachTextOnceAndCosinesOfPairs) {
  const TemporaryFolder place;
  const store::RunFolder folder = store::RunFolder::locked(place.path() / "run");
  const Embedding embedding({.model = "letters"}, outcomes());
  LetterCounts encoder;
  const PredictResult result = embed(embedding, encoder, folder, kRun, {});
  EXPECT_TRUE(result.complete);
  EXPECT_EQ(encoder.asked, (std::multiset<std::string>{"a", "aab", "abb", "c", "d", "x"}));

  std::vector<Marked> all = marked(outcomes());
  all[0].outcome.marks[1].answers[1].unscored_because = "not read";
  add_similarities(all, embedding.embeddings(recorded_answers(folder, kRun, kEmbeddings)));
  const auto values = [&](int sample, int scorer,
                          int answer) -> const std::map<std::string, double>& {
    return all[sample].outcome.marks[scorer].answers[answer].values;
  };
  EXPECT_DOUBLE_EQ(values(0, 0, 0).at("sbert"), 4.0 / 5);  // (2, 1) and (1, 2)
  EXPECT_DOUBLE_EQ(values(0, 0, 1).at("sbert"), 1);
  EXPECT_EQ(values(0, 1, 1).count("sbert"), 0U);  // that scorer read no answer there
  EXPECT_DOUBLE_EQ(values(1, 0, 0).at("sbert"), 0);
  EXPECT_EQ(values(1, 0, 1).count("sbert"), 0U);  // nothing was said
  EXPECT_EQ(values(2, 0, 0).count("sbert"), 0U);  // no reference
  EXPECT_EQ(values(3, 0, 0).count("sbert"), 0U);  // failed
  EXPECT_EQ(values(4, 0, 0).count("sbert"), 0U);  // all zero has no direction
}

TEST(Embed, WhatFailedIsAskedAgainAndNothingElse) {
  const TemporaryFolder place;
  const store::RunFolder folder = store::RunFolder::locked(place.path() / "run");
  const Embedding embedding({.model = "letters"}, outcomes());
  LetterCounts encoder;
  encoder.mute = true;
  PredictResult result = embed(embedding, encoder, folder, kRun, {});
  EXPECT_EQ(result.progress.failed, static_cast<std::int64_t>(embedding.size()));
  EXPECT_TRUE(embedding.embeddings(recorded_answers(folder, kRun, kEmbeddings)).empty());
  encoder.mute = false;
  result = embed(embedding, encoder, folder, kRun, {});
  EXPECT_EQ(result.progress.failed, 0);
  encoder.asked.clear();
  result = embed(embedding, encoder, folder, kRun, {});
  EXPECT_TRUE(encoder.asked.empty());
  EXPECT_EQ(embedding.embeddings(recorded_answers(folder, kRun, kEmbeddings)).size(), 6U);
}

TEST(Embed, AnotherEncoderIsAnotherTask) {
  const EncoderSetup a{.model = "minilm", .model_facts = {{"weights", "1"}}};
  EncoderSetup b = a;
  b.model_facts["weights"] = "2";
  EXPECT_NE(a.id(), b.id());
  EXPECT_NE(Embedding(a, outcomes()).task().name, Embedding(b, outcomes()).task().name);
  EXPECT_EQ(encoder_of(a.facts()).id(), a.id());
}

// A token per letter, each its own direction; "^" and "$" begin and end.
class Letters final : public TokenEncoder {
 public:
  std::vector<TokenStates> token_states(std::span<const std::string> texts) const override {
    std::vector<TokenStates> all;
    for (const std::string& text : texts) {
      asked.insert(text);
      TokenStates states;
      for (const char letter : "^" + text + "$") {
        states.ids.push_back(letter);
        states.counted.push_back(letter != '^' && letter != '$');
        for (const char other : {'a', 'b', 'c', 'd', 'x', '^', '$'})
          states.values.push_back(letter == other ? 2.0F : 0.0F);
      }
      if (mute) states.values.pop_back();
      all.push_back(states);
    }
    return all;
  }
  mutable std::multiset<std::string> asked;
  bool mute = false;
};

TEST(Match, TokensOfEachPairOnceAndNoStatesInTheJournal) {
  const TemporaryFolder place;
  const store::RunFolder folder = store::RunFolder::locked(place.path() / "run");
  const Matching matching({.model = "letters"}, outcomes());
  Letters encoder;
  encoder.mute = true;
  EXPECT_EQ(match(matching, encoder, folder, kRun, {}).progress.failed, 4);
  encoder.mute = false;
  encoder.asked.clear();
  EXPECT_TRUE(match(matching, encoder, folder, kRun, {}).complete);
  // What failed, and no text twice.
  EXPECT_EQ(encoder.asked, (std::multiset<std::string>{"a", "aab", "abb", "c", "d", "x"}));
  encoder.asked.clear();
  (void)match(matching, encoder, folder, kRun, {});
  EXPECT_TRUE(encoder.asked.empty());
  EXPECT_LT(std::filesystem::file_size(folder.journal(kEmbeddings)), 6000U);

  std::vector<Marked> all = marked(outcomes());
  all[0].outcome.marks[1].answers[1].unscored_because = "not read";
  add_bert_scores(all, matching.pairs(recorded_answers(folder, kRun, kEmbeddings)));
  const auto values = [&](int sample, int scorer,
                          int answer) -> const std::map<std::string, double>& {
    return all[sample].outcome.marks[scorer].answers[answer].values;
  };
  EXPECT_DOUBLE_EQ(values(0, 0, 0).at("bertscore_precision"), 1);  // each letter is in the other
  EXPECT_DOUBLE_EQ(values(0, 0, 0).at("bertscore_f"), 1);
  EXPECT_DOUBLE_EQ(values(1, 0, 0).at("bertscore_recall"), 0);
  EXPECT_DOUBLE_EQ(values(1, 0, 0).at("bertscore_f"), 0);
  EXPECT_EQ(values(0, 1, 1).count("bertscore_f"), 0U);  // that scorer read no answer there
  EXPECT_EQ(values(1, 0, 1).count("bertscore_f"), 0U);  // nothing was said
  EXPECT_EQ(values(2, 0, 0).count("bertscore_f"), 0U);  // no reference
  EXPECT_EQ(values(3, 0, 0).count("bertscore_f"), 0U);  // failed
  // Four references: "abb", "c", "d", "a"; "a" is in two of them, "b" in one.
  EXPECT_DOUBLE_EQ(values(0, 0, 0).at("bertscore_f_idf"), 1);
}

TEST(Cosine, KnownValuesAndEdges) {
  using metrics::cosine;
  const std::vector<float> a{3, 4}, b{4, 3}, huge{3e38F, 3e38F}, tiny{1e-38F, 1e-38F}, zero{0, 0};
  EXPECT_DOUBLE_EQ(*cosine(a, b), 24.0 / 25);
  EXPECT_DOUBLE_EQ(*cosine(huge, tiny), 1);
  EXPECT_FALSE(cosine(a, zero));
  EXPECT_FALSE(cosine(a, std::vector<float>{1}));
  EXPECT_FALSE(cosine({}, {}));
}

}  // namespace
}  // namespace looktwice::run
