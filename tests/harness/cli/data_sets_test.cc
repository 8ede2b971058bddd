// The same commands on different data sets: ELPV in all label conventions against scikit-learn, and
// small folders in the layouts of HeadCT, BrainMRI and MVTec AD.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "adapters/imaging/codec.h"
#include "harness/store/run_folder.h"
#include "harness/store/summary.h"
#include "tests/harness/cli/unit.h"

namespace looktwice {
namespace {

using namespace looktwice::testing;
using nlohmann::json;

double value_of(const store::Summary& summary, const std::string& metric,
                const std::string& group) {
  for (const store::Row& row : summary.rows)
    if (row.metric == metric && row.group == group && row.scorer == "corrected" && row.value)
      return *row.value;
  throw std::runtime_error("no " + metric + " of " + group);
}

// The pictures are not opened: the scores are recorded ones of the real cells (tests/data/elpv).
TEST(DataSets, ElpvGivesWhatScikitLearnGivesInEveryConvention) {
  const std::string data = std::string(LOOKTWICE_TEST_DATA) + "/elpv/";
  const json expected = json::parse(store::read_text(data + "expected.json"));
  const TemporaryFolder folder;
  const std::string labels = store::read_text(data + "labels.csv");
  folder.file("elpv/labels.csv", labels);
  std::istringstream lines(labels);
  for (std::string name, rest; lines >> name && std::getline(lines, rest);)
    folder.file("elpv/" + name, "");
  for (const std::string variant : {"inctrl", "all", "p>0", "p>=0.5"}) {
    const std::filesystem::path run =
        folder.path() / ("run" + std::to_string(variant.size()) + variant.substr(0, 1));
    const Finished done = finished(
        looktwice({"run", "--model", "predictions", "--model_args", "path=" + data + "scores.csv",
                   "--tasks", "zsad.elpv:" + variant, "--data_root", folder.path().string(),
                   "--output_path", run.string(), "--quiet", "--resamples", "10"}));
    ASSERT_EQ(done.code, 0) << variant << done.err;
    const store::Summary summary = store::read_summary(run / "summary.json");
    EXPECT_EQ(summary.tasks[0].counts.samples,
              expected[variant]["normal"].get<int>() + expected[variant]["anomalous"].get<int>());
    for (const char* metric : {"auroc", "average_precision", "f1_max"})
      for (const char* group : {"macro", "pooled", "elpv"})
        EXPECT_NEAR(value_of(summary, metric, group), expected[variant][metric].get<double>(),
                    1e-12)
            << variant << " " << metric;
  }
}

// Noise, with a dark square in anomalous pictures.
std::string picture(int seed, bool anomalous) {
  Image image{.width = 64, .height = 64, .channels = 3};
  unsigned state = static_cast<unsigned>(seed) * 2654435761u + 1;
  for (int p = 0; p < 64 * 64; ++p) {
    state = state * 1664525u + 1013904223u;
    const bool in_square = anomalous && p % 64 > 20 && p % 64 < 40 && p / 64 > 20 && p / 64 < 40;
    for (int c = 0; c < 3; ++c)
      image.pixels.push_back(
          static_cast<std::uint8_t>((in_square ? 10 : 150) + (state >> 24) % 40));
  }
  const auto bytes = imaging::make_codec()->encode_png(image);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class SameCommands : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    std::string labels = "id, hemorrhage\n";
    for (int i = 0; i < 12; ++i) {
      const bool bad = i % 2 == 1;
      const std::string number = std::to_string(i);
      const std::string three = std::string(3 - number.size(), '0') + number;
      const std::string png = picture(i, bad);
      folder_.file("headct/head_ct/" + three + ".png", png);
      labels += number + "," + (bad ? "1" : "0") + "\n";
      for (const char* copy : {"", "brain_tumor_dataset/"})
        folder_.file("brainmri/" + std::string(copy) + (bad ? "yes/Y" : "no/N") + number + ".png",
                     png);
      folder_.file(std::string("folder/screw/test/") + (bad ? "dent/" : "good/") + three + ".png",
                   png);
      if (bad) folder_.file("folder/screw/ground_truth/dent/" + three + "_mask.png", mask());
    }
    folder_.file("headct/labels.csv", labels);
  }
  static std::string mask() {
    Image image{.width = 64, .height = 64, .channels = 1};
    for (int p = 0; p < 64 * 64; ++p)
      image.pixels.push_back(p % 64 > 20 && p % 64 < 40 && p / 64 > 20 && p / 64 < 40 ? 255 : 0);
    const auto bytes = imaging::make_codec()->encode_png(image);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  TemporaryFolder folder_;
};

TEST_P(SameCommands, RunReportAndLeaderboard) {
  const std::string run = (folder_.path() / "run").string();
  const Finished done = finished(
      looktwice({"run", "--model", "baseline", "--tasks", "zsad." + GetParam(), "--data_root",
                 (folder_.path() / GetParam()).string(), "--output_path", run, "--quiet"}));
  ASSERT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(value_of(store::read_summary(run + "/summary.json"), "auroc", "macro"), 1.0);
  for (const char* command : {"report", "leaderboard"}) {
    const Finished shown = finished(looktwice({command, run}));
    EXPECT_EQ(shown.code, 0) << command << shown.err;
    EXPECT_NE(shown.out.find("100"), std::string::npos) << shown.out;
  }
  const Finished verified =
      finished(looktwice({"data", "verify", GetParam(), "--data_root",
                          (folder_.path() / GetParam()).string(), "--quiet"}));
  EXPECT_EQ(verified.code, 0) << verified.out << verified.err;
}

INSTANTIATE_TEST_SUITE_P(Layouts, SameCommands, ::testing::Values("headct", "brainmri", "folder"),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace looktwice
