// AUROC, AP and F1-max: by hand, against O(n^2) definitions, against scikit-learn, and under
// transformations.
#include "metrics/binary/ranked_scores.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <random>
#include <set>
#include <sstream>

#include "metrics/binary/auroc.h"
#include "metrics/binary/average_precision.h"
#include "metrics/binary/confusion.h"
#include "metrics/binary/f1_max.h"
#include "tests/support/sanitized.h"

namespace looktwice::metrics {
namespace {

using Scores = std::vector<double>;
using Labels = std::vector<std::uint8_t>;

struct Case {
  std::string name = {};
  Scores scores = {};
  Labels labels = {};
  std::optional<double> auroc = {}, average_precision = {}, f1_max = {}, threshold = {},
                        trapezoid = {};
};

// levels > 0: scores take that many values, so most are tied.
Case random_case(std::uint32_t seed, std::size_t n, int levels) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  Case made;
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint8_t label = i < 2 ? static_cast<std::uint8_t>(i) : random() % 3 == 0;
    double score = normal(random) + label;
    if (levels > 0) score = std::round(score * levels) / levels;
    made.scores.push_back(score);
    made.labels.push_back(label);
  }
  return made;
}

double slow_auroc(const Scores& scores, const Labels& labels) {
  double sum = 0, pairs = 0;
  for (std::size_t i = 0; i < scores.size(); ++i)
    for (std::size_t j = 0; j < scores.size(); ++j)
      if (labels[i] == 1 && labels[j] == 0) {
        sum += scores[i] > scores[j] ? 1 : scores[i] == scores[j] ? 0.5 : 0;
        pairs += 1;
      }
  return sum / pairs;
}

double slow_average_precision(const Scores& scores, const Labels& labels) {
  double sum = 0, recall_before = 0;
  for (const double t : std::set<double, std::greater<>>(scores.begin(), scores.end())) {
    const Confusion c = confusion_at(t, scores, labels);
    sum += (*c.recall() - recall_before) * *c.precision();
    recall_before = *c.recall();
  }
  return sum;
}

F1Max slow_f1_max(const Scores& scores, const Labels& labels) {
  F1Max best{.value = -1};
  for (const double t : std::set<double, std::greater<>>(scores.begin(), scores.end()))
    if (const double f1 = *confusion_at(t, scores, labels).f1(); f1 > best.value) best = {f1, t};
  return best;
}

TEST(RankedScores, ByHand) {
  // Anomalous 0.9, 0.4; normal 0.6, 0.4, 0.1. Pairs won: 3 + (0 + half + 1) = 4.5 of 6.
  const Scores scores = {0.9, 0.6, 0.4, 0.4, 0.1};
  const Labels labels = {1, 0, 1, 0, 0};
  EXPECT_DOUBLE_EQ(*auroc(scores, labels), 0.75);
  // Recall 1/2 at precision 1, then 1/2 more at precision 2/4.
  EXPECT_DOUBLE_EQ(*average_precision(scores, labels), 0.75);
  // F1: 2/3 at 0.9, 1/2 at 0.6, 4/6 at 0.4: equal, so the higher threshold.
  EXPECT_DOUBLE_EQ(f1_max(scores, labels)->value, 2.0 / 3);
  EXPECT_EQ(f1_max(scores, labels)->threshold, 0.9);
  // (R, P) from (0, 1) to (1/2, 1), down to (1/2, 1/2), to (1, 2/3).
  EXPECT_DOUBLE_EQ(*average_precision_trapezoid(Scores{0.9, 0.6, 0.4}, Labels{1, 0, 1}),
                   0.5 + 0.5 * (0.5 + 2.0 / 3) / 2);
}

TEST(RankedScores, CurveHasOnePointPerDistinctScore) {
  const std::vector<CurvePoint> curve =
      RankedScores(Scores{0.9, 0.6, 0.4, 0.4, 0.1}, Labels{1, 0, 1, 0, 0}).curve();
  ASSERT_EQ(curve.size(), 4U);
  EXPECT_EQ(curve[2].threshold, 0.4);
  EXPECT_EQ(curve[2].true_positives, 2);
  EXPECT_EQ(curve[2].false_positives, 2);
  EXPECT_EQ(curve[3].false_positives, 3);
}

TEST(RankedScores, EqualBruteForceOnRandomScores) {
  for (std::uint32_t seed = 0; seed < 300; ++seed) {
    const std::size_t n = 2 + seed % 97;
    const Case c = random_case(seed, n, static_cast<int>(seed % 4));
    SCOPED_TRACE("seed " + std::to_string(seed));
    const RankingValues values = RankedScores(c.scores, c.labels).values();
    ASSERT_NEAR(*values.auroc, slow_auroc(c.scores, c.labels), 1e-14);
    ASSERT_NEAR(*values.average_precision, slow_average_precision(c.scores, c.labels), 1e-14);
    const F1Max slow = slow_f1_max(c.scores, c.labels);
    ASSERT_DOUBLE_EQ(values.f1_max->value, slow.value);
    ASSERT_EQ(values.f1_max->threshold, slow.threshold);
    ASSERT_EQ(*values.auroc, *auroc(c.scores, c.labels));
    ASSERT_EQ(*values.average_precision, *average_precision(c.scores, c.labels));
    ASSERT_EQ(values.f1_max->value, f1_max(c.scores, c.labels)->value);
  }
}

// Above 511 scores of a class the radix sort runs.
TEST(RankedScores, RadixSortOrdersEveryFiniteDoubleAndFloat) {
  std::mt19937_64 random(7);
  Scores doubles, floats;
  Labels labels;
  for (int i = 0; i < 5000; ++i) {
    double d = std::bit_cast<double>(random());
    if (!std::isfinite(d)) d = -0.0;
    float f = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    if (!std::isfinite(f)) f = std::numeric_limits<float>::denorm_min();
    doubles.push_back(d);
    floats.push_back(f);
    labels.push_back(static_cast<std::uint8_t>(i & 1));
  }
  for (const Scores& scores : {doubles, floats}) {
    const RankedScores ranked(scores, labels);
    Scores expected[2];
    for (std::size_t i = 0; i < scores.size(); ++i) expected[labels[i]].push_back(scores[i]);
    for (Scores& side : expected) std::sort(side.begin(), side.end(), std::greater<>());
    EXPECT_TRUE(std::ranges::equal(ranked.negatives(), expected[0]));
    EXPECT_TRUE(std::ranges::equal(ranked.positives(), expected[1]));
  }
}

TEST(RankedScores, FloatsAndDoublesOfTheSameValueAgree) {
  Case c = random_case(3, 2000, 0);
  std::vector<float> floats(c.scores.begin(), c.scores.end());
  const Scores same(floats.begin(), floats.end());
  EXPECT_EQ(*auroc(floats, c.labels), *auroc(same, c.labels));
  EXPECT_EQ(*average_precision(floats, c.labels), *average_precision(same, c.labels));
  EXPECT_EQ(f1_max(floats, c.labels)->threshold, f1_max(same, c.labels)->threshold);
}

TEST(RankedScores, ZeroAndMinusZeroAreTied) {
  EXPECT_EQ(*auroc(Scores{0.0, -0.0}, Labels{1, 0}), 0.5);
  EXPECT_EQ(*auroc(std::vector<float>{-0.0F, 0.0F}, Labels{1, 0}), 0.5);
}

TEST(RankedScores, OneClassGivesNoValueButAReason) {
  const RankedScores normal(Scores{1, 2}, Labels{0, 0}), anomalous(Scores{1}, Labels{1}),
      none(Scores{}, Labels{});
  EXPECT_EQ(normal.why_not(), "only normal samples: nothing to rank");
  EXPECT_EQ(anomalous.why_not(), "only anomalous samples: nothing to rank");
  EXPECT_EQ(none.why_not(), "no samples");
  for (const RankedScores* one : {&normal, &anomalous, &none}) {
    EXPECT_FALSE(one->auroc() || one->average_precision() || one->f1_max() || one->values().auroc);
  }
  EXPECT_EQ(auroc_adaclip(Scores{1, 2}, Labels{0, 0}), 0);
  EXPECT_FALSE(auroc_mvtec(Scores{1, 2}, Labels{0, 0}));
}

TEST(RankedScores, RefusesWhatCannotBeRanked) {
  const double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
  for (const double bad : {nan, infinity, -infinity}) {
    EXPECT_THROW(RankedScores(Scores{1, bad}, Labels{0, 1}), std::invalid_argument);
    EXPECT_THROW(RankedScores(std::vector<float>{1, static_cast<float>(bad)}, Labels{0, 1}),
                 std::invalid_argument);
    EXPECT_THROW(confusion_at(0.5, Scores{bad}, Labels{0}), std::invalid_argument);
  }
  EXPECT_THROW(RankedScores(Scores{1}, Labels{0, 1}), std::invalid_argument);
}

TEST(RankedScores, EqualScikitLearn) {
  std::ifstream file(LOOKTWICE_TEST_DATA "/metrics/ranking_golden.txt");
  std::string word, line;
  int cases = 0;
  std::getline(file, line);  // where it comes from
  const auto number = [](const std::string& text) -> std::optional<double> {
    if (text == "-") return {};
    return std::strtod(text.c_str(), nullptr);
  };
  for (std::size_t n = 0; file >> word >> word >> n; ++cases) {
    SCOPED_TRACE(word);
    std::optional<double> expected[5];
    for (auto& one : expected) {
      std::string text;
      file >> text;
      one = number(text);
    }
    Scores scores(n);
    Labels labels(n);
    for (std::size_t i = 0; i < n; ++i) {
      std::string score;
      int label = 0;
      file >> score >> label;
      scores[i] = *number(score);
      labels[i] = static_cast<std::uint8_t>(label);
    }
    const RankingValues values = RankedScores(scores, labels).values();
    ASSERT_EQ(values.auroc.has_value(), expected[0].has_value());
    if (!values.auroc) continue;
    EXPECT_NEAR(*values.auroc, *expected[0], 1e-12);
    EXPECT_NEAR(*values.average_precision, *expected[1], 1e-12);
    EXPECT_NEAR(values.f1_max->value, *expected[2], 1e-12);
    EXPECT_EQ(values.f1_max->threshold, *expected[3]);
    EXPECT_NEAR(*average_precision_trapezoid(scores, labels), *expected[4], 1e-12);
  }
  EXPECT_GT(cases, 30);
}

TEST(RankedScores, MonotoneMapsChangeNothing) {
  for (std::uint32_t seed = 0; seed < 50; ++seed) {
    const Case c = random_case(seed, 700, static_cast<int>(seed % 3) * 5);
    const RankingValues before = RankedScores(c.scores, c.labels).values();
    const auto mapped = [&](auto map) {
      Scores to;
      for (const double s : c.scores) to.push_back(map(s));
      return RankedScores(to, c.labels).values();
    };
    for (const RankingValues& after : {mapped([](double s) { return std::ldexp(s, 900); }),
                                       mapped([](double s) { return std::ldexp(s, -40) - 0.0; }),
                                       mapped([](double s) { return s < 0 ? -s * s : s * s; }),
                                       mapped([](double s) { return std::exp(s / 3); })}) {
      EXPECT_EQ(*before.auroc, *after.auroc) << "seed " << seed;
      EXPECT_EQ(*before.average_precision, *after.average_precision) << "seed " << seed;
      EXPECT_EQ(before.f1_max->value, after.f1_max->value) << "seed " << seed;
    }
  }
}

TEST(RankedScores, OrderChangesNothing) {
  for (std::uint32_t seed = 0; seed < 20; ++seed) {
    Case c = random_case(seed, 1500, seed % 2 == 0 ? 0 : 3);
    const RankingValues before = RankedScores(c.scores, c.labels).values();
    std::vector<std::size_t> order(c.scores.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::shuffle(order.begin(), order.end(), std::mt19937(seed));
    Case shuffled;
    for (const std::size_t i : order) {
      shuffled.scores.push_back(c.scores[i]);
      shuffled.labels.push_back(c.labels[i]);
    }
    const RankingValues after = RankedScores(shuffled.scores, shuffled.labels).values();
    EXPECT_EQ(*before.auroc, *after.auroc);
    EXPECT_EQ(*before.average_precision, *after.average_precision);
    EXPECT_EQ(before.f1_max->threshold, after.f1_max->threshold);
  }
}

TEST(RankedScores, SwappedLabelsGiveTheComplement) {
  for (std::uint32_t seed = 0; seed < 50; ++seed) {
    Case c = random_case(seed, 64 + seed, static_cast<int>(seed % 3));
    Labels swapped;
    for (const std::uint8_t label : c.labels) swapped.push_back(label == 0);
    // The counts are integers; each of the two divisions rounds once.
    EXPECT_NEAR(*auroc(c.scores, c.labels) + *auroc(c.scores, swapped), 1, 0x1p-53)
        << "seed " << seed;
    // With 32 of each class nothing rounds: exact.
    c.labels.assign(64, 0);
    std::fill(c.labels.begin(), c.labels.begin() + 32, std::uint8_t{1});
    c.scores.resize(64);
    swapped.assign(64, 1);
    std::fill(swapped.begin(), swapped.begin() + 32, std::uint8_t{0});
    EXPECT_EQ(*auroc(c.scores, swapped), 1 - *auroc(c.scores, c.labels)) << "seed " << seed;
  }
}

TEST(RankedScores, EveryScoreTwiceGivesTheSame) {
  for (std::uint32_t seed = 0; seed < 50; ++seed) {
    Case c = random_case(seed, 300, static_cast<int>(seed % 3));
    const RankingValues once = RankedScores(c.scores, c.labels).values();
    c.scores.insert(c.scores.end(), c.scores.begin(), c.scores.end());
    c.labels.insert(c.labels.end(), c.labels.begin(), c.labels.end());
    const RankingValues twice = RankedScores(c.scores, c.labels).values();
    EXPECT_EQ(*once.auroc, *twice.auroc);
    EXPECT_NEAR(*once.average_precision, *twice.average_precision, 1e-15);
    EXPECT_EQ(once.f1_max->value, twice.f1_max->value);
    EXPECT_EQ(once.f1_max->threshold, twice.f1_max->threshold);
  }
}

// Counting equal scores in float stops at 2^24.
TEST(RankedScores, CountsMoreEqualScoresThanAFloatCan) {
  if (test::kSanitized) GTEST_SKIP() << "minutes under a sanitizer";
  const std::size_t n = (std::size_t{1} << 24) + 3;
  std::vector<float> scores(n, 0.5F);
  Labels labels(n, 0);
  labels[0] = 1;
  scores[0] = 0.25F;
  EXPECT_EQ(*auroc(scores, labels), 0);
  EXPECT_EQ(*average_precision(scores, labels), 1.0 / static_cast<double>(n));
}

// The script of MVTec AD and LOCO, transcribed from its description: ascending scores, normal
// samples first, a point after the first sample of each value and after the last sample.
double slow_auroc_mvtec(const Scores& scores, const Labels& labels) {
  std::vector<std::pair<double, int>> sorted;
  for (std::size_t i = 0; i < scores.size(); ++i) sorted.emplace_back(scores[i], labels[i]);
  std::sort(sorted.begin(), sorted.end());
  double p = 0, n = 0;
  for (const auto& [score, label] : sorted) (label == 1 ? p : n) += 1;
  double tp = p, fp = n, area = 0, x = 1, y = 1;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    (sorted[i].second == 1 ? tp : fp) -= 1;
    if (i > 0 && sorted[i].first == sorted[i - 1].first && i + 1 < sorted.size()) continue;
    area += (x - fp / n) * (y + tp / p) / 2;
    x = fp / n;
    y = tp / p;
  }
  return area;
}

TEST(AurocMvtec, IsTheScriptsAreaAndDiffersOnlyWithTies) {
  // One anomalous and two normal samples, all equal: after the first, normal one the point (1/2,
  // 1), then (0, 0).
  EXPECT_DOUBLE_EQ(*auroc_mvtec(Scores{1, 1, 1}, Labels{1, 0, 0}), 0.75);
  EXPECT_DOUBLE_EQ(*auroc(Scores{1, 1, 1}, Labels{1, 0, 0}), 0.5);
  for (std::uint32_t seed = 0; seed < 100; ++seed) {
    const Case c = random_case(seed, 3 + seed, static_cast<int>(seed % 4));
    EXPECT_NEAR(*auroc_mvtec(c.scores, c.labels), slow_auroc_mvtec(c.scores, c.labels), 1e-13)
        << "seed " << seed;
    if (seed % 4 == 0) {
      EXPECT_NEAR(*auroc_mvtec(c.scores, c.labels), *auroc(c.scores, c.labels), 1e-13);
    }
  }
}

TEST(Confusion, CountsAndRates) {
  const Confusion c = confusion_at(0.5, Scores{0.9, 0.5, 0.2, 0.7, 0.1}, Labels{1, 1, 1, 0, 0});
  EXPECT_EQ(c, (Confusion{2, 1, 1, 1}));
  EXPECT_DOUBLE_EQ(*c.accuracy(), 0.6);
  EXPECT_DOUBLE_EQ(*c.precision(), 2.0 / 3);
  EXPECT_DOUBLE_EQ(*c.recall(), 2.0 / 3);
  EXPECT_DOUBLE_EQ(*c.f1(), 4.0 / 6);
  EXPECT_EQ(c, confusion_of(Labels{1, 1, 0, 1, 0}, Labels{1, 1, 1, 0, 0}));
}

TEST(Confusion, RatesWithoutDenominatorAreEmpty) {
  EXPECT_FALSE(Confusion{}.accuracy());
  EXPECT_FALSE((Confusion{.false_negatives = 3}.precision()));
  EXPECT_EQ(*(Confusion{.false_negatives = 3}.f1()), 0);
  EXPECT_FALSE((Confusion{.false_positives = 3}.recall()));
  EXPECT_FALSE((Confusion{.false_positives = 3}.f1()));
}

}  // namespace
}  // namespace looktwice::metrics
