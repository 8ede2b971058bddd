// Judging from recorded outcomes: both orders, re-asking, what is missing, resuming, and what a
// changed answer does to an old judgement.
#include "harness/run/judge.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <mutex>

#include "harness/core/error.h"
#include "harness/run/judge_audit.h"
#include "harness/store/run_folder.h"
#include "tests/support/files.h"
#include "tests/support/pictures.h"

namespace looktwice::run {
namespace {

constexpr const char* kRun = "0123456789abcdef";

// Replies by a function of the prompt and of how often it was asked.
class Scripted final : public Adapter {
 public:
  using Reply = std::function<Prediction(const std::string& prompt, std::uint64_t tries)>;
  explicit Scripted(Reply reply) : reply_(std::move(reply)) {}
  std::vector<Prediction> answer(std::span<const Request> batch) override {
    std::vector<Prediction> replies;
    for (const Request& request : batch) {
      ++asked;
      EXPECT_TRUE(request.image.empty());
      EXPECT_TRUE(request.dialogue.empty());
      Prediction reply = reply_(request.question.text, request.question.decoding.seed);
      reply.key = request.key;
      replies.push_back(std::move(reply));
    }
    return replies;
  }
  int asked = 0;

 private:
  Reply reply_;
};

Outcome outcome(const std::string& sample, const std::vector<std::string>& texts) {
  Outcome made{.task = "t", .sample = sample, .category = "c"};
  made.anomalous = true;
  for (std::size_t i = 0; i < texts.size(); ++i)
    made.answers.push_back({.group = i < 2 ? "low_level" : "complex",
                            .question = "q" + std::to_string(i),
                            .text = texts[i],
                            .reference = "reference " + std::to_string(i)});
  for (const char* scorer : {"official", "corrected"})
    made.marks.push_back({.scorer = scorer, .answers = std::vector<AnswerMark>(texts.size())});
  return made;
}

JudgeSetup llava() {
  return {.model = "scripted", .prompt = judge_prompt_named("llava")};
}

// What stands between two delimiters of the prompt.
std::string block(const std::string& prompt, int number) {
  const std::string open = "[Assistant " + std::to_string(number) + "]\n",
                    close = "\n\n[End of Assistant " + std::to_string(number) + "]";
  const std::size_t begin = prompt.find(open) + open.size();
  return prompt.substr(begin, prompt.find(close) - begin);
}

class JudgeTest : public ::testing::Test {
 protected:
  std::vector<Judged> judged(const Judging& judging, Scripted& adapter) {
    const store::RunFolder folder = store::RunFolder::locked(temporary_.path() / "run");
    judge(judging, adapter, folder, kRun, {});
    return judging.judged(recorded_answers(folder, kRun, kJudgements));
  }
  testing::TemporaryFolder temporary_;
};

// Likes the reference (8), gives an answer as many points as it has letters, and one more to what
// is shown first.
Prediction by_length(const std::string& prompt, std::uint64_t) {
  const auto points = [](const std::string& text) {
    return text.starts_with("reference") ? 8 : static_cast<int>(text.size());
  };
  return {.text = std::to_string(points(block(prompt, 1)) + 1) + " " +
                  std::to_string(points(block(prompt, 2))) + "\nwhy",
          .facts = {{"model", "scripted-1"}}};
}

TEST_F(JudgeTest, BothOrdersAndTheirMean) {
  const std::vector<Outcome> outcomes = {outcome("a", {"aaa", "aaaaa", "aa"})};
  const Judging judging(llava(), outcomes);
  ASSERT_EQ(judging.size(), 6u);
  Scripted adapter(by_length);
  const std::vector<Judged> all = judged(judging, adapter);
  ASSERT_EQ(all.size(), 6u);
  for (const Judged& one : all) {
    const double length = static_cast<double>(one.answer_bytes);
    EXPECT_EQ(one.points, one.swapped ? length + 1 : length);
    EXPECT_EQ(one.reference, one.swapped ? 8 : 9);
    EXPECT_EQ(one.facts.at("model"), "scripted-1");
    EXPECT_EQ(one.facts.at("judge_name"), "scripted");
    EXPECT_EQ(one.facts.at("judge_prompt"), "llava 1");
    EXPECT_EQ(one.facts.at("judge_prompt_sha256").size(), 16u);
    EXPECT_EQ(one.facts.at("judge_decoding"), "temperature 0, seed 0");
  }
  std::vector<Marked> marked = {{.outcome = outcomes[0]}};
  add_points(marked, all, true);
  const auto& official = marked[0].outcome.marks[0].answers;
  const auto& corrected = marked[0].outcome.marks[1].answers;
  EXPECT_EQ(official[1].values.at("gpt_score"), 5);
  EXPECT_EQ(corrected[1].values.at("gpt_score"), 5.5);
  EXPECT_EQ(official[1].values.at("gpt_reference"), 9);
  EXPECT_EQ(corrected[1].values.at("gpt_reference"), 8.5);
}

TEST_F(JudgeTest, AsksThreeTimesMoreThenItIsMissingNeverZero) {
  const std::vector<Outcome> outcomes = {outcome("a", {"never", "third"})};
  JudgeSetup setup = llava();
  setup.both_orders = false;
  const Judging judging(setup, outcomes);
  Scripted adapter([](const std::string& prompt, std::uint64_t tries) -> Prediction {
    if (block(prompt, 2) == "never") return {.text = tries % 2 == 0 ? "I would say nine." : "0 99"};
    return {.text = tries < 2 ? "hm" : "7 6"};
  });
  const std::vector<Judged> all = judged(judging, adapter);
  EXPECT_EQ(adapter.asked, kTries + 3);
  EXPECT_FALSE(all[0].points);
  EXPECT_EQ(all[0].why, "no verdict in 4 replies");
  EXPECT_EQ(all[1].points, 6);
  EXPECT_EQ(all[1].tries, 3);
  const JudgeCounts counts = counted(all);
  EXPECT_EQ(counts.asked, 2);
  EXPECT_EQ(counts.judged, 1);
  EXPECT_EQ(counts.missing, 1);
  EXPECT_EQ(counts.failed, 0);
  std::vector<Marked> marked = {{.outcome = outcomes[0]}};
  add_points(marked, all, false);
  EXPECT_FALSE(marked[0].outcome.marks[0].answers[0].values.contains("gpt_score"));
  EXPECT_EQ(marked[0].outcome.marks[0].answers[1].values.at("gpt_score"), 6);
}

TEST_F(JudgeTest, OneOrderMissingIsMissingForTheCorrectedRule) {
  const std::vector<Outcome> outcomes = {outcome("a", {"text"})};
  const Judging judging(llava(), outcomes);
  Scripted adapter([](const std::string& prompt, std::uint64_t) -> Prediction {
    return {.text = block(prompt, 1) == "text" ? "no" : "9 4"};
  });
  std::vector<Marked> marked = {{.outcome = outcomes[0]}};
  add_points(marked, judged(judging, adapter), true);
  EXPECT_EQ(marked[0].outcome.marks[0].answers[0].values.at("gpt_score"), 4);
  EXPECT_FALSE(marked[0].outcome.marks[1].answers[0].values.contains("gpt_score"));
}

TEST_F(JudgeTest, WhatIsJudgedIsNotAskedAgain) {
  const std::vector<Outcome> outcomes = {outcome("a", {"aaa"}), outcome("b", {"bb", "bbbb"})};
  Scripted first(by_length);
  judged(Judging(llava(), outcomes), first);
  EXPECT_EQ(first.asked, 6);
  Scripted second(by_length);
  judged(Judging(llava(), outcomes), second);
  EXPECT_EQ(second.asked, 0);
  // More repetitions, another decoding: only what is new is asked.
  JudgeSetup twice = llava();
  twice.repeats = 2;
  judged(Judging(twice, outcomes), second);
  EXPECT_EQ(second.asked, 6);
}

TEST_F(JudgeTest, AnotherAnswerIsJudgedAnew) {
  Scripted adapter(by_length);
  judged(Judging(llava(), {{outcome("a", {"aaa"})}}), adapter);
  const int before = adapter.asked;
  const std::vector<Judged> again = judged(Judging(llava(), {{outcome("a", {"aaaaaa"})}}), adapter);
  EXPECT_EQ(adapter.asked, before + 2);
  EXPECT_EQ(again[0].points, 6);
}

TEST_F(JudgeTest, FailedJudgementsAreCountedAndAskedAgain) {
  const std::vector<Outcome> outcomes = {outcome("a", {"aaa"}), outcome("b", {"bb"})};
  JudgeSetup setup = llava();
  setup.both_orders = false;
  Scripted broken([](const std::string& prompt, std::uint64_t tries) -> Prediction {
    if (block(prompt, 2) == "bb") return {.status = Status::failed, .error = "HTTP 500"};
    return by_length(prompt, tries);
  });
  const Judging judging(setup, outcomes);
  const std::vector<Judged> all = judged(judging, broken);
  EXPECT_EQ(counted(all).failed, 1);
  EXPECT_EQ(all[1].why, "failed: HTTP 500");
  Scripted working(by_length);
  EXPECT_EQ(judged(judging, working)[1].points, 2);
  EXPECT_EQ(working.asked, 1);
}

TEST_F(JudgeTest, ARefusalIsATry) {
  JudgeSetup setup = llava();
  setup.both_orders = false;
  Scripted adapter([](const std::string&, std::uint64_t tries) -> Prediction {
    if (tries == 0) return {.status = Status::refused, .error = "no"};
    return {.text = "5 5"};
  });
  const std::vector<Judged> all = judged(Judging(setup, {{outcome("a", {"aaa"})}}), adapter);
  EXPECT_EQ(all[0].points, 5);
  EXPECT_EQ(all[0].tries, 2);
}

TEST_F(JudgeTest, EmptyAnswersAndUnansweredSamplesAreNotJudged) {
  std::vector<Outcome> outcomes = {outcome("a", {"", "aa"}), outcome("b", {"bb"})};
  outcomes[1].status = Status::refused;
  EXPECT_EQ(Judging(llava(), outcomes).size(), 2u);
}

TEST_F(JudgeTest, PreferencesOverAnotherRun) {
  const std::vector<Outcome> ours = {outcome("a", {"long answer"}), outcome("b", {"x"})},
                             theirs = {outcome("a", {"short"}), outcome("b", {"longer"})};
  JudgeSetup setup{
      .model = "scripted", .prompt = judge_prompt_named("pairwise"), .against = "other"};
  Scripted adapter([](const std::string& prompt, std::uint64_t) -> Prediction {
    const auto between = [&](const std::string& open, const std::string& close) {
      const std::size_t begin = prompt.find(open) + open.size();
      return prompt.substr(begin, prompt.find(close) - begin);
    };
    const auto a = between("[Answer A]\n", "\n\n[End of answer A]");
    const auto b = between("[Answer B]\n", "\n\n[End of answer B]");
    return {.text = std::string("why\nVerdict: ") + (a.size() > b.size() ? "A" : "B")};
  });
  for (const Judged& one : judged(Judging(setup, ours, theirs), adapter))
    EXPECT_EQ(one.points, one.sample == "a" ? 1 : 0) << one.sample << one.swapped;
}

TEST_F(JudgeTest, ASetupComesBackFromTheManifest) {
  JudgeSetup setup = llava();
  setup.model_args = {{"model", "m"}};
  setup.model_facts = {{"weights_sha256", "ab"}, {"other", "x"}};
  setup.repeats = 3;
  setup.decoding = {.max_new_tokens = 99, .temperature = 0.5, .seed = 7};
  const JudgeSetup back = setup_of(setup.facts());
  EXPECT_EQ(back.id(), setup.id());
  EXPECT_EQ(back.repeats, 3);
  EXPECT_EQ(back.decoding.temperature, 0.5);
  auto changed = setup;
  changed.decoding.seed = 8;
  EXPECT_NE(changed.id(), setup.id());
  changed = setup;
  changed.model_args["model"] = "n";
  EXPECT_NE(changed.id(), setup.id());
}

TEST_F(JudgeTest, TheAuditFindsWhatWasPutIn) {
  std::vector<Outcome> outcomes;
  for (int i = 0; i < 8; ++i)
    outcomes.push_back(
        outcome("s" + std::to_string(i), {std::string(static_cast<std::size_t>(i + 2), 'x')}));
  JudgeSetup setup = llava();
  setup.repeats = 2;
  Scripted adapter(by_length);
  const std::vector<Judged> all = judged(Judging(setup, outcomes), adapter);
  std::vector<Judged> harsh = all;
  for (Judged& one : harsh) one.points = std::max(1.0, *one.points - 1);
  const std::vector<JudgedRun> runs = {
      {.run = "r", .judge = "one", .name = "one", .judged = all},
      {.run = "r", .judge = "two", .name = "two", .judged = harsh}};
  const JudgeAudit found = audit(runs);
  ASSERT_EQ(found.judges.size(), 2u);
  const JudgeQuality& one = found.judges[0];
  EXPECT_EQ(one.pairs, 16);
  // Lengths 2..9 against the reference's 8, one point for the first place: 8 loses 8:9 and wins
  // 9:8, a flip; 7 loses 7:9 and ties 8:8, 9 ties 9:9 and wins 10:8, half a flip each. Twice.
  EXPECT_EQ(one.flips, 4);
  EXPECT_EQ(one.gain_of_second_place, -1);
  EXPECT_EQ(one.rank_correlation_with_length, 1);
  EXPECT_EQ(one.again->kappa, 1);
  EXPECT_EQ(one.again->mean_absolute_difference, 0);
  EXPECT_DOUBLE_EQ(*one.points, 6);  // mean of 2.5 .. 9.5
  ASSERT_TRUE(one.of_pictures && one.with_judge_noise);
  EXPECT_GT(one.with_judge_noise->high - one.with_judge_noise->low,
            one.of_pictures->high - one.of_pictures->low);
  ASSERT_EQ(found.agreements.size(), 1u);
  EXPECT_EQ(found.agreements[0].answers, 8);
  EXPECT_DOUBLE_EQ(found.agreements[0].mean_difference, 1);
  EXPECT_EQ(found.agreements[0].rank_correlation, 1);
  EXPECT_LT(*found.agreements[0].kappa, 1);
  EXPECT_EQ(found.samples, 8);
  EXPECT_EQ(found.raters, 2);
  ASSERT_TRUE(found.variance);
  EXPECT_NEAR(found.variance->judge, 0.5, 1e-12);  // two levels, one point apart
  EXPECT_NEAR(found.variance->rest, 0, 1e-12);
}

TEST_F(JudgeTest, PeoplesPointsAreMatchedAndChecked) {
  Scripted adapter(by_length);
  const std::vector<Judged> all =
      judged(Judging(llava(), {{outcome("a", {"aaa", "aaaa"})}}), adapter);
  const auto people = human_points(
      temporary_.file("people.csv", "sample,question,points\na,0,3\na,1,5\n"), "r", all);
  ASSERT_EQ(people.judged.size(), 2u);
  EXPECT_EQ(people.judged[1].points, 5);
  for (const char* bad : {"sample,question\na,0\n", "sample,question,points\na,7,3\n",
                          "sample,question,points\na,0,11\n", "sample,question,points\nz,0,1\n"})
    EXPECT_THROW(human_points(temporary_.file("bad.csv", bad), "r", all), Error) << bad;
}

}  // namespace
}  // namespace looktwice::run
