#include "adapters/nn/sampling.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

namespace looktwice::nn {
namespace {

std::int32_t chosen(TokenChooser& chooser, std::vector<float> scores) {
  return chooser.next(scores);
}

TEST(Sampling, GreedyTakesTheLargestAndOfEqualOnesTheFirst) {
  TokenChooser chooser({}, 0);
  EXPECT_EQ(chosen(chooser, {1, 3, 2, 3}), 1);
}

TEST(Sampling, ThePenaltyDividesPositiveAndMultipliesNegativeScoresOfSeenTokens) {
  TokenChooser chooser({.repetition_penalty = 2}, 0);
  EXPECT_EQ(chosen(chooser, {4, 3, -8}), 0);
  EXPECT_EQ(chosen(chooser, {4, 3, -8}), 1);          // 2 against 3
  EXPECT_EQ(chosen(chooser, {-1, -1.5f, -1.9f}), 2);  // -2 and -3 against -1.9
  std::vector<float> scores{4, 3, -8};
  chooser.next(scores);
  EXPECT_EQ(scores, (std::vector<float>{2, 1.5f, -16}));
}

TEST(Sampling, ThePromptCountsAsSeenWhereItIsGiven) {
  const std::int32_t prompt[] = {0, 0, -200, 77};
  TokenChooser chooser({.repetition_penalty = 1.5f}, 0, prompt);
  EXPECT_EQ(chosen(chooser, {4, 3}), 1);  // 4 / 1.5, once
}

TEST(Sampling, DrawsFollowTheProbabilities) {
  const std::vector<float> scores{std::log(0.5f), std::log(0.3f), std::log(0.2f)};
  std::map<std::int32_t, int> counts;
  TokenChooser chooser({.temperature = 1, .seed = 7}, 3);
  for (int i = 0; i < 20000; ++i) ++counts[chosen(chooser, scores)];
  EXPECT_NEAR(counts[0], 10000, 400);  // 4 standard deviations are 283
  EXPECT_NEAR(counts[1], 6000, 400);
  EXPECT_NEAR(counts[2], 4000, 400);
}

TEST(Sampling, TopPAndTopKKeepTheFewestThatSuffice) {
  const std::vector<float> scores{std::log(0.5f), std::log(0.3f), std::log(0.2f)};
  TokenChooser by_p({.temperature = 1, .top_p = 0.75f}, 0), by_k({.temperature = 1, .top_k = 1}, 0);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_NE(chosen(by_p, scores), 2);
    EXPECT_EQ(chosen(by_k, scores), 0);
  }
}

TEST(Sampling, ADrawDependsOnSeedStreamAndStepAlone) {
  EXPECT_EQ(uniform_draw(1, 2, 3), uniform_draw(1, 2, 3));
  EXPECT_NE(uniform_draw(1, 2, 3), uniform_draw(2, 2, 3));
  EXPECT_NE(uniform_draw(1, 2, 3), uniform_draw(1, 3, 3));
  EXPECT_NE(uniform_draw(1, 2, 3), uniform_draw(1, 2, 4));
  double sum = 0;
  for (std::uint64_t i = 0; i < 10000; ++i) sum += uniform_draw(5, 6, i);
  EXPECT_NEAR(sum / 10000, 0.5, 0.012);  // 4 standard deviations
}

}  // namespace
}  // namespace looktwice::nn
