#include "reports/curves.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <set>

namespace looktwice::reports {
namespace {

std::vector<ScoredSample> samples(const std::vector<double>& normal,
                                  const std::vector<double>& anomalous) {
  std::vector<ScoredSample> all;
  for (const double score : normal) all.push_back({.score = score});
  for (const double score : anomalous) all.push_back({.score = score, .anomalous = true});
  return all;
}

double area_under(const std::vector<Point>& line) {
  double area = 0;
  for (std::size_t i = 1; i < line.size(); ++i)
    area += (line[i].x - line[i - 1].x) * (line[i].y + line[i - 1].y) / 2;
  return area;
}

// Few distinct values, so that ties are many.
std::vector<ScoredSample> random_samples(std::uint32_t seed, int count) {
  std::mt19937 random(seed);
  std::vector<ScoredSample> all;
  for (int i = 0; i < count; ++i) {
    const bool anomalous = random() % 3 == 0;
    all.push_back({.score = static_cast<double>(random() % 40 + (anomalous ? 8 : 0)),
                   .anomalous = anomalous});
  }
  return all;
}

TEST(Curves, RocByHand) {
  // Scores 3+ 2- 2+ 1-: half of the anomalous above all, then a tie of one each.
  const auto curve = roc_curve(samples({2, 1}, {3, 2}));
  ASSERT_EQ(curve.size(), 4u);
  const double expected[4][2] = {{0, 0}, {0, 0.5}, {0.5, 1}, {1, 1}};
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(curve[i].x, expected[i][0]) << i;
    EXPECT_EQ(curve[i].y, expected[i][1]) << i;
  }
}

TEST(Curves, PrecisionRecallByHand) {
  const auto curve = precision_recall_curve(samples({2, 1}, {3, 2}));
  // Precision 1 up to recall 1/2, then 2/3 up to 1; the last threshold adds no recall.
  ASSERT_EQ(curve.size(), 6u);
  EXPECT_EQ(curve[1].x, 0.5);
  EXPECT_EQ(curve[1].y, 1);
  EXPECT_EQ(curve[3].x, 1);
  EXPECT_DOUBLE_EQ(curve[3].y, 2.0 / 3);
  EXPECT_DOUBLE_EQ(area_under(curve), 0.5 + 0.5 * 2 / 3);
}

TEST(Curves, OneClassHasNoCurve) {
  EXPECT_TRUE(roc_curve(samples({1, 2}, {})).empty());
  EXPECT_TRUE(roc_curve(samples({}, {1})).empty());
  EXPECT_TRUE(roc_curve({}).empty());
  EXPECT_TRUE(precision_recall_curve(samples({1, 2}, {})).empty());
}

TEST(Curves, PointsAgreeWithCountingAtEveryThreshold) {
  for (std::uint32_t seed = 1; seed <= 50; ++seed) {
    const auto all = random_samples(seed, 60);
    std::set<double, std::greater<>> thresholds;
    double positives = 0, negatives = 0;
    for (const ScoredSample& sample : all) {
      thresholds.insert(sample.score);
      ++(sample.anomalous ? positives : negatives);
    }
    const auto roc = roc_curve(all);
    const auto pr = precision_recall_curve(all);
    ASSERT_EQ(roc.size(), thresholds.size() + 1) << "seed " << seed;
    std::size_t i = 1;
    for (const double threshold : thresholds) {
      double tp = 0, fp = 0;
      for (const ScoredSample& sample : all)
        if (sample.score >= threshold) ++(sample.anomalous ? tp : fp);
      EXPECT_EQ(roc[i].x, fp / negatives) << "seed " << seed;
      EXPECT_EQ(roc[i].y, tp / positives) << "seed " << seed;
      EXPECT_EQ(pr[2 * i - 1].x, tp / positives) << "seed " << seed;
      EXPECT_EQ(pr[2 * i - 1].y, tp / (tp + fp)) << "seed " << seed;
      ++i;
    }
  }
}

TEST(Curves, AreasAreThoseOfTheMetrics) {
  for (std::uint32_t seed = 1; seed <= 50; ++seed) {
    const auto all = random_samples(seed, 80);
    double wins = 0, pairs = 0, precision_sum = 0, positives = 0;
    for (const ScoredSample& a : all) {
      if (!a.anomalous) continue;
      ++positives;
      double tp = 0, above = 0;
      for (const ScoredSample& b : all) {
        if (b.score >= a.score) {
          ++above;
          tp += b.anomalous;
        }
        if (b.anomalous) continue;
        ++pairs;
        wins += a.score > b.score ? 1 : a.score == b.score ? 0.5 : 0;
      }
      precision_sum += tp / above;  // ties share the precision of their group
    }
    EXPECT_NEAR(area_under(roc_curve(all)), wins / pairs, 1e-12) << "seed " << seed;
    EXPECT_NEAR(area_under(precision_recall_curve(all)), precision_sum / positives, 1e-12)
        << "seed " << seed;
  }
}

TEST(Curves, ThinningKeepsTheLineWithinTheTolerance) {
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    std::mt19937 random(seed);
    std::vector<Point> line;
    double x = 0, y = 0;
    for (int i = 0; i < 20000; ++i) {
      line.push_back({x, y});
      if (random() % 2)
        x += 0.01;
      else
        y += 0.01;
    }
    const double tolerance = 0.25;
    const auto thin = thinned(line, tolerance);
    EXPECT_LT(thin.size(), line.size() / 5) << "seed " << seed;
    EXPECT_EQ(thin.front().x, line.front().x);
    EXPECT_EQ(thin.back().y, line.back().y);
    // Every point of the line lies near the thinned one.
    std::size_t at = 0;
    for (const Point& point : line) {
      while (at + 2 < thin.size() && thin[at + 1].x < point.x) ++at;
      double nearest = 1e9;
      for (std::size_t i = at > 2 ? at - 2 : 0; i + 1 < thin.size() && i < at + 4; ++i) {
        const Point &a = thin[i], &b = thin[i + 1];
        const double dx = b.x - a.x, dy = b.y - a.y, length = dx * dx + dy * dy;
        const double t =
            length > 0
                ? std::clamp(((point.x - a.x) * dx + (point.y - a.y) * dy) / length, 0.0, 1.0)
                : 0;
        nearest = std::min(nearest, std::hypot(point.x - a.x - t * dx, point.y - a.y - t * dy));
      }
      ASSERT_LE(nearest, tolerance) << "seed " << seed << " at " << point.x << " " << point.y;
    }
  }
}

TEST(Curves, ShortLinesAreNotThinned) {
  const std::vector<Point> line = {{0, 0}, {1, 5}, {2, 0}};
  EXPECT_EQ(thinned(line, 0.25).size(), 3u);
  EXPECT_TRUE(thinned({}, 0.25).empty());
}

TEST(Histogram, CountsEverySampleOnce) {
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    auto all = random_samples(seed, 1000);
    if (seed % 2) all.push_back({.score = 1e9});
    const Histogram bins = histogram(all, 40);
    std::int64_t normal = 0, anomalous = 0, expected = 0;
    for (std::size_t i = 0; i < 40; ++i) normal += bins.normal[i], anomalous += bins.anomalous[i];
    for (const ScoredSample& sample : all) expected += sample.anomalous;
    EXPECT_EQ(anomalous, expected);
    EXPECT_EQ(normal + anomalous, static_cast<std::int64_t>(all.size()));
    EXPECT_EQ(bins.open_high, seed % 2 == 1) << "seed " << seed;
  }
}

TEST(Histogram, ByHand) {
  const Histogram bins = histogram(samples({0, 1, 1.9}, {3, 4}), 4);
  EXPECT_EQ(bins.low, 0);
  EXPECT_EQ(bins.width, 1);
  EXPECT_EQ(bins.normal, (std::vector<std::int64_t>{1, 2, 0, 0}));
  EXPECT_EQ(bins.anomalous, (std::vector<std::int64_t>{0, 0, 0, 2}));
}

TEST(Histogram, StrangeScoresAreNoTrouble) {
  const double huge = std::numeric_limits<double>::max();
  const double tiny = std::numeric_limits<double>::denorm_min();
  for (const auto& scores : std::vector<std::vector<double>>{{5},
                                                             {5, 5, 5},
                                                             {-huge, huge},
                                                             {huge, huge},
                                                             {0, tiny},
                                                             {-tiny, tiny},
                                                             {1e308, -1e308, 0}}) {
    const Histogram bins = histogram(samples(scores, {scores[0]}), 40);
    std::int64_t count = 0;
    for (std::size_t i = 0; i < 40; ++i) count += bins.normal[i] + bins.anomalous[i];
    EXPECT_EQ(count, static_cast<std::int64_t>(scores.size()) + 1);
    EXPECT_TRUE(std::isfinite(bins.low) && std::isfinite(bins.width));
  }
  EXPECT_TRUE(histogram({}, 40).normal.empty());
}

}  // namespace
}  // namespace looktwice::reports
