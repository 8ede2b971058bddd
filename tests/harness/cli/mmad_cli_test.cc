// mmad from folder to report on its miniature: bad records within --fail_on_error, a model that
// writes a megabyte, controls as ordinary options.
#include <gtest/gtest.h>

#include <fstream>

#include "adapters/imaging/codec.h"
#include "harness/core/table.h"
#include "harness/store/run_folder.h"
#include "harness/store/summary.h"
#include "tests/harness/cli/unit.h"
#include "tests/suites/mmad/miniature_mmad.h"

namespace looktwice {
namespace {

using namespace looktwice::testing;

class MmadCli : public ::testing::Test {
 protected:
  // Pictures that can be read, all of them with a mask of the whole.
  MmadCli() {
    const Image grey{
        .width = 24, .height = 24, .channels = 1, .pixels = std::vector<std::uint8_t>(576, 200)};
    const auto png = imaging::make_codec()->encode_png(grey);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.root()))
      if (entry.path().extension() == ".png")
        std::ofstream(entry.path(), std::ios::binary)
            .write(reinterpret_cast<const char*>(png.data()),
                   static_cast<std::streamsize>(png.size()));
  }
  Finished run(const std::string& task, const std::vector<std::string>& more = {},
               const std::string& replies = (MmadFolder::given() / "replies.jsonl").string()) {
    std::filesystem::remove_all(run_folder());
    std::vector<std::string> words = {"run",
                                      "--model",
                                      "predictions",
                                      "--model_args",
                                      "path=" + replies,
                                      "--tasks",
                                      task,
                                      "--data_root",
                                      folder_.root().string(),
                                      "--output_path",
                                      run_folder().string(),
                                      "--quiet",
                                      "--resamples",
                                      "20"};
    words.insert(words.end(), more.begin(), more.end());
    return finished(looktwice(words));
  }
  std::filesystem::path run_folder() const { return out_.path() / "run"; }
  store::Summary summary() const { return store::read_summary(run_folder() / "summary.json"); }
  std::optional<double> value(const std::string& scorer, const std::string& metric,
                              const std::string& group) const {
    for (const store::Row& row : summary().rows)
      if (row.scorer == scorer && row.metric == metric && row.group == group) return row.value;
    return {};
  }
  MmadFolder folder_;
  TemporaryFolder out_;
};

TEST_F(MmadCli, BadRecordsFailAndTheRestGoesOnWithinTheBudget) {
  folder_.edit("\"Answer\": \"B\"", "\"Answer\": \"E\"");
  std::filesystem::remove(folder_.root() / "VisA/candle/test/good/001.png");
  Finished done = run("mmad");
  EXPECT_EQ(done.code, 3) << done.err;
  EXPECT_NE(done.err.find("conversation[0].Answer"), std::string::npos) << done.err;
  const store::TaskSummary task = summary().tasks[0];
  const std::int64_t failed = task.counts.failed, all = task.counts.samples;
  EXPECT_EQ(failed, 4);  // one question, and the three of the picture that is gone
  EXPECT_EQ(task.counts.answered, all - failed);
  const std::string outcomes = store::read_text(run_folder() / "outcomes.jsonl");
  EXPECT_NE(outcomes.find("image: no such file: 'VisA/candle/test/good/001.png'"),
            std::string::npos);
  // As a count, a share in percent, a share.
  const auto share = [&](double part) { return std::to_string(part); };
  EXPECT_EQ(run("mmad", {"--fail_on_error", "4"}).code, 0);
  EXPECT_EQ(run("mmad", {"--fail_on_error", "3"}).code, 3);
  const double exact = static_cast<double>(failed) / static_cast<double>(all);
  EXPECT_EQ(run("mmad", {"--fail_on_error", share(100 * exact + 0.01) + "%"}).code, 0);
  EXPECT_EQ(run("mmad", {"--fail_on_error", share(100 * exact - 0.01) + "%"}).code, 3);
  EXPECT_EQ(run("mmad", {"--fail_on_error", share(exact + 0.0001)}).code, 0);
  EXPECT_EQ(run("mmad", {"--fail_on_error", share(exact - 0.0001)}).code, 3);
  EXPECT_EQ(run("mmad", {"--fail_on_error", "1.5"}).code, 2);
  EXPECT_EQ(run("mmad", {"--fail_on_error", "-1"}).code, 2);
}

TEST_F(MmadCli, BlindShuffledAndControlsAreOrdinaryRuns) {
  for (const char* task : {"mmad:qwen+blind", "mmad:qwen+shuffled", "mmad:gpt4o+controls"}) {
    ASSERT_EQ(run(task).code, 0) << task;
    EXPECT_TRUE(value("corrected", "average", "macro")) << task;
  }
  EXPECT_EQ(value("majority", "anomaly_detection.choice_balanced", "macro"), 0.5);
  EXPECT_TRUE(value("random", "average", "macro"));
  EXPECT_FALSE(value("likelihoods", "average", "macro"));  // nobody gave any
}

TEST_F(MmadCli, RewardsAreMeasuredOfAnyRunsAnswers) {
  ASSERT_EQ(run("mmad:qwen", {"--metrics", "reward*"}).code, 0);
  EXPECT_EQ(value("corrected", "anomaly_detection.reward_format", "pooled"), 0.0);
  const auto answer = value("corrected", "anomaly_detection.reward_answer", "pooled");
  const auto right = value("corrected", "anomaly_detection.choice", "pooled");
  ASSERT_TRUE(answer);
  if (right) {
    EXPECT_NEAR(*answer, 0.1 + 0.9 * *right, 1e-12);
  }
}

TEST_F(MmadCli, AMegabyteOfCoordinatesIsOneAnswerLikeAnother) {
  const Table table = table_of_file(MmadFolder::given() / "replies.jsonl");
  std::string replies;
  int n = 0;
  for (const Row& row : table.rows) {
    std::string text = "<seg>(1, 2)-(1, 5)</seg><think>x</think><answer>A</answer>";
    if (n++ < 5) {
      text = "<seg>";
      while (text.size() < (1u << 20)) text += "(3, 4)-(9, 9), (0, 0) ; 坐标 (x, 1) ";
    }
    replies += R"({"sample":")" + table.at(row, "sample").text + R"(","text":")" + text + "\"}\n";
  }
  const auto file = out_.file("replies.jsonl", replies);
  const Finished done = run("mmad:omniad", {}, file.string());
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_TRUE(value("corrected", "average", "macro"));
}

}  // namespace
}  // namespace looktwice
