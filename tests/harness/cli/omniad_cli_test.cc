// MMAD and mask detection in miniature, 0- and 1-shot, answered by a small Qwen2.5-VL checkpoint
// from command to report: nothing it says is right, and every step of the way is the real one.
#include <gtest/gtest.h>

#include "adapters/imaging/codec.h"
#include "harness/store/manifest.h"
#include "harness/store/run_folder.h"
#include "harness/store/summary.h"
#include "tests/harness/cli/unit.h"
#include "tests/suites/mmad/miniature_mmad.h"

namespace looktwice {
namespace {

namespace fs = std::filesystem;
using namespace looktwice::testing;

std::string png_of(int seed, int width = 60, int height = 44) {
  Image image{.width = width, .height = height, .channels = 3};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < 3; ++c)
        image.pixels.push_back(static_cast<std::uint8_t>((x * (5 + c) + y * 3 + seed * 37) % 251));
  const auto bytes = imaging::make_codec()->encode_png(image);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Finished run(const fs::path& data, const fs::path& output, const std::string& task,
             const std::string& arguments, const std::vector<std::string>& more) {
  std::vector<std::string> words = {
      "run",
      "--model",
      "omniad",
      "--model_args",
      "checkpoint=" LOOKTWICE_TEST_DATA "/omniad_other/checkpoint" + arguments,
      "--tasks",
      task,
      "--data_root",
      data.string(),
      "--output_path",
      output.string(),
      "--quiet",
      "--resamples",
      "20",
      "--threads",
      "1"};
  words.insert(words.end(), more.begin(), more.end());
  return finished(looktwice(words));
}

class OmniAdRuns : public ::testing::Test {
 protected:
  fs::path output(const std::string& name) const { return folder_.path() / name; }
  std::vector<store::Row> rows(const std::string& name) const {
    return store::read_summary(output(name) / "summary.json").rows;
  }
  store::Manifest manifest(const std::string& name) const {
    return store::read_manifest(output(name) / "run.json");
  }
  TemporaryFolder folder_;
};

TEST_F(OmniAdRuns, MmadPlainAndAsOmniAd) {
  const MmadFolder mmad;
  // Its first three pictures, so that several questions are about each.
  const std::string all = text_of_file(mmad.root() / "mmad.json");
  const JsonValue records = parsed_json(all, "mmad.json");
  std::string few;
  std::size_t questions = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    const auto& [key, record] = records.members.at(i);
    few += (few.empty() ? "{\"" : ",\"") + key + "\":";
    few += all.substr(record.begin, record.end - record.begin);
    questions += record.find("conversation")->items.size();
  }
  mmad.replace(few + "}");
  ASSERT_GT(questions, 6u);
  int seed = 0;
  for (const auto& entry : fs::recursive_directory_iterator(mmad.root()))
    if (entry.path().extension() == ".png" || entry.path().extension() == ".jpg" ||
        entry.path().extension() == ".JPG")
      std::ofstream(entry.path(), std::ios::binary) << png_of(++seed);
  for (const std::string prompt : {"qwen", "omniad"})
    for (const std::string shots : {"0", "1"}) {
      const std::string name = prompt + shots;
      const Finished done = run(mmad.root(), output(name), "mmad:" + prompt,
                                ",max_pixels=40000,constrained=true", {"--num_fewshot", shots});
      ASSERT_EQ(done.code, 0) << name << done.err;
      const store::Manifest told = manifest(name);
      EXPECT_TRUE(told.complete);
      // Each picture is encoded once, the normal ones too.
      const std::string pictures = told.model_facts.at("pictures");
      const std::size_t shown = questions * (shots == "0" ? 1 : 2);
      EXPECT_TRUE(pictures.starts_with(std::to_string(shown) + " shown, ")) << pictures;
      const int encoded = std::stoi(pictures.substr(pictures.find(',') + 2));
      if (shots == "0") {
        EXPECT_EQ(encoded, 3) << pictures;
      } else {
        EXPECT_TRUE(encoded > 3 && encoded <= 6) << pictures;
      }
      const std::string predictions = text_of_file(output(name) / "predictions.jsonl");
      EXPECT_NE(predictions.find("\"likelihoods\""), std::string::npos);
      bool has_average = false, is_valid = true;
      for (const store::Row& row : rows(name)) {
        has_average = has_average || row.metric == "average";
        if (prompt == "omniad" && row.metric.ends_with(".invalid") && row.scorer == "corrected")
          is_valid = is_valid && row.value.value_or(0) == 0;
      }
      EXPECT_TRUE(has_average) << name;
      EXPECT_TRUE(is_valid) << name;
      EXPECT_EQ(finished(looktwice({"report", output(name).string()})).code, 0);
    }
}

TEST_F(OmniAdRuns, MasksWithoutAndWithANormalPicture) {
  const fs::path data = folder_.path() / "mvtec";
  int seed = 100;
  const auto put = [&](const std::string& name, const std::string& png) {
    folder_.file("mvtec/bottle/" + name + ".png", png);
  };
  for (int i = 0; i < 3; ++i) {
    const std::string number = "00" + std::to_string(i);
    put("train/good/" + number, png_of(++seed));
    put("test/good/" + number, png_of(++seed));
    put("test/broken/" + number, png_of(++seed));
    Image mask{.width = 60, .height = 44, .channels = 1};
    mask.pixels.assign(60 * 44, 0);
    std::fill_n(mask.pixels.begin() + 60 * (5 + i), 120, 255);
    const auto bytes = imaging::make_codec()->encode_png(mask);
    put("ground_truth/broken/" + number + "_mask",
        {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }
  for (const std::string shots : {"0", "1"})
    for (const std::string constrained : {"false", "true"}) {
      const std::string name = "det" + shots + constrained;
      const Finished done =
          run(data, output(name), "det.mvtec", ",max_pixels=40000,constrained=" + constrained,
              {"--num_fewshot", shots});
      ASSERT_EQ(done.code, 0) << name << done.err;
      EXPECT_EQ(manifest(name).model_facts.count("decoding"), constrained == "true" ? 1u : 0u);
      double invalid = -1, f1 = -1;
      for (const store::Row& row : rows(name)) {
        if (row.scorer != "corrected" || row.group != "macro") continue;
        if (row.metric == "detection.invalid") invalid = row.value.value_or(-1);
        if (row.metric == "generated_pixel_f1") f1 = row.value.value_or(-1);
      }
      if (constrained == "true") {
        EXPECT_EQ(invalid, 0);
        EXPECT_GE(f1, 0);
      }
      // One normal picture for all six.
      if (shots == "1") {
        EXPECT_TRUE(manifest(name).model_facts.at("pictures").ends_with("7 encoded"));
      }
    }
}

}  // namespace
}  // namespace looktwice
