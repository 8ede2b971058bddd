// Intervals of pixel metrics: held against resamples of images whose pixels are all ranked, one by
// one. Coverage by simulation: benchmarks/pixel_coverage.cc.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <map>

#include "metrics/binary/ranked_scores.h"
#include "metrics/catalogue.h"
#include "metrics/stats/bootstrap.h"
#include "metrics/stats/delong.h"
#include "metrics/stats/distributions.h"
#include "metrics/stats/logit_interval.h"
#include "metrics/stats/paired_tests.h"
#include "metrics/stats/proportion.h"
#include "metrics/stats/shared_normals.h"
#include "tests/metrics/pixel_reference.h"

namespace looktwice::metrics {
namespace {

using reference::Picture;
using reference::Random;

// Pictures 0, 1, ...; the last ones are normal.
std::vector<Picture> pictures_of(unsigned seed, int anomalous, int normal, float apart = 1.F) {
  Random random(seed);
  std::vector<Picture> pictures = reference::random_pictures(
      random, anomalous + normal, 24,
      [&](bool a) { return std::normal_distribution<float>(a ? apart : 0.F, 1)(random); });
  pictures.pop_back();  // one of two pixels
  for (int i = 0; i < anomalous + normal; ++i) {
    Picture& one = pictures[static_cast<std::size_t>(i)];
    const float level = std::normal_distribution<float>(0, 0.5F)(random);
    for (float& score : one.map) score += level;
    if (i < anomalous) one.mask[0] = 1;
    if (i >= anomalous) one.mask.assign(one.map.size(), 0);
  }
  return pictures;
}

std::map<std::string, Value> values_of(const std::vector<Picture>& pictures, int anomalous,
                                       const MetricOptions& options, std::size_t parts = 1,
                                       bool reversed = false, const std::string& family = "pixel") {
  std::map<std::string, Value> values;
  for (const MetricEntry& entry : metric_catalogue()) {
    if (entry.name != family) continue;
    const auto metric = entry.make(options);
    for (int pass = 0; pass < metric->passes(); ++pass) {
      metric->begin_pass(pass);
      std::vector<std::unique_ptr<Metric>> all;
      for (std::size_t p = 0; p < parts; ++p) all.push_back(metric->clone_empty());
      for (std::size_t k = 0; k < pictures.size(); ++k) {
        const std::size_t i = reversed ? pictures.size() - 1 - k : k;
        const Picture& one = pictures[i];
        std::vector<std::uint8_t> called;
        for (const float score : one.map) called.push_back(score >= 0.5F);
        all[k % parts]->add({.id = "picture " + std::to_string(i),
                             .positive = static_cast<int>(i) < anomalous,
                             .map = one.map,
                             .mask = one.mask,
                             .width = one.width,
                             .height = one.height,
                             .called = called});
      }
      for (const auto& part : all) metric->merge(*part);
      metric->end_pass();
    }
    for (Value& value : metric->values()) values[value.name] = value;
  }
  return values;
}

// The pictures in the order in which they are drawn: anomalous ones first, each class by its id.
std::vector<std::size_t> order_of(std::size_t all, std::size_t anomalous) {
  std::vector<std::size_t> order(all);
  for (std::size_t i = 0; i < all; ++i) order[i] = i;
  std::ranges::sort(order, {}, [&](std::size_t i) {
    return std::pair(i >= anomalous, "picture " + std::to_string(i));
  });
  return order;
}

TEST(PixelIntervals, ReplicatesAreThoseOfAllPixelsRanked) {
  constexpr int kAnomalous = 9, kNormal = 7, kTimes = 40;
  for (unsigned seed = 0; seed < 3; ++seed) {
    const auto pictures = pictures_of(seed, kAnomalous, kNormal);
    const auto values = values_of(pictures, kAnomalous, {.seed = seed, .resamples = kTimes});
    const auto order = order_of(pictures.size(), kAnomalous);
    std::uint64_t tag = 0;
    for (std::size_t i = 0; i < pictures.size(); ++i)
      tag += stream_tag("picture " + std::to_string(i));
    const std::size_t strata[] = {kAnomalous, kNormal};
    std::vector<std::uint32_t> counts(pictures.size());
    // Bins hold a 512th of a class at most, or one score; what that moves a value by.
    constexpr double kBin = 2.0 / 512;
    for (std::uint32_t r = 0; r < kTimes; ++r) {
      resample(strata, {.seed = seed, .tag = tag}, r, counts);
      std::vector<Picture> drawn;
      for (std::size_t i = 0; i < counts.size(); ++i)
        for (std::uint32_t n = 0; n < counts[i]; ++n) drawn.push_back(pictures[order[i]]);
      const PixelResult exact = reference::streamed(drawn, {});
      const std::string where = "seed " + std::to_string(seed) + ", replicate " + std::to_string(r);
      EXPECT_NEAR(values.at("pixel_auroc").replicates[r], *exact.auroc, kBin) << where;
      EXPECT_NEAR(values.at("pixel_average_precision").replicates[r], *exact.average_precision,
                  4 * kBin)
          << where;
      EXPECT_NEAR(values.at("pixel_f1_max").replicates[r], exact.f1_max->value, 2 * kBin) << where;
      EXPECT_NEAR(values.at("aupro").replicates[r], *exact.aupro, 4 * kBin) << where;
      EXPECT_NEAR(values.at("pixel_f1_at").replicates[r], *exact.at_threshold.f1(), 1e-12) << where;
      EXPECT_NEAR(values.at("pixel_precision").replicates[r], *exact.at_half.precision(), 1e-12)
          << where;
    }
    for (const char* name :
         {"pixel_auroc", "pixel_average_precision", "pixel_f1_max", "aupro", "aupro_mvtec",
          "aupro_anomalib", "pixel_accuracy", "pixel_recall_at"}) {
      const Value& value = values.at(name);
      ASSERT_TRUE(value.interval) << name << ": " << value.no_interval;
      EXPECT_LT(value.interval->low, *value.value) << name;
      EXPECT_GT(value.interval->high, *value.value) << name;
    }
    EXPECT_FALSE(values.at("aupro_anomalyclip").interval);
    EXPECT_NE(values.at("aupro_anomalyclip").no_interval, "");
  }
}

TEST(PixelIntervals, OrderPartsThreadsAndMonotoneMapsChangeNoBit) {
  const auto pictures = pictures_of(5, 8, 6);
  const auto whole = values_of(pictures, 8, {.pixel_threshold = 0.25, .resamples = 50});
  auto monotone = pictures;
  for (Picture& one : monotone)
    for (float& score : one.map) score = 8 * score + 3;
  const auto same = [&](const std::map<std::string, Value>& others, const char* what) {
    for (const auto& [name, value] : whole) {
      const Value& other = others.at(name);
      if (std::string(what) == "monotone" && (name == "pixel_accuracy" || name == "pixel_f1" ||
                                              name == "pixel_precision" || name == "pixel_recall"))
        continue;  // at 0.5 whatever the scores
      ASSERT_EQ(value.interval.has_value(), other.interval.has_value()) << what << name;
      if (!value.interval) continue;
      EXPECT_EQ(value.replicates, other.replicates) << what << name;
      EXPECT_EQ(std::bit_cast<std::uint64_t>(value.interval->low),
                std::bit_cast<std::uint64_t>(other.interval->low))
          << what << name;
    }
  };
  const MetricOptions options{.pixel_threshold = 0.25, .resamples = 50};
  same(values_of(pictures, 8, options, 3, true), "parts ");
  MetricOptions threads = options;
  threads.threads = 4;
  same(values_of(pictures, 8, threads), "threads ");
  MetricOptions moved = options;
  moved.pixel_threshold = 8 * 0.25 + 3;
  auto of_moved = values_of(monotone, 8, moved);
  of_moved.at("aupro_anomalyclip") = whole.at("aupro_anomalyclip");
  same(of_moved, "monotone");
}

TEST(PixelIntervals, WhereThereIsNoneTheReasonIsGiven) {
  const auto one = pictures_of(1, 1, 5);
  const auto values = values_of(one, 1, {.resamples = 20});
  EXPECT_TRUE(values.at("pixel_auroc").value);
  EXPECT_FALSE(values.at("pixel_auroc").interval);
  EXPECT_EQ(values.at("pixel_auroc").no_interval,
            "one anomalous image: how much images differ is not known");
  EXPECT_EQ(values_of(pictures_of(1, 4, 4), 4, {.resamples = 0}).at("pixel_auroc").no_interval,
            "--resamples=0");
  // Perfectly apart: no resample can be worse.
  auto pictures = pictures_of(1, 4, 4);
  for (Picture& picture : pictures)
    for (std::size_t i = 0; i < picture.map.size(); ++i)
      if (picture.mask[i] != 0) picture.map[i] = 100;
  const auto apart = values_of(pictures, 4, {.resamples = 20});
  EXPECT_EQ(apart.at("pixel_auroc").value, 1.0);
  EXPECT_EQ(apart.at("pixel_auroc").no_interval, "no resample of the images changes the value");
}

TEST(PixelIntervals, MasksAsGeneratedHaveWilsonsForImages) {
  auto pictures = pictures_of(3, 6, 6);
  for (Picture& one : pictures)
    for (float& score : one.map) score = score >= 0.5F ? 1.F : 0.F;
  const auto values = values_of(pictures, 6, {.resamples = 50}, 1, false, "generated");
  const Value& images = values.at("generated_image_accuracy");
  const Interval expected = wilson(static_cast<std::int64_t>(std::lround(*images.value * 12)), 12);
  EXPECT_EQ(images.interval->low, expected.low);
  EXPECT_EQ(images.interval->high, expected.high);
  const Value& f1 = values.at("generated_image_f1");
  EXPECT_NEAR(
      f1.interval->low,
      logit_interval(*f1.value, 0, deviation_of(f1.replicates), normal_quantile(0.975), 0.95, {})
          .low,
      1e-12);
  EXPECT_TRUE(values.at("generated_pixel_f1").interval);
  EXPECT_TRUE(values.at("generated_pixel_accuracy").interval);
}

// The accuracy of pixels is a plain mean over images of one size, so the jackknife's variance is
// that of the mean of each kind of image, on the logit scale to first order.
TEST(PixelIntervals, TheVarianceOfAMeanIsThatOfItsImages) {
  std::vector<Picture> pictures;
  const int wrong[] = {4, 5, 6, 5, 4, 6, 5, 5};  // of 400 pixels; four images of each kind
  for (int i = 0; i < 8; ++i) {
    Picture one{.width = 20, .height = 20};
    one.mask.assign(400, 0);
    one.map.assign(400, 0);
    for (std::size_t at = 0; i < 4 && at < 100; ++at) one.mask[at] = 1, one.map[at] = 1;
    for (int at = 0; at < wrong[i]; ++at) one.map[static_cast<std::size_t>(at + 200)] = 1;
    pictures.push_back(std::move(one));
  }
  const Value accuracy = values_of(pictures, 4, {.resamples = 50}).at("pixel_accuracy");
  EXPECT_NEAR(*accuracy.value, 0.9875, 1e-12);
  // Each kind deviates from its mean of five by two squares; n - 1 = 3, and it is half the mean.
  EXPECT_NEAR(*accuracy.variance, 2 * 2.0 / 3 / 4 / 4 / 400 / 400, 1e-8);
  EXPECT_NEAR(accuracy.drawing->widening * std::pow(deviation_of(accuracy.replicates), 2),
              *accuracy.variance, 1e-15);
}

// Without the one image that errs the value is 1, which no logit has: then as it is.
TEST(PixelIntervals, OneImageThatErrsStillGivesAnInterval) {
  std::vector<Picture> pictures;
  for (int i = 0; i < 8; ++i) {
    Picture one{.width = 20, .height = 20};
    one.mask.assign(400, 0);
    for (std::size_t at = 0; i < 4 && at < 100; ++at) one.mask[at] = 1;
    one.map.assign(one.mask.begin(), one.mask.end());
    if (i == 0)
      for (std::size_t at = 0; at < 50; ++at) one.map[at] = 0;
    pictures.push_back(std::move(one));
  }
  const Value recall = values_of(pictures, 4, {.resamples = 50}).at("pixel_recall");
  EXPECT_NEAR(*recall.value, 0.875, 1e-12);
  // Without an image: 1, or 250 of 300; three times that varies by 1/48, a fourth of it counts.
  const double apart = 3 * (1 - 250.0 / 300);
  EXPECT_NEAR(*recall.variance, apart * apart * 3 / 4 / 3 / 4, 1e-12);
  EXPECT_LT(recall.interval->low, 0.75);
  EXPECT_GT(recall.interval->high, 0.875);
}

TEST(PixelIntervals, MasksThatFindAllImagesHaveBoundsOfBothClasses) {
  auto pictures = pictures_of(3, 6, 6);
  for (Picture& one : pictures)
    for (std::size_t i = 0; i < one.map.size(); ++i) one.map[i] = one.mask[i];
  const Value f1 =
      values_of(pictures, 6, {.resamples = 50}, 1, false, "generated").at("generated_image_f1");
  EXPECT_EQ(f1.value, 1.0);
  // Recall from 6 of 6 and false alarms in 0 of 6: Wilson's bounds 0.610 and 0.390.
  const double recall = wilson(6, 6).low, alarms = wilson(0, 6).high;
  EXPECT_NEAR(f1.interval->low, 1 - std::hypot(1 - 2 * recall / (recall + 1), 1 - 2 / (2 + alarms)),
              1e-12);
  EXPECT_EQ(f1.no_interval, "");
}

TEST(MeanOfKinds, IsDeLongsWithNormalSamplesThatBothShare) {
  // By the definition: structural components of every sample, shared ones averaged first.
  const KindScores kinds[] = {{{3, 1, 2, 0, 2.5}, {1, 1, 0, 0, 0}},
                              {{4, 2, 2, 0, 2.5}, {1, 1, 0, 0, 0}}};
  const auto wins = [](double p, double n) { return p > n ? 1.0 : p == n ? 0.5 : 0.0; };
  double mean = 0, variance = 0;
  std::vector<double> shared(3, 0);
  for (const KindScores& kind : kinds) {
    std::vector<double> own(2, 0);
    for (std::size_t p = 0; p < 2; ++p)
      for (std::size_t n = 0; n < 3; ++n) {
        const double win = wins(kind.scores[p], kind.scores[2 + n]);
        own[p] += win / 3;
        shared[n] += win / 2 / 2;
        mean += win / 6 / 2;
      }
    variance += std::pow(deviation_of(own), 2) / 2 / 4;
  }
  variance += std::pow(deviation_of(shared), 2) / 3;
  const auto found = mean_of_kinds(kinds);
  EXPECT_NEAR(found->value, mean, 1e-15);
  EXPECT_NEAR(found->variance, variance, 1e-15);
  // One kind is DeLong's own.
  EXPECT_NEAR(mean_of_kinds(std::span(kinds, 1))->variance,
              delong(kinds[0].scores, kinds[0].positive)->variance, 1e-15);
}

TEST(DrawnTest, PairsReplicateByReplicate) {
  // b is a, lower by 0.01 or 0.03: the difference varies by that alone.
  std::vector<double> a, b;
  for (int r = 0; r < 100; ++r) {
    a.push_back(0.8 + 0.001 * (r % 10));
    b.push_back(a.back() - (r % 2 ? 0.01 : 0.03));
  }
  const auto test = drawn_test({.value = 0.8045, .replicates = a, .widening = 1.1, .degrees = 10},
                               {.value = 0.7845, .replicates = b, .widening = 1.2, .degrees = 20});
  EXPECT_NEAR(test->difference, 0.02, 1e-15);
  EXPECT_NEAR(test->variance, 1.15 * 1e-4 * 100 / 99, 1e-12);
  EXPECT_EQ(test->degrees, 30);
  EXPECT_NEAR(test->p_value, 0.0733505, 1e-7);  // t = 1.8557 at 30 degrees
  EXPECT_LT(test->interval->low, 0.02);
  const auto same = drawn_test({.value = 0.8, .replicates = a, .degrees = 9},
                               {.value = 0.8, .replicates = a, .degrees = 9});
  EXPECT_EQ(same->p_value, 1);
  EXPECT_EQ(same->interval->low, 0);
  // Apart by the same step in every replicate: nothing tells how far it may vary.
  std::vector<double> shifted = a;
  for (double& one : shifted) one -= 0.25;
  EXPECT_FALSE(drawn_test({.value = 0.8, .replicates = a, .degrees = 9},
                          {.value = 0.55, .replicates = shifted, .degrees = 9}));
}

}  // namespace
}  // namespace looktwice::metrics
