// Pixel metrics of two folders of anomaly maps, from the files to compare and gate. Every value,
// and every image drawn anew behind a p value, is made again here from the definitions
// (tests/metrics/pixel_reference.h): all that is shared is which images a replicate draws.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>

#include "adapters/imaging/codec.h"
#include "harness/core/npy.h"
#include "harness/store/frame.h"
#include "harness/store/replicates.h"
#include "harness/store/run_folder.h"
#include "harness/store/summary.h"
#include "metrics/stats/bootstrap.h"
#include "tests/harness/cli/unit.h"
#include "tests/metrics/pixel_reference.h"

namespace looktwice {
namespace {

namespace fs = std::filesystem;
using namespace looktwice::testing;
using metrics::reference::Picture;

constexpr int kWidth = 12, kHeight = 10, kOfKind = 7, kResamples = 24;
constexpr float kThreshold = 1.25F;
const std::vector<std::string> kCategories = {"bottle", "cable"};
// CurveValue and decisions at kThreshold, as `values_of` gives them.
const std::vector<std::string> kMetrics = {
    "pixel_auroc",       "pixel_average_precision", "pixel_f1_max",    "aupro",
    "pixel_accuracy_at", "pixel_precision_at",      "pixel_recall_at", "pixel_f1_at"};

struct Maps {
  std::string id = {};
  bool anomalous = false;
  Picture a = {}, b = {};  // the maps of both models
};

std::vector<double> values_of(const std::vector<Picture>& pictures) {
  const metrics::reference::Result curves = metrics::reference::result(pictures, 0.3);
  double tp = 0, fp = 0, fn = 0, tn = 0;
  for (const Picture& one : pictures)
    for (std::size_t i = 0; i < one.map.size(); ++i)
      (one.mask[i] ? (one.map[i] >= kThreshold ? tp : fn) : (one.map[i] >= kThreshold ? fp : tn)) +=
          1;
  return {curves.auroc,   curves.average_precision,        curves.f1_max,
          curves.aupro,   (tp + tn) / (tp + fp + fn + tn), tp / (tp + fp),
          tp / (tp + fn), 2 * tp / (2 * tp + fp + fn)};
}

// Student's distribution by its density.
double student_two_sided(double t, double degrees) {
  const double scale = std::exp(std::lgamma((degrees + 1) / 2) - std::lgamma(degrees / 2)) /
                       std::sqrt(degrees * 3.14159265358979323846);
  const auto density = [&](double x) {
    return scale * std::pow(1 + x * x / degrees, -(degrees + 1) / 2);
  };
  constexpr int kSteps = 20000;  // Simpson's rule
  const double width = std::fabs(t) / kSteps;
  double sum = density(0) + density(std::fabs(t));
  for (int i = 1; i < kSteps; ++i) sum += (i % 2 ? 4 : 2) * density(i * width);
  return 1 - 2 * sum * width / 3;
}

double variance_of(const std::vector<double>& values) {
  const auto n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return squares / (n - 1);
}

class TwoFoldersOfMaps : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<TemporaryFolder>();
    metrics::reference::Random random(20261129);
    for (const std::string& category : kCategories)
      for (int i = 0; i < 2 * kOfKind; ++i) images_[category].push_back(image(random, category, i));
    for (const char* name : {"a", "b"}) {
      const Finished done = finished(run(name));
      ASSERT_EQ(done.code, 0) << done.err;
    }
  }
  static void TearDownTestSuite() { folder_.reset(); }

  // Scores are multiples of 1/4, so that every bin between quantiles holds one of them and the
  // curves of images drawn anew are exact.
  static Maps image(metrics::reference::Random& random, const std::string& category, int i) {
    Maps made{.anomalous = i % 2 == 1};
    const std::string number = std::to_string(100 + i);
    made.id = category + "/test/" + (made.anomalous ? "broken/" : "good/") + number + ".png";
    Image mask{.width = kWidth, .height = kHeight, .channels = 1};
    mask.pixels.assign(kWidth * kHeight, 0);
    if (made.anomalous)
      for (int region = 0; region < 2; ++region) {
        const int x = static_cast<int>(random() % (kWidth - 3)), y = static_cast<int>(random() % 4);
        for (int at = 0; at < 6; ++at)
          mask.pixels[static_cast<std::size_t>((5 * region + y + at / 3) * kWidth + x + at % 3)] =
              255;
      }
    Image picture{.width = kWidth, .height = kHeight, .channels = 3};
    for (int p = 0; p < kWidth * kHeight * 3; ++p)
      picture.pixels.push_back(static_cast<std::uint8_t>((i * 37 + p * 11) % 256));
    write_png("data/" + made.id, picture);
    if (made.anomalous)
      write_png("data/" + category + "/ground_truth/broken/" + number + "_mask.png", mask);
    const unsigned level = random() % 3;  // of the image, shared by both models
    for (Picture* one : {&made.a, &made.b}) {
      *one = {.width = kWidth, .height = kHeight, .mask = mask.pixels};
      const bool weaker = one == &made.b;  // at a quarter of the anomalous pixels
      for (const std::uint8_t anomalous : mask.pixels) {
        const unsigned lift = anomalous ? 3 - (weaker && random() % 4 == 0) : 0;
        one->map.push_back(static_cast<float>(level + random() % 4 + lift) / 4);
      }
      folder_->file(std::string(one == &made.a ? "maps_a/" : "maps_b/") +
                        fs::path(made.id).replace_extension(".npy").string(),
                    npy_of({.width = kWidth, .height = kHeight, .values = one->map}));
    }
    return made;
  }
  static void write_png(const std::string& name, const Image& image) {
    const auto bytes = imaging::make_codec()->encode_png(image);
    folder_->file(name, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }

  static std::string place(const std::string& name) { return (folder_->path() / name).string(); }
  static Command run(const std::string& name) {
    return looktwice({"run",
                      "--model",
                      "predictions",
                      "--model_args",
                      "maps=" + place("maps_" + name) + ",map_score=max",
                      "--tasks",
                      "zsad.folder",
                      "--data_root",
                      place("data"),
                      "--output_path",
                      place(name),
                      "--quiet",
                      "--threads",
                      "1",
                      "--resamples",
                      std::to_string(kResamples),
                      "--metrics",
                      "pixel_*_at",
                      "--pixel_threshold",
                      "1.25"});
  }
  static Finished compare(const std::vector<std::string>& more = {}) {
    std::vector<std::string> words = {"compare", place("a"), place("b"), "--json"};
    words.insert(words.end(), more.begin(), more.end());
    return finished(looktwice(words));
  }
  static nlohmann::json compared() {
    const Finished done = compare();
    EXPECT_EQ(done.code, 0) << done.err;
    return nlohmann::json::parse(done.out)["tests"];
  }
  static nlohmann::json test_of(const nlohmann::json& tests, const std::string& metric,
                                const std::string& group) {
    for (const auto& test : tests)
      if (test["metric"] == metric && test["group"] == group) return test;
    ADD_FAILURE() << "no test of " << metric << " " << group;
    return {};
  }
  static std::map<std::string, std::string> results(const std::string& name) {
    std::map<std::string, std::string> files;
    for (const char* file : {"summary.json", "replicates.jsonl", "outcomes.jsonl"})
      files[file] = store::read_text(fs::path(place(name)) / file);
    return files;
  }
  static int gate(const std::string& rules, nlohmann::json* out = nullptr) {
    const fs::path file = folder_->file("rules.yaml", "rules:\n" + rules);
    const Finished done = finished(looktwice(
        {"gate", place("b"), "--baseline", place("a"), "--rules", file.string(), "--json"}));
    if (out) *out = nlohmann::json::parse(done.out);
    return done.code;
  }

  // In the order in which they are drawn: anomalous before normal, then by id.
  static std::vector<const Maps*> images_of(const std::string& group) {
    std::vector<const Maps*> found;
    for (const auto& [category, images] : images_)
      for (const Maps& one : images)
        if (group == "pooled" || group == category) found.push_back(&one);
    std::ranges::sort(found, {},
                      [](const Maps* one) { return std::pair(!one->anomalous, one->id); });
    return found;
  }
  static std::vector<Picture> maps_of(const std::vector<const Maps*>& images, bool of_a,
                                      const std::vector<std::uint32_t>& times = {}) {
    std::vector<Picture> maps;
    for (std::size_t i = 0; i < images.size(); ++i)
      for (std::uint32_t k = 0; k < (times.empty() ? 1 : times[i]); ++k)
        maps.push_back(of_a ? images[i]->a : images[i]->b);
    return maps;
  }

  // Images drawn anew, and what a test is made of.
  struct Drawn {
    std::vector<std::vector<double>> replicates = {};  // [metric][replicate]
    std::vector<double> widening = {};                 // by metric
  };
  static Drawn drawn(const std::string& group, bool of_a) {
    const std::vector<const Maps*> images = images_of(group);
    const std::size_t n = images.size() / 2, strata[] = {n, n};
    std::uint64_t tag = 0;
    for (const Maps* one : images) tag += metrics::stream_tag(one->id);
    Drawn result{.replicates = std::vector<std::vector<double>>(kMetrics.size())};
    std::vector<std::vector<double>> without(kMetrics.size());
    const auto keep = [&](std::vector<std::vector<double>>& all,
                          const std::vector<std::uint32_t>& times) {
      const std::vector<double> values = values_of(maps_of(images, of_a, times));
      for (std::size_t m = 0; m < values.size(); ++m) all[m].push_back(values[m]);
    };
    for (std::uint32_t r = 0; r < kResamples; ++r) {
      std::vector<std::uint32_t> times(images.size());
      metrics::resample(strata, {.seed = 0, .tag = tag}, r, times);
      keep(result.replicates, times);
    }
    // Without each image in turn, the others of its kind weighed up so that the kind keeps its
    // share: n times each, and the other kind n - 1 times.
    for (std::size_t out = 0; out < images.size(); ++out) {
      std::vector<std::uint32_t> times(images.size());
      for (std::size_t i = 0; i < times.size(); ++i)
        times[i] = static_cast<std::uint32_t>((i < n) == (out < n) ? n : n - 1);
      times[out] = 0;
      keep(without, times);
    }
    const std::vector<double> estimates = values_of(maps_of(images, of_a));
    for (std::size_t m = 0; m < kMetrics.size(); ++m) {
      // The jackknife's variance, kind by kind, on the logit scale.
      double variance = 0;
      for (const std::size_t first : {std::size_t{0}, n}) {
        std::vector<double> logits;
        for (std::size_t i = first; i < first + n; ++i)
          logits.push_back(std::log(without[m][i] / (1 - without[m][i])));
        const auto count = static_cast<double>(n);
        variance += variance_of(logits) * (count - 1) * (count - 1) / count;
      }
      variance *= std::pow(estimates[m] * (1 - estimates[m]), 2);
      result.widening.push_back(variance / variance_of(result.replicates[m]));
    }
    return result;
  }
  // As a run's own report says: metric and group.
  static std::map<std::pair<std::string, std::string>, store::Replicates> kept(
      const std::string& name) {
    std::map<std::pair<std::string, std::string>, store::Replicates> all;
    const fs::path run = place(name);
    const std::string id = nlohmann::json::parse(store::read_text(run / "run.json"))["run"];
    store::for_each_record(run / "replicates.jsonl", "replicates", id,
                           [&](std::string_view object, std::uint64_t, std::uint64_t) {
                             store::Replicates one = store::replicates_of(object);
                             all[{one.metric, one.group}] = std::move(one);
                           });
    return all;
  }

  static std::unique_ptr<TemporaryFolder> folder_;
  static std::map<std::string, std::vector<Maps>> images_;
};
std::unique_ptr<TemporaryFolder> TwoFoldersOfMaps::folder_;
std::map<std::string, std::vector<Maps>> TwoFoldersOfMaps::images_;

TEST_F(TwoFoldersOfMaps, ValuesAreThoseOfTheDefinitionsAndHaveIntervals) {
  for (const bool of_a : {true, false}) {
    std::map<std::pair<std::string, std::string>, store::Row> rows;
    for (const store::Row& row :
         store::read_summary(fs::path(place(of_a ? "a" : "b")) / "summary.json").rows)
      rows[{row.metric, row.group}] = row;
    std::vector<double> sums(kMetrics.size());
    for (const std::string group : {"bottle", "cable", "pooled", "macro"}) {
      std::vector<double> expected = sums;
      if (group == "macro")
        for (double& sum : expected) sum /= static_cast<double>(kCategories.size());
      else
        expected = values_of(maps_of(images_of(group), of_a));
      for (std::size_t m = 0; m < kMetrics.size(); ++m) {
        if (group != "pooled" && group != "macro") sums[m] += expected[m];
        const std::string what = kMetrics[m] + " " + group + (of_a ? " a" : " b");
        ASSERT_TRUE(rows.contains({kMetrics[m], group})) << what;
        const store::Row& row = rows[{kMetrics[m], group}];
        EXPECT_NEAR(row.value.value(), expected[m], 1e-12) << what;
        ASSERT_TRUE(row.interval) << what << ": " << row.no_interval;
        EXPECT_LT(row.interval->low, *row.value) << what;
        EXPECT_GT(row.interval->high, *row.value) << what;
        EXPECT_GE(row.interval->low, 0) << what;
        EXPECT_LE(row.interval->high, 1) << what;
        EXPECT_TRUE(row.interval->method.starts_with("image jackknife")) << row.interval->method;
      }
    }
  }
}

TEST_F(TwoFoldersOfMaps, ReplicatesAreTheValuesOfImagesDrawnAnew) {
  for (const bool of_a : {true, false}) {
    const auto all = kept(of_a ? "a" : "b");
    EXPECT_EQ(all.size(), 3 * kMetrics.size());
    for (const std::string group : {"bottle", "cable", "pooled"}) {
      const Drawn expected = drawn(group, of_a);
      for (std::size_t m = 0; m < kMetrics.size(); ++m) {
        const std::string what = kMetrics[m] + " " + group + (of_a ? " a" : " b");
        const store::Replicates& one = all.at({kMetrics[m], group});
        ASSERT_EQ(one.deviations.size(), static_cast<std::size_t>(kResamples)) << what;
        for (std::size_t r = 0; r < one.deviations.size(); ++r)
          EXPECT_NEAR(one.value + static_cast<double>(one.deviations[r]), expected.replicates[m][r],
                      1e-7)
              << what << " replicate " << r;
        EXPECT_NEAR(one.widening, expected.widening[m], 1e-9) << what;
        EXPECT_GE(one.degrees, 1) << what;
      }
    }
  }
}

TEST_F(TwoFoldersOfMaps, PairedTestsAreThoseOfTheDefinitions) {
  const auto tests = compared();
  const auto of_first = kept("a"), of_second = kept("b");
  struct OfClasses {
    double difference = 0, variance = 0;
  };
  std::vector<OfClasses> macro(kMetrics.size());
  for (const std::string group : {"bottle", "cable", "pooled"}) {
    const Drawn a = drawn(group, true), b = drawn(group, false);
    const std::vector<double> of_a = values_of(maps_of(images_of(group), true)),
                              of_b = values_of(maps_of(images_of(group), false));
    for (std::size_t m = 0; m < kMetrics.size(); ++m) {
      std::vector<double> differences;
      for (int r = 0; r < kResamples; ++r)
        differences.push_back(b.replicates[m][r] - a.replicates[m][r]);
      // Of both models the mean of what their jackknifes say, and the degrees of both.
      const double variance = variance_of(differences) * (a.widening[m] + b.widening[m]) / 2,
                   difference = of_b[m] - of_a[m];
      if (group != "pooled") macro[m].difference += difference, macro[m].variance += variance;
      const auto test = test_of(tests, kMetrics[m], group);
      const std::string what = kMetrics[m] + " " + group;
      EXPECT_EQ(test["test"], "paired image bootstrap") << what;
      EXPECT_NEAR(test["first_value"], of_a[m], 1e-12) << what;
      EXPECT_NEAR(test["second_value"], of_b[m], 1e-12) << what;
      EXPECT_NEAR(test["difference"], difference, 1e-12) << what;
      // The file keeps deviations as floats.
      EXPECT_NEAR(test["p_value"],
                  student_two_sided(difference / std::sqrt(variance),
                                    of_first.at({kMetrics[m], group}).degrees +
                                        of_second.at({kMetrics[m], group}).degrees),
                  1e-5)
          << what;
      EXPECT_LT(test["interval"]["low"], difference) << what;
      EXPECT_GT(test["interval"]["high"], difference) << what;
    }
  }
  for (std::size_t m = 0; m < kMetrics.size(); ++m) {
    const auto test = test_of(tests, kMetrics[m], "macro");
    EXPECT_NEAR(test["difference"], macro[m].difference / 2, 1e-12) << kMetrics[m];
    EXPECT_NEAR(test["p_value"],
                std::erfc(std::fabs(macro[m].difference) / std::sqrt(2 * macro[m].variance)), 1e-5)
        << kMetrics[m];
  }
}

TEST_F(TwoFoldersOfMaps, GateHoldsFloorsAndMarginsOfPixels) {
  const auto tests = compared();
  std::map<std::string, double> values;
  for (const store::Row& row : store::read_summary(fs::path(place("b")) / "summary.json").rows)
    if (row.group == "macro" && row.value) values[row.metric] = 100 * *row.value;
  const auto rule = [](const std::string& metric, const char* key, double limit) {
    return "- {metric: " + metric + ", " + key + ": " + std::to_string(limit) + "}\n";
  };
  std::string floors, margins;
  for (const std::string& metric : kMetrics) {
    const double value = values.at(metric);
    // A difference as bad as the low end of the paired interval is what a margin must allow.
    const double worst = -100 * test_of(tests, metric, "macro")["interval"]["low"].get<double>();
    ASSERT_GT(worst, 0) << metric;
    floors += rule(metric, "floor", value - 0.01);
    margins += rule(metric, "margin", worst + 0.01);
    EXPECT_EQ(gate(rule(metric, "floor", value + 0.01)), 1) << metric;
    EXPECT_EQ(gate(rule(metric, "margin", worst - 0.01)), 1) << metric;
  }
  nlohmann::json out;
  EXPECT_EQ(gate(floors + margins, &out), 0) << out;
  EXPECT_EQ(out["checks"].size(), 2 * kMetrics.size());
}

TEST_F(TwoFoldersOfMaps, ThreadsChangeNoByte) {
  const auto scored = [](const char* threads) {
    const Finished done = finished(looktwice(
        {"score", place("b"), "--quiet", "--threads", threads, "--resamples",
         std::to_string(kResamples), "--metrics", "pixel_*_at", "--pixel_threshold", "1.25"}));
    EXPECT_EQ(done.code, 0) << done.err;
    return results("b");
  };
  const auto before = results("b");
  EXPECT_EQ(scored("4"), before);
  EXPECT_EQ(scored("1"), before);
  const std::string one = compare({"--threads", "1"}).out;
  EXPECT_FALSE(one.empty());
  EXPECT_EQ(compare({"--threads", "4"}).out, one);
}

TEST_F(TwoFoldersOfMaps, ARunThatWasCutOffEndsWithTheSameBytes) {
  const auto before = results("b");
  const std::string tests = compare().out;
  const fs::path journal = fs::path(place("b")) / "predictions.jsonl";
  const std::string whole = store::read_text(journal);
  store::write_whole(journal, whole.substr(0, whole.size() / 2));  // in the middle of a line
  for (const auto& [file, text] : before) fs::remove(fs::path(place("b")) / file);
  const Finished again = finished(run("b"));
  ASSERT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(results("b"), before);
  EXPECT_EQ(compare().out, tests);
}

TEST_F(TwoFoldersOfMaps, OtherDrawsAreNotPaired) {
  const auto scored = [](const std::vector<std::string>& more) {
    std::vector<std::string> words = {"score",      place("b"),          "--quiet", "--metrics",
                                      "pixel_*_at", "--pixel_threshold", "1.25"};
    words.insert(words.end(), more.begin(), more.end());
    EXPECT_EQ(finished(looktwice(words)).code, 0);
  };
  const std::string resamples = std::to_string(kResamples);
  scored({"--resamples", resamples, "--seed", "1"});
  const auto seeded = test_of(compared(), "aupro", "pooled");
  EXPECT_TRUE(seeded["p_value"].is_null());
  EXPECT_NE(seeded["reason"].get<std::string>().find("different seeds"), std::string::npos);
  EXPECT_EQ(gate("- {metric: aupro, margin: 99}\n"), 1);
  scored({"--resamples", "0"});
  EXPECT_EQ(test_of(compared(), "aupro", "pooled")["reason"], "no test: --resamples=0");
  EXPECT_FALSE(fs::exists(fs::path(place("b")) / "replicates.jsonl"));
  scored({"--resamples", resamples});
  EXPECT_FALSE(test_of(compared(), "aupro", "pooled")["p_value"].is_null());
}

}  // namespace
}  // namespace looktwice
