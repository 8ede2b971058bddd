#include <gtest/gtest.h>

#include <string>

#include "harness/core/error.h"
#include "harness/core/random.h"
#include "suites/catalogue.h"
#include "tests/suites/datasets/miniatures.h"

namespace looktwice {
namespace {

using testing::Miniature;

std::unique_ptr<Suite> zsad(const std::string& task, const std::string& variant = {}) {
  for (const SuiteEntry& entry : suites::suite_catalogue())
    if (entry.name == "zsad") return entry.make(task, variant);
  throw std::runtime_error("no suite zsad");
}

Mark marked(const Prediction& answer, const std::string& scorer) {
  Sample sample;
  sample.truth.anomalous = true;
  const Outcome outcome = zsad("zsad.elpv")->mark(sample, std::span(&answer, 1));
  for (const Mark& mark : outcome.marks)
    if (mark.scorer == scorer) return mark;
  throw std::runtime_error("no mark of " + scorer);
}

TEST(ZeroShot, EveryDataSetIsATask) {
  std::vector<std::string> names;
  for (const SuiteEntry& entry : suites::suite_catalogue())
    if (entry.name == "zsad")
      for (const TaskInfo& task : entry.tasks) names.push_back(task.name);
  for (const char* name : {"mvtec", "visa", "aitex", "elpv", "btad", "mpdd", "brainmri", "headct",
                           "br35h", "loco", "goodsad", "folder", "meta", "list"})
    EXPECT_TRUE(std::ranges::find(names, "zsad." + std::string(name)) != names.end()) << name;
}

TEST(ZeroShot, UnknownNamesGetASuggestion) {
  for (const auto& [task, variant, near] : {std::tuple("zsad.elvp", "", "zsad.elpv"),
                                            std::tuple("zsad.elpv", "p>=.5", "zsad.elpv:p>=0.5")}) {
    try {
      zsad(task, variant);
      FAIL() << task;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Kind::usage);
      EXPECT_NE(std::string(error.what()).find("did you mean '" + std::string(near) + "'?"),
                std::string::npos)
          << error.what();
    }
  }
}

TEST(ZeroShot, AScoreIsTakenAsItIs) {
  for (const char* scorer : {"official", "corrected"}) {
    const Mark mark = marked({.score = -7.25}, scorer);
    EXPECT_EQ(mark.score, -7.25);
    EXPECT_EQ(mark.decision, std::nullopt);
    EXPECT_TRUE(mark.values.empty());
    EXPECT_EQ(marked({.text = "No.", .score = 0.9}, scorer).decision, false);
    EXPECT_EQ(marked({.text = "No.", .score = 0.9}, scorer).score, 0.9);
  }
}

TEST(ZeroShot, ATextWithoutAScoreIsADecision) {
  const Mark yes = marked({.text = "YES, a crack"}, "corrected");
  EXPECT_EQ(yes.score, 1.0);
  EXPECT_EQ(yes.decision, true);
  EXPECT_EQ(yes.values.at("score_is_decision"), 1);
  EXPECT_EQ(marked({.text = "YES, a crack"}, "official").score,
            0.0);  // the published rule looks for "Yes" or "yes"
  EXPECT_EQ(marked({.text = "Two eyes."}, "official").score, 1.0);
  EXPECT_EQ(marked({.text = "Two eyes."}, "corrected").unscored_because, "neither yes nor no");
  EXPECT_EQ(marked({}, "official").unscored_because, "neither score nor text");
  EXPECT_EQ(marked({}, "corrected").unscored_because, "neither score nor text");
}

TEST(ZeroShot, ThePlanNamesThePublishedColumn) {
  const Plan plan = zsad("zsad.elpv")->plan();
  EXPECT_EQ(plan.dataset, "ELPV");
  EXPECT_EQ(plan.published, "anomaly_ov_table2");
  EXPECT_EQ(plan.headline, "auroc");
  EXPECT_EQ(plan.variant, "inctrl");
  EXPECT_TRUE(plan.pixel_metrics.empty());
  EXPECT_FALSE(zsad("zsad.mvtec")->plan().pixel_metrics.empty());
  EXPECT_EQ(zsad("zsad.loco")->plan().published, "");
  EXPECT_EQ(zsad("zsad.folder")->plan().published, "");
}

TEST(ZeroShot, ReferencesAreTheFirstOfAPermutationWithSeed42) {
  Miniature mini;
  mini.pictures("test/good/", 0, 1, ".png");
  mini.pictures("train/good/", 0, 10, ".png");
  const Loaded loaded =
      zsad("zsad.folder")->load({.data_root = mini.path(), .num_fewshot = 3, .seed = 5});
  // permutation(10, 42) begins 8 1 5.
  std::vector<std::string> names;
  for (const ImageFile& file : loaded.samples[0].references)
    names.push_back(file.path.filename().string());
  EXPECT_EQ(names, (std::vector<std::string>{"008.png", "001.png", "005.png"}));
  EXPECT_THROW(zsad("zsad.folder")->load({.data_root = mini.path(), .num_fewshot = 11}), Error);
}

TEST(ZeroShot, TheQuestionIsThePublishedOneAndIsAskedOnce) {
  const auto suite = zsad("zsad.elpv");
  const auto question = suite->ask({}, {});
  ASSERT_TRUE(question);
  EXPECT_EQ(question->text,
            "Are there any defects for the object in the image? Please reply with 'Yes' or 'No'.");
  EXPECT_TRUE(question->wanted.score && question->wanted.text && !question->wanted.map);
  EXPECT_TRUE(question->wanted.text_for_score);
  EXPECT_EQ(question->decoding.temperature, 0);
  const Turn turn{.question = question->text, .answer = "Yes"};
  EXPECT_FALSE(suite->ask({}, std::span(&turn, 1)));
}

}  // namespace
}  // namespace looktwice
