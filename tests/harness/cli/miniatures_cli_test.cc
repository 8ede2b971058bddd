// MMAD and the four detection sets in miniature, in their published layouts, 0- and 1-shot: the
// fixture's checkpoint answers them, one who knows scores 100, one who guesses scores chance.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <memory>
#include <random>

#include "adapters/imaging/codec.h"
#include "harness/core/table.h"
#include "harness/store/manifest.h"
#include "harness/store/run_folder.h"
#include "harness/store/summary.h"
#include "tests/harness/cli/unit.h"
#include "tests/suites/mmad/miniature_mmad.h"
#include "tests/support/qwen_vocabulary.h"

namespace looktwice {
namespace {

namespace fs = std::filesystem;
using namespace looktwice::testing;

const std::vector<std::string> kSets = {"mvtec", "visa", "loco", "goodsad"};

class Miniatures : public ::testing::Test {
 protected:
  Miniatures() {
    int seed = 0;
    for (const auto& entry : fs::recursive_directory_iterator(mmad_.root()))
      if (const auto suffix = entry.path().extension();
          suffix == ".png" || suffix == ".jpg" || suffix == ".JPG")
        std::ofstream(entry.path(), std::ios::binary) << png_of(++seed);
  }
  void SetUp() override {
    if (finished({.arguments = {"python3", "--version"}}).code == 127) GTEST_SKIP() << "no python3";
  }
  // The four sets, with so many test pictures of each kind.
  fs::path made(const std::string& name, int images) const {
    const fs::path path = folder_.path() / name;
    const Finished done =
        finished({.arguments = {"python3", LOOKTWICE_SOURCE_DIR "/scripts/detection_miniatures",
                                path.string(), "--images", std::to_string(images), "--no-maps"}});
    EXPECT_EQ(done.code, 0) << done.err;
    return path;
  }

  static std::string png_of(int seed) {
    Image image{.width = 40, .height = 32, .channels = 3};
    for (int at = 0; at < 40 * 32 * 3; ++at)
      image.pixels.push_back(static_cast<std::uint8_t>((at * 7 + at / 120 * 3 + seed * 37) % 251));
    const auto bytes = imaging::make_codec()->encode_png(image);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  fs::path out() const { return folder_.path() / "run"; }
  Finished run(const std::string& model, const std::string& arguments, const std::string& task,
               const fs::path& data, const std::string& shots) {
    fs::remove_all(out());
    return finished(
        looktwice({"run", "--model", model, "--model_args", arguments, "--tasks", task,
                   "--data_root", data.string(), "--num_fewshot", shots, "--output_path",
                   out().string(), "--quiet", "--resamples", "0", "--threads", "2"}));
  }
  Finished recorded(const fs::path& replies, const std::string& task, const fs::path& data,
                    const std::string& shots) {
    return run("predictions", "path=" + replies.string(), task, data, shots);
  }
  std::map<std::string, double> values(const std::string& scorer, const std::string& group) {
    std::map<std::string, double> values;
    for (const store::Row& row : store::read_summary(out() / "summary.json").rows)
      if (row.scorer == scorer && row.group == group && row.value) values[row.metric] = *row.value;
    return values;
  }

  double samples() const {
    return static_cast<double>(
        store::read_summary(out() / "summary.json").tasks.at(0).counts.samples);
  }

  // A folder with the first pictures of each source: a normal one and one that is not.
  std::unique_ptr<MmadFolder> few_questions() const {
    auto few = std::make_unique<MmadFolder>();
    fs::remove_all(few->root());
    fs::copy(mmad_.root(), few->root(), fs::copy_options::recursive);
    const std::string all = text_of_file(few->root() / "mmad.json");
    std::string kept;
    std::map<std::string, int> taken;
    for (const auto& [key, record] : parsed_json(all, "mmad.json").members) {
      const bool normal = key.find("/good/") != std::string::npos;
      if (++taken[key.substr(0, key.find('/')) + (normal ? "+" : "-")] > 1) continue;
      kept += (kept.empty() ? "{\"" : ",\"") + key + "\":";
      kept += all.substr(record.begin, record.end - record.begin);
    }
    few->replace(kept + "}");
    return few;
  }

  // Replies to all questions: the right letters, or drawn ones.
  fs::path letters(bool right, std::uint32_t seed) {
    std::mt19937 draw(seed);
    std::string lines;
    const JsonValue records =
        parsed_json(text_of_file(MmadFolder::given() / "mmad.json"), "mmad.json");
    for (const auto& [key, record] : records.members) {
      std::size_t index = 0;
      for (const JsonValue& question : record.find("conversation")->items) {
        const auto& options = question.find("Options")->members;
        const std::string letter =
            right ? question.find("Answer")->text : options[draw() % options.size()].first;
        lines += R"({"sample":")" + key + "#q" + std::to_string(index++) + R"(","text":")" +
                 letter + "\"}\n";
      }
    }
    return folder_.file("letters.jsonl", lines);
  }

  TemporaryFolder folder_;
  MmadFolder mmad_;
};

TEST_F(Miniatures, TheFixturesCheckpointAnswersEverySample) {
  const test::WithTokenizer checkpoint(test::fixture_path("omniad/checkpoint"));
  const auto few = few_questions();
  for (const std::string shots : {"0", "1"})
    for (const auto& [tasks, data] :
         {std::pair("mmad:omniad,mmad:qwen", few->root()),
          {"det.mvtec,det.visa,det.loco,det.goodsad", made("few", 1)}}) {
      // Small pictures and short answers, for the time alone; a whole mask needs 64 tokens.
      const Finished done =
          run("omniad",
              "checkpoint=" + checkpoint.path().string() + ",side=56,max_pixels=50176" +
                  (shots == "0" ? ",max_new_tokens=8" : ",constrained=true,max_new_tokens=64"),
              tasks, data, shots);
      ASSERT_EQ(done.code, 0) << tasks << " " << shots << done.err;
      const store::Manifest told = store::read_manifest(out() / "run.json");
      EXPECT_TRUE(told.complete);
      const store::Summary summary = store::read_summary(out() / "summary.json");
      ASSERT_EQ(summary.tasks.size(), std::string(tasks).starts_with("mmad") ? 2u : 4u);
      std::int64_t samples = 0;
      for (const store::TaskSummary& task : summary.tasks) {
        EXPECT_GE(task.counts.samples, 4) << task.task;
        EXPECT_EQ(task.counts.answered, task.counts.samples) << task.task;
        samples += task.counts.samples;
        // Whatever a random model says is read, and has a value.
        std::map<std::string, double> found;
        for (const store::Row& row : summary.rows)
          if (row.task == task.task && row.value && row.scorer == "corrected" &&
              row.group == "macro")
            found[row.metric] = *row.value;
        EXPECT_TRUE(found.contains(task.task.starts_with("det.") ? "accuracy" : "average"))
            << task.task;
        if (task.task.starts_with("det.")) {
          EXPECT_EQ(found.at("detection.invalid"), shots == "0" ? 1 : 0) << task.task;
        }
      }
      // Every picture is shown to it, with a normal one before it or not, and seen once.
      const std::string pictures = told.model_facts.at("pictures");
      const std::int64_t times = samples * (shots == "0" ? 1 : 2);
      EXPECT_TRUE(pictures.starts_with(std::to_string(times) + " shown, ")) << pictures;
      EXPECT_LE(std::stoll(pictures.substr(pictures.find(',') + 2)), samples + 8) << pictures;
    }
}

TEST_F(Miniatures, WhoKnowsScoresHundred) {
  const fs::path data = made("few", 2);
  for (const std::string shots : {"0", "1"}) {
    const Finished done =
        recorded(letters(true, 0),
                 "mmad:qwen,mmad:internvl,mmad:llava,mmad:gpt4o,mmad:gpt4o_mini,mmad:omniad",
                 mmad_.root(), shots);
    ASSERT_EQ(done.code, 0) << done.err;
    std::int64_t averages = 0;
    for (const store::Row& row : store::read_summary(out() / "summary.json").rows) {
      averages += row.metric == "average" && row.group == "macro";
      if (row.value && (row.metric.ends_with(".choice") || row.metric.ends_with("_balanced") ||
                        row.metric == "average" || row.metric == "f1" ||
                        row.metric == "precision" || row.metric == "recall")) {
        EXPECT_EQ(*row.value, 1) << row.task << " " << row.scorer << " " << row.metric;
      }
    }
    EXPECT_EQ(averages, 6 * 2);  // official and corrected
    for (const std::string& set : kSets) {
      const Finished marked = recorded(data / "answers" / set / "oracle.jsonl",
                                       "det." + set + ":original", data, shots);
      ASSERT_EQ(marked.code, 0) << set << marked.err;
      const auto found = values("corrected", "macro");
      for (const char* metric : {"generated_pixel_f1", "generated_pixel_accuracy",
                                 "generated_image_f1", "generated_image_accuracy", "auroc"})
        EXPECT_EQ(found.at(metric), 1) << set << " " << metric;
    }
  }
}

TEST_F(Miniatures, WhoGuessesScoresChance) {
  const fs::path data = made("many", 16);
  for (const std::string shots : {"0", "1"}) {
    // Two letters for the discrimination, four for the rest. Of 184 questions, drawn four times.
    constexpr int kDraws = 4;
    std::map<std::string, double> mean;
    for (std::uint32_t seed = 1; seed <= kDraws; ++seed) {
      ASSERT_EQ(recorded(letters(false, seed), "mmad", mmad_.root(), shots).code, 0);
      for (const auto& [metric, value] : values("corrected", "pooled"))
        mean[metric] += value / kDraws;
    }
    EXPECT_NEAR(mean.at("anomaly_detection.choice_balanced"), 0.5, 0.1);
    EXPECT_NEAR(mean.at("average"), (0.5 + 6 * 0.25) / 7, 0.05);
    EXPECT_EQ(mean.at("anomaly_detection.invalid"), 0);
    for (const std::string& set : kSets) {
      const Finished done = recorded(data / "answers" / set / "random.jsonl",
                                     "det." + set + ":original", data, shots);
      ASSERT_EQ(done.code, 0) << set << done.err;
      const auto found = values("corrected", "pooled");
      const double n = samples();
      // A coin for each picture, a number for each score: three standard deviations.
      EXPECT_NEAR(found.at("accuracy"), 0.5, 3 * std::sqrt(0.25 / n)) << set;
      EXPECT_NEAR(found.at("auroc"), 0.5, 3 * std::sqrt(1 / (3 * n / 2))) << set;
      // Regions of a few patches seldom meet.
      EXPECT_LT(found.at("generated_pixel_f1"), 0.15) << set;
    }
  }
}

}  // namespace
}  // namespace looktwice
