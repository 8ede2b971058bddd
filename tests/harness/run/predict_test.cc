// Asking and answering: nothing is asked twice, nothing is lost, and nothing depends on batches,
// threads or interruptions.
#include "harness/run/predict.h"

#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <functional>
#include <limits>
#include <mutex>
#include <set>
#include <thread>

#include "harness/core/codec.h"
#include "harness/core/error.h"
#include "harness/store/frame.h"
#include "tests/harness/run/fake_suite.h"
#include "tests/support/pictures.h"

namespace looktwice::run {
namespace {

using looktwice::testing::fake_task;
using looktwice::testing::TemporaryFolder;

const std::string kRun = "0123456789abcdef";

// Answers through a function, from some threads, and remembers what it was asked.
class Scripted final : public Adapter {
 public:
  explicit Scripted(std::function<Prediction(const Request&)> reply, int threads = 1, int batch = 4)
      : reply_(std::move(reply)), threads_(threads), batch_(batch) {}

  void serve(Inbox& inbox, Outbox& outbox) override {
    const auto work = [&] {
      for (std::vector<Request> batch; !(batch = inbox.take(batch_)).empty();)
        for (const Request& request : batch) {
          {
            const std::lock_guard hold(mutex_);
            asked.push_back(request.key);
          }
          Prediction reply = reply_(request);
          reply.key = request.key;
          outbox.push(std::move(reply));
        }
    };
    std::vector<std::jthread> workers;
    for (int t = 1; t < threads_; ++t) workers.emplace_back(work);
    work();
  }

  std::vector<std::string> asked;

 private:
  std::function<Prediction(const Request&)> reply_;
  const int threads_, batch_;
  std::mutex mutex_;
};

// A score and a text that depend on the request alone.
Prediction steady(const Request& request) {
  const auto hash = std::hash<std::string>{}(request.image.name());
  std::string text = "answer to " + request.question.text;
  for (const Turn& turn : request.dialogue) text += " after " + turn.answer;
  return {.text = text, .score = static_cast<double>(hash % 1000) / 7};
}

class PredictTest : public ::testing::Test {
 protected:
  PredictResult run(Adapter& adapter, const Task& task, PredictOptions options = {}) {
    const store::RunFolder folder = store::RunFolder::locked(path());
    std::filesystem::create_directories(folder.maps());
    return predict({&task, 1}, adapter, nullptr, folder, kRun, options);
  }
  std::string journal() const { return store::read_text(path() / "predictions.jsonl"); }
  std::vector<StoredPrediction> records() const {
    std::vector<StoredPrediction> all;
    store::for_each_record(path() / "predictions.jsonl", "predictions", kRun,
                           [&](std::string_view object, std::uint64_t, std::uint64_t) {
                             all.push_back(prediction_of(object));
                           });
    return all;
  }
  std::filesystem::path path() const { return temporary_.path() / "run"; }
  void start_again() { std::filesystem::remove_all(path()); }

  TemporaryFolder temporary_;
};

TEST_F(PredictTest, EverySampleIsAskedOnce) {
  Scripted adapter(steady);
  const PredictResult result = run(adapter, fake_task(50));
  EXPECT_TRUE(result.complete);
  EXPECT_EQ(result.progress.done, 50);
  EXPECT_EQ(std::set<std::string>(adapter.asked.begin(), adapter.asked.end()).size(), 50u);
  EXPECT_EQ(adapter.asked.size(), 50u);
  EXPECT_EQ(records().size(), 50u);
}

TEST_F(PredictTest, ASecondStartAsksNothing) {
  Scripted first(steady), second(steady);
  const Task task = fake_task(20);
  run(first, task);
  const std::string before = journal();
  EXPECT_EQ(run(second, task).progress.resumed, 20);
  EXPECT_TRUE(second.asked.empty());
  EXPECT_EQ(journal(), before);
}

TEST_F(PredictTest, DialoguesCarryTheirOwnAnswers) {
  Scripted adapter(steady);
  run(adapter, fake_task(7, 3));
  ASSERT_EQ(records().size(), 21u);
  for (const StoredPrediction& record : records())
    if (record.prediction.key.ends_with("/2")) {
      EXPECT_EQ(record.prediction.text,
                "answer to question 2 after answer to question 0 after answer to question 1 after "
                "answer to question 0");
    }
}

TEST_F(PredictTest, EarlierTurnsKeepTheirPartsAlsoWhenTheRunGoesOn) {
  const Task task = fake_task(3, 3);
  std::map<std::string, int> seen;  // by text of the question
  const auto checking = [&](const Request& request) {
    const auto is_whole = [](const std::vector<QuestionPart>& parts, const std::string& text) {
      return parts.size() == 2 && parts[0].kind == QuestionPart::Kind::image &&
             parts[1].text == text;
    };
    EXPECT_TRUE(is_whole(request.question.parts, request.question.text));
    for (const Turn& turn : request.dialogue) EXPECT_TRUE(is_whole(turn.parts, turn.question));
    EXPECT_EQ(request.dialogue.size(), static_cast<std::size_t>(request.turn));
    ++seen[request.question.text];
    Prediction reply = steady(request);
    if (request.turn == 1 && seen[request.question.text] == 1) reply.status = Status::failed;
    return reply;
  };
  Scripted first(checking), second(checking);
  run(first, task);
  EXPECT_TRUE(run(second, task).complete);
  EXPECT_EQ(seen["question 2"], 3);
}

TEST_F(PredictTest, ThreadsAndBatchesChangeNoByte) {
  const Task task = fake_task(60, 2);
  std::string expected;
  for (const int threads : {1, 2, 4})
    for (const int batch : {1, 3, 100})
      for (const int window : {1, 5, 256}) {
        start_again();
        Scripted adapter(steady, threads, batch);
        run(adapter, task, {.batch_size = batch, .window = window});
        if (expected.empty()) expected = journal();
        EXPECT_EQ(journal(), expected)
            << threads << " threads, batch " << batch << ", window " << window;
      }
}

TEST_F(PredictTest, AStopAnywhereResumesToTheSameBytes) {
  const Task task = fake_task(12, 2);
  Scripted whole(steady);
  run(whole, task);
  const std::string expected = journal();
  for (int stop_after = 0; stop_after < 24; ++stop_after) {
    start_again();
    StopFlag stop;
    int answers = 0;
    Scripted interrupted([&](const Request& request) {
      if (++answers >= stop_after) stop.signal = SIGTERM;
      return steady(request);
    });
    if (stop_after == 0) stop.signal = SIGTERM;
    run(interrupted, task, {.stop = &stop});  // what was taken is still answered
    Scripted rest(steady);
    EXPECT_TRUE(run(rest, task).complete);
    EXPECT_EQ(journal(), expected) << "stopped after " << stop_after;
    EXPECT_EQ(interrupted.asked.size() + rest.asked.size(), 24u) << "stopped after " << stop_after;
  }
}

TEST_F(PredictTest, ACutJournalResumesToTheSameBytes) {
  const Task task = fake_task(9);
  Scripted whole(steady);
  run(whole, task);
  const std::string expected = journal();
  for (std::size_t length = expected.size() - 350; length <= expected.size(); ++length) {
    store::write_whole(path() / "predictions.jsonl", std::string_view(expected).substr(0, length));
    Scripted rest(steady);
    run(rest, task);
    ASSERT_EQ(journal(), expected) << "cut to " << length << " bytes";
  }
}

TEST_F(PredictTest, NoNumberIsAFailureOfItsSample) {
  for (const double bad :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    start_again();
    int n = 0;
    Scripted adapter([&](const Request&) { return Prediction{.score = ++n == 3 ? bad : 0.5}; });
    const PredictResult result = run(adapter, fake_task(5));
    EXPECT_EQ(result.progress.failed, 1);
    for (const StoredPrediction& record : records())
      if (record.prediction.status == Status::failed) {
        EXPECT_FALSE(record.prediction.score);
        EXPECT_NE(record.prediction.error.find("expected a finite number"), std::string::npos);
      }
  }
}

TEST_F(PredictTest, AMapOfTheWrongShapeIsAFailure) {
  Scripted adapter([](const Request&) {
    return Prediction{.map = AnomalyMap{.width = 3, .height = 2, .values = {1, 2, 3}}};
  });
  EXPECT_EQ(run(adapter, fake_task(2)).progress.failed, 2);
}

TEST_F(PredictTest, FailedSamplesAreAskedAgain) {
  const Task task = fake_task(6);
  int n = 0;
  Scripted flaky([&](const Request& request) {
    return ++n % 2 ? steady(request) : Prediction{.status = Status::failed, .error = "HTTP 500"};
  });
  EXPECT_EQ(run(flaky, task).progress.failed, 3);
  Scripted well(steady);
  const PredictResult result = run(well, task);
  EXPECT_EQ(result.progress.failed, 0);
  EXPECT_EQ(well.asked.size(), 3u);
  EXPECT_EQ(records().size(), 6u);
}

TEST_F(PredictTest, ARefusalEndsItsDialogueAndStands) {
  const Task task = fake_task(2, 3);
  Scripted refusing(
      [](const Request&) { return Prediction{.status = Status::refused, .error = "I cannot"}; });
  EXPECT_EQ(run(refusing, task).progress.refused, 2);
  EXPECT_EQ(refusing.asked.size(), 2u);
  Scripted later(steady);
  run(later, task);
  EXPECT_TRUE(later.asked.empty());
}

TEST_F(PredictTest, TooManyFailuresStopTheRun) {
  Scripted broken(
      [](const Request&) { return Prediction{.status = Status::failed, .error = "broken"}; }, 1, 1);
  const PredictResult result = run(broken, fake_task(100), {.max_failed = 4});
  EXPECT_FALSE(result.complete);
  EXPECT_EQ(result.progress.failed, 5);
}

TEST_F(PredictTest, ADamagedMapIsMadeAgain) {
  const Task task = fake_task(3);
  const auto with_map = [](const Request&) {
    return Prediction{.score = 1,
                      .map = AnomalyMap{.width = 2, .height = 1, .values = {0.25f, 0.5f}}};
  };
  Scripted first(with_map);
  run(first, task);
  const std::string expected = journal();
  const std::filesystem::path map = path() / records()[1].map.file;
  const std::string bytes = store::read_text(map);
  store::write_whole(map, bytes.substr(0, bytes.size() - 1));
  Scripted second(with_map);
  run(second, task);
  EXPECT_EQ(second.asked.size(), 1u);
  EXPECT_EQ(journal(), expected);
  EXPECT_EQ(store::read_text(map), bytes);
}

TEST_F(PredictTest, AnAnswerNobodyAskedForIsOurMistake) {
  class Confused final : public Adapter {
    void serve(Inbox& inbox, Outbox& outbox) override {
      for (const Request& request : inbox.take(1)) {
        outbox.push({.key = request.key});
        outbox.push({.key = request.key});
      }
    }
  } adapter;
  EXPECT_THROW(run(adapter, fake_task(3)), Error);
  EXPECT_EQ(records().size(), 1u);  // the first answer is kept
}

TEST_F(PredictTest, AnAdapterThatGivesUpIsNamed) {
  class Lazy final : public Adapter {
    void serve(Inbox& inbox, Outbox&) override { (void)inbox.take(1); }
  } adapter;
  try {
    run(adapter, fake_task(3));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Kind::model);
  }
}

TEST_F(PredictTest, WhatAnAdapterSeesTellsNothing) {
  Scripted adapter([](const Request& request) {
    for (const std::string& text : {request.key, request.image.name(), request.question.text})
      EXPECT_EQ(text.find("broken"), std::string::npos) << text;
    return Prediction{.score = 1};
  });
  run(adapter, fake_task(10));
}

}  // namespace
}  // namespace looktwice::run
