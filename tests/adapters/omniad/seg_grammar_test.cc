// Whatever is drawn within the grammar parses without a malformed run, under any scores, budget
// and vocabulary.
#include "adapters/omniad/seg_grammar.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "adapters/nn/sampling.h"
#include "suites/text_mask.h"
#include "tests/support/qwen_vocabulary.h"
#include "tests/support/soak.h"

namespace looktwice::omniad {
namespace {

bool is_written(const std::string& text, const SegRules& rules = {}) {
  SegState state(rules);
  return state.take(text) && state.is_whole();
}

TEST(SegGrammar, TakesWhatOmniAdWrites) {
  const std::string rest = "<think>All is well.</think><answer>A</answer>";
  for (const char* runs : {"", "(2, 3)", "(2,3)-(2,7)", "(0, 0)-(0, 23), (23, 23)", "(1, 1),(1, 1)",
                           "(10, 9)-(10, 10)"})
    EXPECT_TRUE(is_written("<seg>" + std::string(runs) + "</seg>" + rest)) << runs;
  for (const char* runs :
       {"(24, 0)", "(2, 3)-(3, 7)", "(2, 7)-(2, 3)", "(2, 03)", "(2, 3),", "(2  , 3)", "(2, 3) ",
        "2, 3", "(-1, 0)", "(100, 1)", "none", "(2, 3)-(2, 7)-(2, 9)"})
    EXPECT_FALSE(is_written("<seg>" + std::string(runs) + "</seg>" + rest)) << runs;
  EXPECT_FALSE(is_written("<seg></seg>"));
  EXPECT_FALSE(is_written("<seg></seg><think>a<b</think><answer>A</answer>"));
  EXPECT_FALSE(is_written("<seg></seg>" + rest + " "));
}

TEST(SegGrammar, LettersAndIndexBaseAreTheQuestions) {
  const SegRules rules{.first_index = 1, .letters = "AB"};
  EXPECT_TRUE(is_written("<seg>(24, 1)</seg><think></think><answer>B</answer>", rules));
  EXPECT_FALSE(is_written("<seg>(0, 1)</seg><think></think><answer>B</answer>", rules));
  EXPECT_FALSE(is_written("<seg>(24, 1)</seg><think></think><answer>C</answer>", rules));
}

TEST(SegGrammar, EveryBeginningHasTheEndingThatItSays) {
  for (const SegRules& rules : {SegRules{}, SegRules{.first_index = 1, .letters = "ABCD"}}) {
    const std::string text =
        "<seg>(12, 3)-(12, 17), (4,5)</seg><think>why</think><answer>A</answer>";
    for (std::size_t length = 0; length <= text.size(); ++length) {
      SegState state(rules);
      ASSERT_TRUE(state.take(text.substr(0, length))) << length;
      const std::string ending = state.ending();
      ASSERT_TRUE(state.take(ending)) << length << " " << ending;
      EXPECT_TRUE(state.is_whole()) << length << " " << ending;
    }
  }
}

// Draws tokens by random scores, as a model that knows nothing.
std::string drawn(const std::shared_ptr<const SegVocabulary>& vocabulary,
                  const tokenizers::QwenTokenizer& tokenizer, const SegRules& rules,
                  std::int32_t stop, int most, std::uint64_t seed, bool& stopped) {
  SegWriter writer(vocabulary, rules, most);
  nn::TokenChooser chooser({.temperature = 1, .repetition_penalty = 1.05f, .seed = seed}, seed);
  std::mt19937_64 random(seed);
  std::normal_distribution<float> score(0, 4);
  std::vector<std::int32_t> written;
  stopped = false;
  // Likes coordinates, so that texts are not all closed at once.
  const float taste = static_cast<float>(seed % 5);
  while (static_cast<int>(written.size()) < most) {
    std::vector<float> scores(static_cast<std::size_t>(tokenizer.size()) + 5);
    for (float& one : scores) one = score(random);
    for (const char* liked : {"(", ")", ",", "-", "1", "2", " "})
      scores[static_cast<std::size_t>(tokenizer.encode(liked)[0])] += 3 * taste;
    writer.restrict(scores, written);
    const std::int32_t id = chooser.next(scores);
    if (id == stop) {
      stopped = true;
      break;
    }
    written.push_back(id);
  }
  std::string text;
  for (const std::int32_t id : written) text += tokenizer.bytes_of(id);
  return text;
}

void expect_well_formed(const tokenizers::QwenTokenizer& tokenizer, int runs, int longest) {
  const std::int32_t stop = *tokenizer.added_id("<|im_end|>");
  const std::vector<std::int32_t> stops = {stop};
  const auto vocabulary =
      std::make_shared<const SegVocabulary>(tokenizer, stops, tokenizer.size() + 5);
  int with_runs = 0;
  for (int i = 0; i < runs; ++i) {
    const auto seed = static_cast<std::uint64_t>(i);
    const int base = i % 2, most = 64 + i * 37 % longest;
    const SegRules rules{.first_index = base, .letters = i % 3 ? "ABC" : ""};
    bool stopped = false;
    const std::string text = drawn(vocabulary, tokenizer, rules, stop, most, seed, stopped);
    const suites::SegReply reply = suites::seg_reply(text, base);
    ASSERT_TRUE(reply.formatted) << "seed " << seed << ": " << text;
    ASSERT_EQ(reply.malformed, 0) << "seed " << seed << ": " << text;
    ASSERT_TRUE(i % 3 == 0 || reply.answer.size() == 1) << text;
    with_runs += reply.runs > 0;
  }
  EXPECT_GT(with_runs, runs / 4 - 1);
}

TEST(SegGrammar, AnySampleParsesWithoutAMalformedRun) {
  expect_well_formed(tokenizers::QwenTokenizer(test::data_path("omniad_other/checkpoint")),
                     looktwice::testing::cases(150, 20000), 400);
}

TEST(SegGrammar, WithQwensVocabularyToo) {
  const test::WithTokenizer folder(test::data_path("fixtures/omniad/checkpoint"));
  expect_well_formed(tokenizers::QwenTokenizer(folder.path()), looktwice::testing::cases(2, 300),
                     40);
}

TEST(SegGrammar, ATooSmallBudgetEndsOnTheShortestWay) {
  const tokenizers::QwenTokenizer tokenizer(test::data_path("omniad_other/checkpoint"));
  const std::int32_t stop = *tokenizer.added_id("<|im_end|>");
  const std::vector<std::int32_t> stops = {stop};
  const auto vocabulary = std::make_shared<const SegVocabulary>(tokenizer, stops, tokenizer.size());
  bool stopped = false;
  const std::string text = drawn(vocabulary, tokenizer, {}, stop, 8, 1, stopped);
  EXPECT_TRUE(std::string("<seg></seg><think></think><answer></answer>").starts_with(text)) << text;
  EXPECT_FALSE(stopped);
}

}  // namespace
}  // namespace looktwice::omniad
