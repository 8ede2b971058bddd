// BERTScore by hand; the parity with bert_score is in tests/adapters/minilm.
#include "metrics/text/bert_score.h"

#include <gtest/gtest.h>

#include <cmath>

namespace looktwice::metrics {
namespace {

TEST(BertScore, EachTokenFindsItsNearest) {
  // Directions in the plane: the answer's at 0 and 90 degrees, the reference's at 0, 45 and 180.
  const float r = std::sqrt(0.5F);
  const std::vector<float> answer{2, 0, 0, 3}, reference{1, 0, 5 * r, 5 * r, -1, 0};
  std::vector<float> a, b;
  best_matches(answer, reference, 2, a, b);
  ASSERT_EQ(a.size(), 2U);
  EXPECT_FLOAT_EQ(a[0], 1);
  EXPECT_FLOAT_EQ(a[1], r);
  ASSERT_EQ(b.size(), 3U);
  EXPECT_FLOAT_EQ(b[0], 1);
  EXPECT_FLOAT_EQ(b[1], r);
  EXPECT_FLOAT_EQ(b[2], 0);  // not -1: the other one is at a right angle
}

TEST(BertScore, OnlyCountedTokensCount) {
  const TokenMatches answer{{101, 7, 8, 102}, {0.1F, 0.5F, 1, 0.1F}, {0, 1, 1, 0}};
  const TokenMatches reference{{101, 9, 102}, {0.1F, 0.5F, 0.1F}, {0, 1, 0}};
  const auto score = bert_score(answer, reference);
  ASSERT_TRUE(score);
  EXPECT_DOUBLE_EQ(score->precision, 0.75);
  EXPECT_DOUBLE_EQ(score->recall, 0.5);
  EXPECT_DOUBLE_EQ(score->f, 0.6);
}

TEST(BertScore, TextsWithoutTokensAreZeroAndWithoutWeightsNothing) {
  const TokenMatches empty{{101, 102}, {1, 1}, {0, 0}}, full{{101, 7, 102}, {1, 1, 1}, {0, 1, 0}};
  const TokenMatches only_ends{{101, 102, 102}, {1, 1, 1}, {0, 0, 0}};
  EXPECT_EQ(bert_score(empty, full)->f, 0);
  EXPECT_EQ(bert_score(full, empty)->recall, 0);
  EXPECT_FALSE(bert_score(only_ends, full));
}

TEST(BertScore, RareTokensWeighMore) {
  TokenRarity rarity;
  rarity.add(std::vector<std::int32_t>{101, 7, 7, 102});
  rarity.add(std::vector<std::int32_t>{101, 7, 8, 102});
  EXPECT_DOUBLE_EQ(rarity.weight(101), 0);
  EXPECT_DOUBLE_EQ(rarity.weight(7), 0);
  EXPECT_DOUBLE_EQ(rarity.weight(8), std::log(1.5));
  EXPECT_DOUBLE_EQ(rarity.weight(9), std::log(3.0));
  const TokenMatches text{{101, 8, 9, 102}, {1, 0, 1, 1}, {0, 1, 1, 0}};
  const auto score = bert_score(text, text, &rarity);
  ASSERT_TRUE(score);
  EXPECT_DOUBLE_EQ(score->precision, std::log(3.0) / (std::log(3.0) + std::log(1.5)));
}

}  // namespace
}  // namespace looktwice::metrics
