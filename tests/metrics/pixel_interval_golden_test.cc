// The intervals of pixel metrics, of one run, of means over classes and of the differences of two
// runs equal those of scripts/golden/pixel_interval_golden.py, which makes the same maps, draws the
// same resamples and works from the definitions.
#include <gtest/gtest.h>

#include "metrics/catalogue.h"
#include "metrics/stats/bootstrap.h"
#include "metrics/stats/mean_over.h"
#include "metrics/stats/paired_tests.h"
#include "tests/metrics/golden.h"

namespace looktwice::metrics {
namespace {

constexpr double kClose = 1e-10;
constexpr int kClasses = 2;
const std::vector<std::string> kNames = {
    "pixel_auroc",       "pixel_average_precision", "pixel_f1_max",    "aupro",
    "pixel_accuracy",    "pixel_precision",         "pixel_recall",    "pixel_f1",
    "pixel_accuracy_at", "pixel_precision_at",      "pixel_recall_at", "pixel_f1_at"};

const Golden& file() {
  static const Golden lines = golden("pixel_interval_golden.txt");
  return lines;
}

struct Picture {
  std::string id = {};
  bool anomalous = false;
  int width = 0, height = 0;
  std::vector<std::uint8_t> mask = {};
  std::vector<float> maps[2] = {};
};

// Scores are multiples of 1/256, so that both sides have the same ones.
std::vector<Picture> pictures(int k) {
  const auto seed = static_cast<std::uint64_t>(only(file(), "options")[0]);
  const auto& sizes = only(file(), "classes");
  const int anomalous = static_cast<int>(sizes[static_cast<std::size_t>(2 * k)]);
  const int all = anomalous + static_cast<int>(sizes[static_cast<std::size_t>(2 * k + 1)]);
  std::vector<Picture> made;
  for (int i = 0; i < all; ++i) {
    RandomStream random({.seed = seed, .tag = stream_tag("picture " + std::to_string(k))},
                        static_cast<std::uint32_t>(i));
    const auto below = [&](int n) {
      return static_cast<int>(random.next() % static_cast<unsigned>(n));
    };
    Picture one{.id = std::to_string(k) + "/" + std::to_string(i),
                .anomalous = i < anomalous,
                .width = i == 2 ? 24 : 11 + i % 5,
                .height = i == 2 ? 20 : 10 + i % 3};
    one.mask.resize(static_cast<std::size_t>(one.width * one.height));
    for (int r = 0; one.anomalous && r < 1 + i % 2; ++r) {
      const int x0 = below(one.width - 3), y0 = below(one.height - 3);
      const int x1 = x0 + 2 + below(5), y1 = y0 + 2 + below(5);
      for (int y = y0; y < std::min(y1, one.height); ++y)
        for (int x = x0; x < std::min(x1, one.width); ++x)
          one.mask[static_cast<std::size_t>(y * one.width + x)] = 1;
    }
    const int levels[] = {below(160), below(160)};
    for (const std::uint8_t is : one.mask) {
      const std::uint32_t both = random.next(), own = random.next();
      for (int run = 0; run < 2; ++run) {
        const auto noise =
            static_cast<int>((both & 255) + (both >> 8 & 255) + (own >> 16 * run & 255));
        one.maps[run].push_back(
            static_cast<float>(noise + levels[run] + (200 - 60 * run) * is - 320) / 256);
      }
    }
    made.push_back(std::move(one));
  }
  return made;
}

std::map<std::string, Value> values_of(int k, int run) {
  const auto& options = only(file(), "options");
  const std::vector<Picture> shown = pictures(k);
  std::map<std::string, Value> values;
  for (const MetricEntry& entry : metric_catalogue()) {
    if (entry.name != "pixel") continue;
    const auto metric = entry.make({.pixel_threshold = options[3],
                                    .fpr_limit = options[2],
                                    .seed = static_cast<std::uint64_t>(options[0]),
                                    .resamples = static_cast<int>(options[1])});
    for (int pass = 0; pass < metric->passes(); ++pass) {
      metric->begin_pass(pass);
      for (const Picture& one : shown)
        metric->add({.id = one.id,
                     .positive = one.anomalous,
                     .map = one.maps[run],
                     .mask = one.mask,
                     .width = one.width,
                     .height = one.height});
      metric->end_pass();
    }
    for (Value& value : metric->values()) values[value.name] = value;
  }
  return values;
}

PairedTest test_of(const Value& a, const Value& b) {
  const auto drawn = [](const Value& one) {
    return DrawnValue{.value = *one.value,
                      .replicates = one.replicates,
                      .widening = one.drawing->widening,
                      .degrees = one.drawing->degrees};
  };
  return *drawn_test(drawn(a), drawn(b));
}

TEST(PixelIntervalGolden, OfOneRun) {
  for (int k = 0; k < kClasses; ++k) {
    const auto values = values_of(k, 0);
    for (const std::string& name : kNames) {
      SCOPED_TRACE(name + " of class " + std::to_string(k));
      const auto& g = only(file(), name + "_" + std::to_string(k));
      const Value& value = values.at(name);
      ASSERT_TRUE(value.interval);
      EXPECT_NEAR(*value.value, g[0], kClose);
      EXPECT_NEAR(value.bias.value_or(0), g[1], kClose);
      EXPECT_NEAR(*value.variance, g[2], kClose);
      EXPECT_NEAR(*value.degrees, g[3], kClose * (1 + g[3]));
      EXPECT_NEAR(value.drawing->widening, g[4], kClose);
      EXPECT_NEAR(value.interval->low, g[5], kClose);
      EXPECT_NEAR(value.interval->high, g[6], kClose);
      const auto& replicates = only(file(), name + "_replicates_" + std::to_string(k));
      for (std::size_t r = 0; r < replicates.size(); ++r)
        EXPECT_NEAR(value.replicates[r], replicates[r], kClose);
    }
  }
}

TEST(PixelIntervalGolden, OfADifference) {
  for (int k = 0; k < kClasses; ++k) {
    const auto a = values_of(k, 0), b = values_of(k, 1);
    for (const std::string& name : kNames) {
      SCOPED_TRACE(name + " of class " + std::to_string(k));
      const auto& g = only(file(), name + "_difference_" + std::to_string(k));
      const PairedTest test = test_of(a.at(name), b.at(name));
      EXPECT_NEAR(test.difference, g[0], kClose);
      EXPECT_NEAR(test.variance, g[1], kClose);
      EXPECT_NEAR(*test.degrees, g[2], kClose * (1 + g[2]));
      EXPECT_NEAR(test.interval->low, g[3], kClose);
      EXPECT_NEAR(test.interval->high, g[4], kClose);
      EXPECT_NEAR(test.p_value, g[5], kClose);
    }
  }
}

TEST(PixelIntervalGolden, OfMeansOverClasses) {
  std::vector<std::map<std::string, Value>> a, b;
  for (int k = 0; k < kClasses; ++k) {
    a.push_back(values_of(k, 0));
    b.push_back(values_of(k, 1));
  }
  for (const std::string& name : kNames) {
    SCOPED_TRACE(name);
    std::vector<Value> classes;
    std::vector<PairedTest> tests;
    for (std::size_t k = 0; k < a.size(); ++k) {
      classes.push_back(a[k].at(name));
      tests.push_back(test_of(a[k].at(name), b[k].at(name)));
    }
    const Value mean = mean_over(classes);
    const auto& g = only(file(), name + "_mean");
    EXPECT_NEAR(*mean.value, g[0], kClose);
    EXPECT_NEAR(mean.interval->low, g[1], kClose);
    EXPECT_NEAR(mean.interval->high, g[2], kClose);
    const PairedTest difference = mean_of_tests(tests);
    const auto& d = only(file(), name + "_difference_mean");
    EXPECT_NEAR(difference.difference, d[0], kClose);
    EXPECT_NEAR(difference.interval->low, d[1], kClose);
    EXPECT_NEAR(difference.interval->high, d[2], kClose);
  }
}

}  // namespace
}  // namespace looktwice::metrics
