#include "metrics/stats/mann_whitney.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <stdexcept>

#include "tests/metrics/golden.h"

namespace looktwice::metrics {
namespace {

using Values = std::vector<double>;

TEST(MannWhitney, HandWorked) {
  // Of the 6 ways to choose two of four ranks, one puts {1, 2} and one {3, 4} first.
  const MannWhitney apart = mann_whitney(Values{1, 2}, Values{3, 4});
  EXPECT_EQ(apart.u, 0);
  EXPECT_DOUBLE_EQ(apart.p_value, 2.0 / 6);
  EXPECT_TRUE(apart.exact);
  EXPECT_EQ(mann_whitney(Values{3, 4}, Values{1, 2}).u, 4);
  // Five against five apart: 2 of 252.
  EXPECT_DOUBLE_EQ(mann_whitney(Values{1, 2, 3, 4, 5}, Values{6, 7, 8, 9, 10}).p_value, 2.0 / 252);
}

TEST(MannWhitney, ATieCountsHalf) {
  EXPECT_EQ(mann_whitney(Values{2}, Values{1, 2, 3}).u, 1.5);
  const MannWhitney equal = mann_whitney(Values{7, 7}, Values{7, 7, 7});
  EXPECT_EQ(equal.u, 3);
  EXPECT_EQ(equal.p_value, 1);
  EXPECT_EQ(mann_whitney(Values(60, 7), Values(60, 7)).p_value, 1);
}

TEST(MannWhitney, EqualsScipy) {
  const Golden lines = golden("mann_whitney_golden.txt");
  ASSERT_GT(lines.size(), 70u);
  for (const auto& [name, numbers] : lines) {
    const auto size_a = static_cast<std::ptrdiff_t>(numbers[0]),
               size_b = static_cast<std::ptrdiff_t>(numbers[1]);
    const auto begin = numbers.begin() + 2;
    const Values a(begin, begin + size_a), b(begin + size_a, begin + size_a + size_b);
    const MannWhitney test =
        mann_whitney(a, b, name == "normal" ? MannWhitneyMethod::normal : MannWhitneyMethod::exact);
    const double u = numbers[numbers.size() - 2], p = numbers.back();
    EXPECT_EQ(test.u, u) << name << " " << size_a << " " << size_b;
    EXPECT_NEAR(test.p_value, p, 1e-12 * std::max(p, 1e-3))
        << name << " " << size_a << " " << size_b;
  }
}

TEST(MannWhitney, ExactBecomesNormalWhereGroupsAreLarge) {
  std::mt19937_64 random(3);
  const auto drawn = [&](std::size_t count, double shift) {
    Values values;
    for (std::size_t i = 0; i < count; ++i)
      values.push_back(std::normal_distribution<>(shift, 1)(random));
    return values;
  };
  const Values a = drawn(25, 0), b = drawn(25, 0.5), c = drawn(26, 0.5);
  EXPECT_TRUE(mann_whitney(a, b).exact);
  EXPECT_FALSE(mann_whitney(a, c).exact);
  EXPECT_NEAR(mann_whitney(a, b).p_value, mann_whitney(a, b, MannWhitneyMethod::normal).p_value,
              0.01);
}

TEST(MannWhitney, OnlyRanksCount) {
  const Values a = {1, 5, 3, 9}, b = {2, 8, 10, 11, 12};
  Values wild_a, wild_b;
  for (const double v : a) wild_a.push_back(std::exp(7 * v));
  for (const double v : b) wild_b.push_back(std::exp(7 * v));
  EXPECT_EQ(mann_whitney(a, b).p_value, mann_whitney(wild_a, wild_b).p_value);
  EXPECT_EQ(mann_whitney(a, b).p_value, mann_whitney(b, a).p_value);
}

TEST(MannWhitney, WhatCannotBeRankedIsRefused) {
  EXPECT_THROW(mann_whitney(Values{}, Values{1}), std::invalid_argument);
  EXPECT_THROW(mann_whitney(Values{1}, Values{}), std::invalid_argument);
  EXPECT_THROW(mann_whitney(Values{std::nan("")}, Values{1}), std::invalid_argument);
  EXPECT_THROW(mann_whitney(Values{std::numeric_limits<double>::infinity()}, Values{1}),
               std::invalid_argument);
  EXPECT_THROW(mann_whitney(Values(26, 1), Values(26, 2), MannWhitneyMethod::exact),
               std::invalid_argument);
}

}  // namespace
}  // namespace looktwice::metrics
