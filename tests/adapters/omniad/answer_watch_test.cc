// Shares of answers out of scores, at the token that answers.
#include "adapters/omniad/answer_watch.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/files.h"

namespace looktwice::omniad {
namespace {

const tokenizers::QwenTokenizer& tokenizer() {
  static const tokenizers::QwenTokenizer made(test::data_path("omniad_other/checkpoint"));
  return made;
}
std::vector<float> scores_with(const std::map<std::string, float>& given) {
  std::vector<float> scores(static_cast<std::size_t>(tokenizer().size()), -10.0f);
  for (const auto& [text, score] : given) {
    const auto ids = tokenizer().encode(text);
    EXPECT_EQ(ids.size(), 1u) << text;
    scores[static_cast<std::size_t>(ids[0])] = score;
  }
  return scores;
}
const std::vector<Option> kOptions = {{"A", "Hole"}, {"B", "Crack"}, {"C", "None"}};

TEST(OmniAdAnswerWatch, LettersShareWhatTheyHaveTogether) {
  AnswerWatch watch(tokenizer(), kOptions);
  // " A" counts as A; what is no option counts nowhere.
  watch.look(scores_with({{"A", 1.0f}, {" A", 0.5f}, {"B", 2.0f}, {"Z", 30.0f}}));
  const auto found = watch.likelihoods(tokenizer().encode("B"));
  const double a = std::exp(1) + std::exp(0.5) + std::exp(-10), b = std::exp(2) + 0, c = 0;
  EXPECT_NEAR(found.at("A"), a / (a + b + c), 1e-4);
  EXPECT_NEAR(found.at("A") + found.at("B") + found.at("C"), 1, 1e-12);
  EXPECT_FALSE(watch.yes_share(tokenizer().encode("B")));  // no option says yes
}

TEST(OmniAdAnswerWatch, TheAnswerIsBehindItsTag) {
  const auto written = tokenizer().encode("<think>A or B</think><answer> C</answer>");
  AnswerWatch watch(tokenizer(), kOptions);
  std::size_t place = 0;
  std::string text;
  for (std::size_t i = 0; i < written.size(); ++i) {
    text += tokenizer().bytes_of(written[i]);
    if (place == 0 && text.ends_with("C")) place = i;
  }
  for (std::size_t i = 0; i < written.size(); ++i)
    watch.look(i == place ? scores_with({{"C", 5.0f}}) : scores_with({{"A", 5.0f}}));
  EXPECT_GT(watch.likelihoods(written).at("C"), 0.99);
}

TEST(OmniAdAnswerWatch, WithoutATagTheFirstLetterOrTheFirstTokenAnswers) {
  const auto written = tokenizer().encode(":B.");
  AnswerWatch watch(tokenizer(), kOptions);
  watch.look(scores_with({{"A", 5.0f}}));
  watch.look(scores_with({{"B", 5.0f}}));
  watch.look(scores_with({{"C", 5.0f}}));
  EXPECT_GT(watch.likelihoods(written).at("B"), 0.99);
  EXPECT_GT(watch.likelihoods(tokenizer().encode("xyz")).at("A"), 0.99);
}

TEST(OmniAdAnswerWatch, NothingWrittenIsNoLikelihood) {
  AnswerWatch watch(tokenizer(), kOptions);
  EXPECT_TRUE(watch.likelihoods({}).empty());
}

TEST(OmniAdAnswerWatch, YesInItsSpellings) {
  AnswerWatch watch(tokenizer(), {});
  watch.look(scores_with({{"Yes", 1.0f}, {"yes", 1.0f}, {"No", 1.0f}}));
  EXPECT_NEAR(*watch.yes_share(tokenizer().encode("No")), 2.0 / 3, 1e-4);
  EXPECT_TRUE(watch.likelihoods(tokenizer().encode("No")).empty());
}

TEST(OmniAdAnswerWatch, AnOptionMaySayYes) {
  const std::vector<Option> options = {{"A", "Yes."}, {"B", "No, it is whole"}};
  AnswerWatch watch(tokenizer(), options);
  watch.look(scores_with({{"A", 1.0f}, {"B", 1.0f}}));
  EXPECT_NEAR(*watch.yes_share(tokenizer().encode("A")), 0.5, 1e-3);
}

}  // namespace
}  // namespace looktwice::omniad
