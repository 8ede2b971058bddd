// MVTec LOCO in small, from folder to report: one mask file per defect, defects that overlap and
// saturate, both kinds of anomalies and their mean.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "adapters/imaging/codec.h"
#include "harness/core/npy.h"
#include "harness/store/run_folder.h"
#include "harness/store/summary.h"
#include "tests/harness/cli/unit.h"

namespace looktwice {
namespace {

using namespace looktwice::testing;

constexpr int kSide = 8;
struct Square {
  int x = 0, y = 0, value = 0;  // 2 x 2
};

std::string png_of(const std::vector<Square>& squares) {
  Image image{.width = kSide, .height = kSide, .channels = 1};
  image.pixels.assign(kSide * kSide, 0);
  for (const Square& square : squares)
    for (const int at : {0, 1, kSide, kSide + 1})
      image.pixels[static_cast<std::size_t>(square.y * kSide + square.x + at)] =
          static_cast<std::uint8_t>(square.value);
  const auto bytes = imaging::make_codec()->encode_png(image);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class Loco : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string root = "mvtec_loco_anomaly_detection/pushpins/";
    const auto sample = [&](const std::string& name, const std::vector<int>& found) {
      folder_.file(root + "test/" + name + ".png", png_of({{1, 1, 90}}));
      AnomalyMap map{.width = kSide, .height = kSide};
      map.values.assign(kSide * kSide, 0.F);
      for (const int at : found) map.values[static_cast<std::size_t>(at)] = 1;
      folder_.file("maps/pushpins/test/" + name + ".npy", npy_of(map));
    };
    sample("good/000", {});
    sample("good/001", {});
    // Half of the defect is found, and half is enough.
    sample("structural_anomalies/000", {0, 1});
    folder_.file(root + "ground_truth/structural_anomalies/000/000.png", png_of({{0, 0, 255}}));
    // The pixel that both defects share: enough for the one, a quarter of the other.
    sample("logical_anomalies/000", {kSide + 1});
    folder_.file(root + "ground_truth/logical_anomalies/000/000.png", png_of({{0, 0, 241}}));
    folder_.file(root + "ground_truth/logical_anomalies/000/001.png", png_of({{1, 1, 253}}));
    config_ = folder_.file(root + "defects_config.json", R"([
      {"defect_name": "scratch", "pixel_value": 255, "saturation_threshold": 0.5, "relative_saturation": true},
      {"defect_name": "two pins", "pixel_value": 241, "saturation_threshold": 1, "relative_saturation": false},
      {"defect_name": "no pin", "pixel_value": 253, "saturation_threshold": 1.0, "relative_saturation": true}])");
  }
  Finished run(const std::vector<std::string>& more = {}) {
    std::vector<std::string> words = {
        "run",
        "--model",
        "predictions",
        "--model_args",
        "maps=" + (folder_.path() / "maps").string() + ",map_score=max",
        "--tasks",
        "zsad.loco",
        "--data_root",
        folder_.path().string(),
        "--output_path",
        run_.string(),
        "--quiet",
        "--resamples",
        "0"};
    words.insert(words.end(), more.begin(), more.end());
    std::filesystem::remove_all(run_);
    return finished(looktwice(words));
  }
  store::Row row(const std::string& metric, const std::string& group = "macro") const {
    for (const store::Row& row : store::read_summary(run_ / "summary.json").rows)
      if (row.metric == metric && row.group == group && row.scorer == "corrected") return row;
    throw std::runtime_error("no row " + metric);
  }
  TemporaryFolder folder_;
  std::filesystem::path config_, run_ = folder_.path() / "run";
};

TEST_F(Loco, BothKindsAndTheirMeanAreReported) {
  const Finished done = run();
  ASSERT_EQ(done.code, 0) << done.err;
  for (const char* group : {"macro", "pooled", "pushpins"}) {
    for (const auto& [name, limit] :
         {std::pair("0.01", 0.01), std::pair("0.05", 0.05), std::pair("0.1", 0.1),
          std::pair("0.3", 0.3), std::pair("1", 1.0)}) {
      const std::string metric = std::string("au_spro_") + name;
      // (1 + 1/4) / 2 at once, the rest ties with every normal pixel: a ramp to (1, 1).
      const double logical = 0.625 + 0.375 * limit / 2;
      EXPECT_NEAR(row(metric + "_structural", group).value.value(), 1, 1e-12) << metric;
      EXPECT_NEAR(row(metric + "_logical", group).value.value(), logical, 1e-12) << metric;
      EXPECT_NEAR(row(metric, group).value.value(), (1 + logical) / 2, 1e-12) << metric;
    }
    EXPECT_EQ(row("map_max_auroc", group).value, 1.0);
    EXPECT_EQ(row("auroc_of_kinds", group).value, 1.0);
    EXPECT_EQ(row("auroc_logical", group).value, 1.0);
  }
  const Finished report = finished(looktwice({"report", run_.string()}));
  for (const char* title : {"AU-sPRO 0.05", "AU-sPRO 0.05 structural", "AU-sPRO 0.05 logical"})
    EXPECT_NE(report.out.find(title), std::string::npos) << report.out;
}

// The maps hold 0 and 1 only: 3 of 11 anomalous pixels are found, none falsely.
TEST_F(Loco, MasksAsGeneratedNeedNoThreshold) {
  ASSERT_EQ(run().code, 0);
  EXPECT_EQ(row("generated_pixel_f1").value, 6.0 / 14);
  EXPECT_EQ(row("generated_pixel_accuracy").value, 248.0 / 256);
  EXPECT_EQ(row("generated_image_f1").value, 1.0);
  EXPECT_EQ(row("generated_image_accuracy").value, 1.0);
  EXPECT_THROW(row("joint_pixel_f1"), std::runtime_error);  // nobody asked
}

TEST_F(Loco, OneThresholdForPixelsAndImages) {
  ASSERT_EQ(run().code, 0);
  const auto scored = [&](const std::string& threshold, const std::string& metrics = {}) {
    std::vector<std::string> words = {"score", run_.string(), "--quiet", "--resamples", "0"};
    if (!threshold.empty()) words.insert(words.end(), {"--pixel_threshold", threshold});
    if (!metrics.empty()) words.insert(words.end(), {"--metrics", metrics});
    return finished(looktwice(words)).code;
  };
  for (const char* how : {"joint", "joint_pooled", "joint_exact", "joint_exact_pooled", "anomalib",
                          "anomalib_pooled"}) {
    ASSERT_EQ(scored(how), 0) << how;
    EXPECT_EQ(row("joint_pixel_f1").value, 6.0 / 14) << how;
    EXPECT_EQ(row("joint_image_accuracy").value, 1.0) << how;
    // The lowest candidate above 0, or the lowest score above it.
    const bool on_grid = std::string(how).starts_with("joint") &&
                         std::string(how).find("exact") == std::string::npos;
    EXPECT_EQ(row("joint_threshold").value, on_grid ? 0.001 : 1.0) << how;
    EXPECT_EQ(row("joint_pixel_f1", "pushpins").threshold, on_grid ? 0.001 : 1.0) << how;
  }
  ASSERT_EQ(scored("", "joint_*"), 0);
  EXPECT_EQ(row("joint_threshold").value, 0.001);
  ASSERT_EQ(scored("0", "joint_*"), 0);  // a number: no search, and 0 calls everything anomalous
  EXPECT_EQ(row("joint_pixel_f1").value, 22.0 / 267);
  EXPECT_EQ(row("pixel_auroc").skipped, 0);
  EXPECT_EQ(scored("highest"), 2);
  EXPECT_EQ(scored("nan"), 2);
}

TEST_F(Loco, ADeviceThatIsNotThereIsTold) {
  ASSERT_EQ(run().code, 0);
  const std::string summary = store::read_text(run_ / "summary.json");
  for (const char* device : {"cuda:99", "gpu", "cuda:x"}) {
    const Finished done =
        finished(looktwice({"score", run_.string(), "--quiet", "--device", device}));
    EXPECT_EQ(done.code, 2) << device;
    EXPECT_NE(done.err.find(std::string("--device=") + device), std::string::npos) << done.err;
  }
  EXPECT_EQ(store::read_text(run_ / "summary.json"), summary);
}

TEST_F(Loco, ABoundOfMemoryChangesNoByte) {
  const std::vector<std::string> all = {"--pixel_threshold", "joint_exact", "--resamples", "9"};
  ASSERT_EQ(run(all).code, 0);
  const std::string summary = store::read_text(run_ / "summary.json");
  std::vector<std::string> bounded = all;
  bounded.insert(bounded.end(), {"--memory", "1"});
  ASSERT_EQ(run(bounded).code, 0);
  EXPECT_EQ(store::read_text(run_ / "summary.json"), summary);
}

TEST_F(Loco, ThreadsChangeNoByte) {
  ASSERT_EQ(run({"--threads", "1"}).code, 0);
  const std::string summary = store::read_text(run_ / "summary.json");
  ASSERT_EQ(run({"--threads", "4"}).code, 0);
  EXPECT_EQ(store::read_text(run_ / "summary.json"), summary);
}

// The maxima of the maps are kept, so that two runs are compared image by image.
TEST_F(Loco, MapMaximaAreTestedByDeLong) {
  const std::string root = "mvtec_loco_anomaly_detection/pushpins/";
  int number = 10;
  for (const auto& [kind, value] :
       {std::pair("good", 0), {"structural_anomalies", 255}, {"logical_anomalies", 241}})
    for (int i = 0; i < 9; ++i, ++number) {
      const std::string name = std::string(kind) + "/0" + std::to_string(number);
      folder_.file(root + "test/" + name + ".png", png_of({{1, 1, 90}}));
      if (value > 0)
        folder_.file(root + "ground_truth/" + name + "/000.png", png_of({{0, 0, value}}));
      for (const int lift : {3, 2}) {
        AnomalyMap map{.width = kSide, .height = kSide};
        map.values.assign(kSide * kSide, 0.F);
        map.values[5] = static_cast<float>((number * lift) % 7 + (value > 0 ? lift : 0));
        folder_.file((lift == 3 ? "maps/pushpins/test/" : "other/pushpins/test/") + name + ".npy",
                     npy_of(map));
      }
    }
  for (const char* name :
       {"structural_anomalies/000", "logical_anomalies/000", "good/000", "good/001"})
    std::filesystem::copy(folder_.path() / "maps/pushpins/test" / (std::string(name) + ".npy"),
                          folder_.path() / "other/pushpins/test" / (std::string(name) + ".npy"));
  ASSERT_EQ(run().code, 0);
  const double value = *row("map_max_auroc", "pooled").value;
  const std::filesystem::path first = folder_.path() / "first";
  std::filesystem::rename(run_, first);
  const Finished other =
      run({"--model_args", "maps=" + (folder_.path() / "other").string() + ",map_score=max"});
  ASSERT_EQ(other.code, 0) << other.err;
  const Finished done = finished(
      looktwice({"compare", first.string(), run_.string(), "--json", "--metrics", "*auroc*"}));
  ASSERT_EQ(done.code, 0) << done.err;
  std::map<std::string, nlohmann::json> tests;
  const auto json = nlohmann::json::parse(done.out);
  for (const auto& test : json["tests"])
    if (test["group"] == "pooled") tests[test["metric"]] = test;
  EXPECT_NEAR(tests["map_max_auroc"]["first_value"], value, 1e-12);
  for (const std::string metric : {"", "_structural", "_logical"}) {
    const auto& test = tests["map_max_auroc" + metric];
    EXPECT_EQ(test["test"], "paired delong") << metric;
    EXPECT_LT(test["p_value"], 1) << metric;
    EXPECT_FALSE(test["interval"].is_null()) << metric;
  }
  // The answer's score is the maximum of the map, too.
  EXPECT_EQ(tests["auroc_of_kinds"]["p_value"], tests["map_max_auroc"]["p_value"]);
  EXPECT_EQ(tests["auroc_logical"]["p_value"], tests["map_max_auroc_logical"]["p_value"]);
}

TEST_F(Loco, AThresholdInPixelsGrowsWithThePicture) {
  ASSERT_EQ(run({"--map_side", "16"}).code, 0);
  EXPECT_NEAR(row("au_spro_0.05_structural").value.value(), 1, 0.01);
}

TEST_F(Loco, AValueThatTheListLacksIsToldWithItsFile) {
  folder_.file("mvtec_loco_anomaly_detection/pushpins/ground_truth/logical_anomalies/000/001.png",
               png_of({{1, 1, 7}}));
  const Finished done = run();
  EXPECT_EQ(done.code, 4);
  EXPECT_NE(done.err.find("001.png: holds the value 7"), std::string::npos) << done.err;
}

TEST_F(Loco, TwoDefectsInOneFileAreRefused) {
  folder_.file("mvtec_loco_anomaly_detection/pushpins/ground_truth/logical_anomalies/000/001.png",
               png_of({{1, 1, 253}, {5, 5, 241}}));
  const Finished done = run();
  EXPECT_EQ(done.code, 4);
  EXPECT_NE(done.err.find("expected one defect per file"), std::string::npos) << done.err;
}

TEST_F(Loco, WithoutTheListThereIsNoSproAndAReason) {
  std::filesystem::remove(config_);
  const Finished done = run();
  ASSERT_EQ(done.code, 0) << done.err;
  EXPECT_NE(done.err.find("there is no sPRO"), std::string::npos) << done.err;
  EXPECT_FALSE(row("au_spro_0.05", "pushpins").value);
  EXPECT_NE(row("au_spro_0.05", "pushpins").reason.find("no structural defect"), std::string::npos);
  EXPECT_TRUE(row("pixel_auroc").value);
}

TEST_F(Loco, AFaultInTheListIsToldWithItsPlace) {
  for (const auto& [text, why] :
       {std::pair(R"([{"pixel_value": 0, "saturation_threshold": 1, "relative_saturation": true}])",
                  "1 to 255"),
        std::pair(R"([{"pixel_value": 9, "saturation_threshold": 2, "relative_saturation": true}])",
                  "0 to 1"),
        std::pair(
            R"([{"pixel_value": 9, "saturation_threshold": 1.5, "relative_saturation": false}])",
            "whole number of pixels"),
        std::pair(R"([{"pixel_value": 9, "relative_saturation": true}])", "missing"),
        std::pair(
            R"([{"pixel_value": "9", "saturation_threshold": 1, "relative_saturation": true}])",
            "expected a number"),
        std::pair("{}", "expected a list")}) {
    folder_.file("mvtec_loco_anomaly_detection/pushpins/defects_config.json", text);
    const Finished done = run();
    EXPECT_EQ(done.code, 4) << text;
    EXPECT_NE(done.err.find("defects_config.json: line 1"), std::string::npos) << done.err;
    EXPECT_NE(done.err.find(why), std::string::npos) << done.err;
  }
}

}  // namespace
}  // namespace looktwice
