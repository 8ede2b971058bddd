// From answers to summary: states are counted, not turned into zeros; threads change no byte.
#include "harness/run/score.h"

#include <gtest/gtest.h>

#include "harness/run/predict.h"
#include "harness/store/run_folder.h"
#include "tests/harness/run/fake_suite.h"
#include "tests/support/pictures.h"

namespace looktwice::run {
namespace {

using looktwice::testing::fake_task;

const RunName kName{.run = "0123456789abcdef", .model = "m", .label = "M"};

class NoCodec final : public ImageCodec {
  ImageInfo info(std::span<const std::byte>) const override { return {}; }
  Image decode(std::span<const std::byte>) const override { return {}; }
  Image decode_mask(std::span<const std::byte>) const override { return {}; }
  std::vector<std::byte> encode_png(const Image&) const override { return {}; }
  Image resized(const Image& image, int, int) const override { return image; }
};

// Sample number i of the fake task: every 10th fails, every 10th + 1 is refused, every 10th + 2 has
// no score.
class States final : public Adapter {
 public:
  States(const Task& task, bool all_good)
      : lookup_(sample_lookup({&task, 1})), all_good_(all_good) {}
  std::vector<Prediction> answer(std::span<const Request> batch) override {
    std::vector<Prediction> replies;
    for (const Request& request : batch) {
      const std::string id = lookup_(request.key);
      const int i = std::stoi(id.substr(id.rfind('/') + 1)) - 1000;
      Prediction reply{.key = request.key, .score = (i % 2 == 1 ? 0.6 : 0.4) + 0.01 * (i % 7)};
      if (!all_good_ && i % 10 == 0)
        reply = {.key = request.key, .status = Status::failed, .error = "HTTP 500"};
      if (!all_good_ && i % 10 == 1)
        reply = {.key = request.key, .status = Status::refused, .error = "no"};
      if (!all_good_ && i % 10 == 2) reply.score.reset();
      replies.push_back(std::move(reply));
    }
    return replies;
  }

 private:
  std::function<std::string(const std::string&)> lookup_;
  const bool all_good_;
};

class ScoreTest : public ::testing::Test {
 protected:
  store::Summary scored(const Task& task, bool all_good, ScoreOptions options = {}) {
    const store::RunFolder folder = store::RunFolder::locked(temporary_.path() / "run");
    std::filesystem::create_directories(folder.maps());
    States adapter(task, all_good);
    predict({&task, 1}, adapter, nullptr, folder, kName.run, {});
    return score({&task, 1}, NoCodec(), folder, kName, options);
  }
  static const store::Row& row(const store::Summary& summary, const std::string& metric,
                               const std::string& group) {
    for (const store::Row& r : summary.rows)
      if (r.metric == metric && r.group == group && r.scorer == "corrected") return r;
    throw std::runtime_error("no row " + metric + " " + group);
  }
  std::string file(const char* name) const {
    return store::read_text(temporary_.path() / "run" / name);
  }
  looktwice::testing::TemporaryFolder temporary_;
};

TEST_F(ScoreTest, StatesAreCountedApart) {
  const Task task = fake_task(50);
  const store::Summary summary = scored(task, false);
  const store::Counts& n = summary.tasks[0].counts;
  EXPECT_EQ(n.samples, 50);
  EXPECT_EQ(n.failed, 5);
  EXPECT_EQ(n.refused, 5);
  EXPECT_EQ(n.answered, 40);
  EXPECT_EQ(n.unscored.at("official"), 5);
  EXPECT_EQ(incomplete_samples(summary), 5);
  EXPECT_EQ(scored_samples(summary), 35);
  EXPECT_EQ(row(summary, "auroc", "pooled").used, 35);
}

TEST_F(ScoreTest, AFailedSampleIsNoWrongAnswer) {
  // All scored samples are ranked right, so the failed ones must not show in the value.
  EXPECT_EQ(row(scored(fake_task(50), false), "auroc", "pooled").value, 1.0);
}

TEST_F(ScoreTest, ACategoryOfOneClassHasNoValueAndAReason) {
  Task task = fake_task(12);
  for (Sample& sample : task.samples)
    if (sample.category == "a") sample.truth.anomalous = false;
  const store::Summary summary = scored(task, true);
  EXPECT_FALSE(row(summary, "auroc", "a").value);
  EXPECT_FALSE(row(summary, "auroc", "a").reason.empty());
  EXPECT_EQ(row(summary, "auroc", "macro").value, row(summary, "auroc", "b").value);
  EXPECT_NE(row(summary, "auroc", "macro").reason.find("1 of 2"), std::string::npos)
      << row(summary, "auroc", "macro").reason;
}

TEST_F(ScoreTest, ThreadsAndRepetitionChangeNoByte) {
  const Task task = fake_task(60);
  scored(task, false, {.metric = {.threads = 1}});
  const std::string outcomes = file("outcomes.jsonl"), summary = file("summary.json");
  for (const int threads : {2, 4}) {
    scored(task, false, {.metric = {.threads = threads}});
    EXPECT_EQ(file("outcomes.jsonl"), outcomes);
    EXPECT_EQ(file("summary.json"), summary);
  }
}

}  // namespace
}  // namespace looktwice::run
