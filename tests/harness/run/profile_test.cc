// Measuring: passes until enough is together, the same answers as a run, nothing remembered from
// one pass to the next, what goes wrong said.
#include "harness/run/profile.h"

#include <gtest/gtest.h>

#include <csignal>
#include <mutex>
#include <set>
#include <thread>

#include "harness/core/error.h"
#include "harness/run/machine.h"
#include "harness/run/predict.h"
#include "tests/harness/run/fake_suite.h"
#include "tests/support/pictures.h"

namespace looktwice::run {
namespace {

using looktwice::testing::fake_task;
using looktwice::testing::TemporaryFolder;

const std::string kRun = "0123456789abcdef";

// A map, a score and a text that depend on the request's key and dialogue; some threads; remembers
// what it saw.
class Steady : public Adapter {
 public:
  explicit Steady(int threads = 1) : threads_(threads) {}

  void serve(Inbox& inbox, Outbox& outbox) override {
    ++serves;
    const auto work = [&] {
      for (std::vector<Request> batch; !(batch = inbox.take(4)).empty();)
        for (const Request& request : batch) {
          {
            const std::lock_guard hold(mutex_);
            names.push_back(request.image.name());
            ++asked[request.key];
            at_once = std::max(at_once, ++inside_);
          }
          Prediction reply = answer_to(request);
          {
            const std::lock_guard hold(mutex_);
            --inside_;
          }
          outbox.push(std::move(reply));
        }
    };
    std::vector<std::jthread> workers;
    for (int t = 1; t < threads_; ++t) workers.emplace_back(work);
    work();
  }

  virtual Prediction answer_to(const Request& request) {
    std::string text = "answer to " + request.question.text;
    for (const Turn& turn : request.dialogue) text += " after " + turn.answer;
    const float value = static_cast<float>(request.key.size());
    return {.key = request.key,
            .text = text,
            .score = static_cast<double>(text.size()) / 7,
            .map = AnomalyMap{.width = 2, .height = 1, .values = {value, 1}},
            .usage = {.input_tokens = 3, .output_tokens = 5}};
  }

  std::vector<std::string> names;
  std::map<std::string, int> asked;
  int serves = 0, at_once = 0;

 private:
  const int threads_;
  int inside_ = 0;
  std::mutex mutex_;
};

class ProfileTest : public ::testing::Test {
 protected:
  Profiled measured(Adapter& adapter, const Task& task, ProfileOptions options) {
    options.least_seconds = 0;
    const store::RunFolder folder = store::RunFolder::locked(path("profile"));
    return profile({&task, 1}, adapter, nullptr, folder, kRun, options);
  }
  std::filesystem::path path(const std::string& name) const { return temporary_.path() / name; }

  TemporaryFolder temporary_;
};

TEST_F(ProfileTest, PassesGoOnUntilEnoughRequestsAreTogether) {
  Steady adapter;
  const Task task = fake_task(7);
  const Profiled made = measured(adapter, task, {.least_requests = 20});
  EXPECT_EQ(made.profile.passes.size(), 3u);
  EXPECT_EQ(made.timings.size(), 21u);
  EXPECT_EQ(adapter.names.size(), 28u) << "and one pass to warm up";
  EXPECT_EQ(adapter.serves, 1) << "a program behind a pipe must not start anew for each pass";
  std::map<int, std::set<std::string>> by_pass;
  for (const store::Timing& timing : made.timings) {
    EXPECT_GE(timing.pass, 1);
    EXPECT_GT(timing.taken_ns, 0);
    EXPECT_GE(timing.latency_ns, 0);
    EXPECT_EQ(timing.usage.output_tokens, 5);
    EXPECT_TRUE(by_pass[timing.pass].insert(timing.key).second);
  }
  for (const auto& [pass, keys] : by_pass) EXPECT_EQ(keys.size(), 7u) << pass;
  EXPECT_EQ(made.profile.warm_up.requests, 7);
  EXPECT_TRUE(made.profile.stopped.empty());
}

TEST_F(ProfileTest, AnswersAreThoseOfARunToTheByte) {
  for (const int threads : {1, 3}) {
    const Task task = fake_task(9, 3);
    Steady profiled(threads), plain(threads);
    std::filesystem::remove_all(path("profile"));
    std::filesystem::remove_all(path("run"));
    const Profiled made =
        measured(profiled, task, {.least_requests = 100, .at_once = threads == 1 ? 1 : 0});
    const store::RunFolder folder = store::RunFolder::locked(path("run"));
    std::filesystem::create_directories(folder.maps());
    const PredictOptions options;
    ASSERT_TRUE(predict({&task, 1}, plain, nullptr, folder, kRun, options).complete);
    EXPECT_EQ(store::read_text(path("profile") / "predictions.jsonl"),
              store::read_text(path("run") / "predictions.jsonl"));
    for (const store::PassFacts& pass : made.profile.passes) EXPECT_EQ(pass.other_answers, 0);
    EXPECT_EQ(made.profile.passes.front().requests, 27);
  }
}

TEST_F(ProfileTest, NothingRememberedOfAPictureHelpsTheNextPass) {
  Steady adapter;
  const Task task = fake_task(5, 2);
  measured(adapter, task, {.least_requests = 20, .least_passes = 2});
  ASSERT_EQ(adapter.names.size(), 30u);
  std::map<std::string, int> times;
  for (const std::string& name : adapter.names) {
    EXPECT_TRUE(name.ends_with(".png"));
    ++times[name];
  }
  EXPECT_EQ(times.size(), 15u) << "five pictures, three passes";
  for (const auto& [name, count] : times) EXPECT_EQ(count, 2) << "turns of one dialogue share it";
}

TEST_F(ProfileTest, AtOnceBoundsWhatIsInFlight) {
  for (const int at_once : {1, 2}) {
    Steady adapter(4);
    std::filesystem::remove_all(path("profile"));
    measured(adapter, fake_task(30, 2), {.least_requests = 60, .at_once = at_once});
    EXPECT_LE(adapter.at_once, at_once);
  }
}

TEST_F(ProfileTest, AnswersThatChangeAreCounted) {
  struct Moody final : Steady {
    Prediction answer_to(const Request& request) override {
      Prediction reply = Steady::answer_to(request);
      if (++count > 4 && request.key.ends_with("/0")) reply.text += std::to_string(count);
      return reply;
    }
    int count = 0;
  } adapter;
  const Profiled made = measured(adapter, fake_task(4), {.least_requests = 8});
  for (const store::PassFacts& pass : made.profile.passes) EXPECT_EQ(pass.other_answers, 4);
}

TEST_F(ProfileTest, FailuresAreCountedAndEndNothing) {
  struct Failing final : Steady {
    Prediction answer_to(const Request& request) override {
      return {.key = request.key, .status = Status::failed, .error = "no"};
    }
  } adapter;
  const Profiled made = measured(adapter, fake_task(4), {.least_requests = 8});
  EXPECT_EQ(made.profile.passes.at(0).failed, 4);
  EXPECT_EQ(made.timings.at(0).status, Status::failed);
}

TEST_F(ProfileTest, ASignalEndsItAndSaysSo) {
  StopFlag stop;
  struct Stopping final : Steady {
    explicit Stopping(StopFlag& flag) : stop(flag) {}
    Prediction answer_to(const Request& request) override {
      if (++count == 11) stop.signal = SIGINT;
      return Steady::answer_to(request);
    }
    StopFlag& stop;
    int count = 0;
  } adapter(stop);
  const Profiled made = measured(adapter, fake_task(4), {.least_requests = 1000000, .stop = &stop});
  EXPECT_NE(made.profile.stopped, "");
  EXPECT_EQ(made.profile.passes.size(), 1u) << "what was whole is kept";
}

TEST_F(ProfileTest, AnAdapterThatLeavesEarlyIsAnError) {
  struct Leaving final : Adapter {
    void serve(Inbox& inbox, Outbox&) override { inbox.take(1); }
  } adapter;
  EXPECT_THROW(measured(adapter, fake_task(4), {}), Error);
  EXPECT_FALSE(std::filesystem::exists(path("profile") / "work"));
}

TEST_F(ProfileTest, AnExceptionOfTheAdapterIsPassedOn) {
  struct Throwing final : Adapter {
    void serve(Inbox&, Outbox&) override { throw Error(Kind::model, "no weights"); }
  } adapter;
  EXPECT_THROW(measured(adapter, fake_task(4), {}), Error);
}

TEST(Machine, ReadsTheTicksOfItsProcessors) {
  const char* text =
      "cpu  100 0 0 900 0 0 0 0 0 0\n"
      "cpu0 10 1 4 80 5 2 3 7 0 0\n"
      "cpu1 1 1 1 1 1 1 1 1 0 0\n"
      "cpu12 50 0 0 50 0 0 0 0 0 0\nintr 5\n";
  const auto two = processor_ticks(text, {0, 12});
  ASSERT_TRUE(two);
  EXPECT_EQ(two->busy, 10 + 1 + 4 + 2 + 3 + 50);
  EXPECT_EQ(two->idle, 85 + 50);
  EXPECT_EQ(two->stolen, 7);
  EXPECT_FALSE(processor_ticks(text, {3}));
  EXPECT_FALSE(processor_ticks("", {0}));
}

TEST(Machine, ReadsAProcessWithAnyName) {
  const auto one = process_ticks("77 (a) b (c)) S 5 1 1 0 -1 4194560 1 2 3 4 30 12 9 9 20 0 1\n");
  ASSERT_TRUE(one);
  EXPECT_EQ(one->pid, 77);
  EXPECT_EQ(one->parent, 5);
  EXPECT_EQ(one->ticks, 42);
  for (const char* text :
       {"", "77", "77 (x", "77 (x) S", ") 77 (", "x (y) S 1 1 1 0 0 0 0 0 0 0 1 1"})
    EXPECT_FALSE(process_ticks(text)) << text;
}

TEST(Machine, ItsOwnWorkIsNotThatOfOthers) {
  const Machine machine;
  const Snapshot before = machine.snapshot();
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(120);
  volatile double sink = 0;
  while (std::chrono::steady_clock::now() < end) sink = sink + 1;
  const Snapshot after = machine.snapshot();
  EXPECT_GT(after.own, before.own);
  const store::MachineFacts facts = machine.facts(before, after);
  EXPECT_GT(facts.processors, 0);
  EXPECT_GT(facts.clock_ns, 0);
  if (facts.busy_own) {
    EXPECT_GT(*facts.busy_own, 0);
    EXPECT_GE(*facts.busy_others, 0);
    EXPECT_LE(*facts.busy_others, 1);
  }
}

}  // namespace
}  // namespace looktwice::run
