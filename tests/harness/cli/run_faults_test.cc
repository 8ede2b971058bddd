// The run of a small unit, with every call to the file system going wrong in every way it can
// (faults.md A1 to A5): killed, full, read-only, short, interrupted. Whatever happens, the same
// command afterwards gives the bytes of an undisturbed run. Sampled in every test run, whole with
// LOOKTWICE_SOAK.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdlib>
#include <random>

#include "harness/store/run_folder.h"
#include "tests/harness/cli/unit.h"
#include "tests/support/faults.h"
#include "tests/support/sanitized.h"
#include "tests/support/soak.h"

namespace looktwice {
namespace {

namespace fs = std::filesystem;
using namespace looktwice::testing;

class Faults : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    unit_ = new Unit;
    const Counted undisturbed = counted(unit_->command("expected"), unit_->run("expected"));
    ASSERT_EQ(undisturbed.finished.code, 0) << undisturbed.finished.err;
    calls_ = undisturbed.calls;
    expected_ = unit_->results("expected");
  }
  static void TearDownTestSuite() {
    delete unit_;
    unit_ = nullptr;
  }

  // Every call, or every stride-th with another start per fault.
  static std::vector<Call> some(const std::string& fault, std::size_t stride) {
    std::vector<Call> chosen;
    std::size_t start = 0;
    for (const char c : fault) start = start * 31 + static_cast<unsigned char>(c);
    for (std::size_t i = soak() ? 0 : start % stride; i < calls_.size(); i += soak() ? 1 : stride)
      if (calls_[i].can(fault)) chosen.push_back(calls_[i]);
    return chosen;
  }
  static void start_again() { fs::remove_all(unit_->run()); }
  static void resume_gives_expected(const std::string& how) {
    const Finished again = finished(unit_->command());
    ASSERT_EQ(again.code, 0) << how << "\n" << again.err;
    ASSERT_TRUE(unit_->results() == expected_) << how;
  }

  static Unit* unit_;
  static std::vector<Call> calls_;
  static Unit::Results expected_;
};

Unit* Faults::unit_ = nullptr;
std::vector<Call> Faults::calls_;
Unit::Results Faults::expected_;

TEST_F(Faults, TheUnitMakesManyCalls) {
  EXPECT_GE(calls_.size(), 150u);
}

// A1
TEST_F(Faults, KilledAtAnyCallItResumesToTheSameBytes) {
  for (const char* fault : {"kill_before", "kill_half", "kill_after"})
    for (const Call& call : some(fault, 23)) {
      start_again();
      const Finished dead =
          finished(with_fault(unit_->command(), unit_->run(), fault, call.number));
      const std::string how = std::string(fault) + " at call " + std::to_string(call.number) +
                              " (" + call.name + " " + call.path + ")";
      ASSERT_EQ(dead.signal, SIGKILL) << how << "\n" << dead.err;
      resume_gives_expected(how);
    }
}

// A1: and again while it resumes.
TEST_F(Faults, KilledTwiceItResumesToTheSameBytes) {
  std::mt19937 random(11);
  for (int round = 0; round < (soak() ? 200 : 6); ++round) {
    start_again();
    const long first = 1 + static_cast<long>(random() % calls_.size());
    const long second = 1 + static_cast<long>(random() % calls_.size());
    (void)finished(with_fault(unit_->command(), unit_->run(), "kill_after", first));
    (void)finished(with_fault(unit_->command(), unit_->run(), "kill_before", second));
    resume_gives_expected("killed at " + std::to_string(first) + ", then at " +
                          std::to_string(second));
  }
}

// A2
TEST_F(Faults, KilledAtAnyTimeItResumesToTheSameBytes) {
  std::mt19937 random(5);
  for (int round = 0; round < (soak() ? 300 : 8); ++round) {
    start_again();
    const auto first = std::chrono::microseconds(random() % 150000),
               second = std::chrono::microseconds(random() % 150000);
    for (const auto after : {first, second}) {
      Command command = unit_->command();
      command.signal_after = after;
      command.signal = SIGKILL;
      (void)finished(command);
    }
    resume_gives_expected("killed after " + std::to_string(first.count()) + " us and " +
                          std::to_string(second.count()) + " us");
  }
}

// A4
TEST_F(Faults, ADiskThatRefusesIsExit6AndResumable) {
  for (const char* fault : {"enospc", "edquot", "eio", "erofs"})
    for (const Call& call : some(fault, 29)) {
      start_again();
      const std::string how = std::string(fault) + " at call " + std::to_string(call.number) +
                              " (" + call.name + " " + call.path + ")";
      const Finished refused =
          finished(with_fault(unit_->command(), unit_->run(), fault, call.number, 0));
      // A close that fails after the data was synced, or a look for what is not there, may pass.
      if (refused.code != 0) {
        ASSERT_EQ(refused.code, 6) << how << "\n" << refused.err;
        ASSERT_NE(refused.err.find(unit_->run().string()), std::string::npos)
            << how << ": the path is not named\n"
            << refused.err;
      }
      resume_gives_expected(how);
    }
}

// A4: the disk fills at some size.
TEST_F(Faults, AFullDiskIsExit6AndResumable) {
  long total = 0;
  for (const Call& call : calls_) total += call.can("full") ? call.bytes : 0;
  const int sizes = soak() ? 64 : 5;
  for (int i = 0; i < sizes; ++i) {
    start_again();
    const long room = total * i / sizes;
    const Finished full = finished(with_fault(unit_->command(), unit_->run(), "full", room));
    ASSERT_EQ(full.code, 6) << "room for " << room << " bytes\n" << full.err;
    resume_gives_expected("room for " + std::to_string(room) + " bytes");
  }
}

// A5
TEST_F(Faults, ShortWritesAndInterruptionsDoNotShow) {
  for (const char* fault : {"short", "eintr", "eagain"})
    for (const Call& call : some(fault, 31)) {
      if (std::string(fault) == "eagain" && call.name != "write")
        continue;  // no other call gives it on a file
      start_again();
      const Finished done =
          finished(with_fault(unit_->command(), unit_->run(), fault, call.number));
      const std::string how = std::string(fault) + " at call " + std::to_string(call.number) +
                              " (" + call.name + " " + call.path + ")";
      ASSERT_EQ(done.code, 0) << how << "\n" << done.err;
      ASSERT_TRUE(unit_->results() == expected_) << how;
    }
}

// A6
TEST_F(Faults, AskedToStopItStopsWith128PlusTheSignal) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP})
    for (int round = 0; round < (soak() ? 50 : 3); ++round) {
      start_again();
      Command command = unit_->command();
      command.signal = signal;
      command.signal_after = std::chrono::milliseconds(5 + 17 * round);
      const Finished stopped = finished(command);
      // Before the handlers stand the signal kills; after the end it comes too late.
      ASSERT_TRUE(stopped.code == 128 + signal || stopped.code == 0 || stopped.signal == signal)
          << "code " << stopped.code << " signal " << stopped.signal << "\n"
          << stopped.err;
      resume_gives_expected("signal " + std::to_string(signal));
    }
}

TEST_F(Faults, AClosedPipeIs128PlusSigpipe) {
  start_again();
  Command piped = unit_->command();
  std::string line;
  for (const std::string& word : piped.arguments) line += "'" + word + "' ";
  const Finished closed = finished(
      {.arguments = {"bash", "-c", "set -o pipefail; " + line + "| true; echo ${PIPESTATUS[0]}"}});
  // `true` may end before or after the report is written.
  EXPECT_TRUE(closed.out == "141\n" || closed.out == "0\n") << closed.out << closed.err;
  const Finished full = finished({.arguments = {"bash", "-c", line + "> /dev/full; echo $?"}});
  EXPECT_EQ(full.out, "6\n") << full.err;
  resume_gives_expected("closed pipe");
}

TEST_F(Faults, AReadOnlyFolderIsExit6) {
  start_again();
  const Finished refused = finished(unit_->command("../../../../../proc/looktwice"));
  EXPECT_EQ(refused.code, 6) << refused.err;
}

// H1
TEST_F(Faults, ASecondProcessIsRefusedByName) {
  start_again();
  std::string line;
  for (const std::string& word : unit_->command().arguments) line += "'" + word + "' ";
  const std::string folder = unit_->run().string();
  const Finished both =
      finished({.arguments = {"bash", "-c",
                              "mkdir -p '" + folder + "'; exec 9>'" + folder +
                                  "/.lock'; flock 9; echo $$ >&9; " + line + "; echo $?"}});
  EXPECT_EQ(both.out, "2\n") << both.err;
  EXPECT_NE(both.err.find("in use by process"), std::string::npos) << both.err;
  resume_gives_expected("after the lock was freed");
}

// A7
TEST_F(Faults, AnAllocationThatFailsCostsNoAnswer) {
  if (test::kSanitized) GTEST_SKIP() << "a sanitizer replaces the allocator";
  const fs::path log = unit_->root() / "allocations";
  start_again();
  Command counting = unit_->command();
  counting.environment = {{"LD_PRELOAD", LOOKTWICE_ALLOCATION_LIBRARY},
                          {"ALLOCATION_LOG", log.string()}};
  ASSERT_EQ(finished(counting).code, 0);
  const long total = std::stol(store::read_text(log));
  std::mt19937 random(3);
  for (int round = 0; round < (soak() ? 200 : 20); ++round) {
    start_again();
    const long at = 1 + static_cast<long>(random() % static_cast<unsigned long>(total));
    Command starved = unit_->command();
    starved.environment = {{"LD_PRELOAD", LOOKTWICE_ALLOCATION_LIBRARY},
                           {"ALLOCATION_AT", std::to_string(at)},
                           {"ALLOCATION_FOR", round % 2 ? "1" : "3"}};
    const Finished done = finished(starved);
    ASSERT_EQ(done.signal, 0) << "allocation " << at << " of " << total << "\n" << done.err;
    ASSERT_NE(done.code, 70) << "allocation " << at << " of " << total << "\n" << done.err;
    resume_gives_expected("allocation " + std::to_string(at));
  }
}

// A7
TEST_F(Faults, LittleMemoryIsAnErrorNotACrash) {
  if (test::kSanitized) GTEST_SKIP() << "a sanitizer maps terabytes";
  std::string line;
  for (const std::string& word : unit_->command().arguments) line += "'" + word + "' ";
  for (int megabytes = 24; megabytes <= 200; megabytes += soak() ? 8 : 44) {
    start_again();
    const Finished done = finished(
        {.arguments = {"bash", "-c",
                       "ulimit -v " + std::to_string(megabytes * 1024) + "; exec " + line}});
    // Where not even the libraries can be loaded, the loader says so with 127.
    ASSERT_TRUE(done.signal == 0 && done.code != 70)
        << megabytes << " MB: signal " << done.signal << " code " << done.code << "\n"
        << done.err;
    resume_gives_expected(std::to_string(megabytes) + " MB");
  }
}

// A8
TEST_F(Faults, AnotherYearChangesNoByte) {
  if (finished({.arguments = {"faketime", "--version"}}).code != 0)
    GTEST_SKIP() << "faketime is not installed";
  for (const char* when : {"1971-01-01 00:00:00", "2026-03-29 01:59:58", "2040-02-29 12:00:00"}) {
    start_again();
    Command command = unit_->command();
    command.arguments.insert(command.arguments.begin(), {"faketime", when});
    const Finished done = finished(command);
    ASSERT_EQ(done.code, 0) << when << done.err;
    ASSERT_TRUE(unit_->results() == expected_) << when;
  }
}

// A9: a file is synced before it is renamed into place, and its folder after that.
TEST_F(Faults, RenamesAreDurable) {
  int renames = 0;
  for (std::size_t i = 0; i < calls_.size(); ++i) {
    if (calls_[i].name != "rename") continue;
    ++renames;
    bool synced_before = false, synced_after = false;
    for (std::size_t j = 0; j < i; ++j)
      synced_before = synced_before ||
                      (calls_[j].name == "fsync" && calls_[j].path == calls_[i].path + ".part");
    for (std::size_t j = i + 1; j < calls_.size() && !synced_after; ++j)
      synced_after =
          calls_[j].name == "fsync" && fs::path(calls_[j].path) == unit_->run("expected");
    EXPECT_TRUE(synced_before) << calls_[i].path;
    EXPECT_TRUE(synced_after) << calls_[i].path;
  }
  EXPECT_GE(renames, 4);  // run.json, the journal, outcomes and summary
}

// I1
TEST_F(Faults, BatchesThreadsLocalesAndZonesChangeNoByte) {
  for (const char* threads : {"1", "2", "4"})
    for (const char* batch : {"1", "2", "8"})
      for (const auto& [locale, zone] : {std::pair{"C", "UTC"},
                                         {"de_DE.UTF-8", "Asia/Kathmandu"},
                                         {"tr_TR.UTF-8", "America/St_Johns"}}) {
        if (!soak() && (threads[0] + batch[0] + locale[0]) % 3 != 0) continue;
        start_again();
        Command command = unit_->command("run", {"--threads", threads, "--batch_size", batch});
        command.environment = {{"LC_ALL", locale}, {"TZ", zone}};
        const Finished done = finished(command);
        ASSERT_EQ(done.code, 0) << done.err;
        ASSERT_TRUE(unit_->results() == expected_)
            << threads << " threads, batch " << batch << ", " << locale;
      }
}

}  // namespace
}  // namespace looktwice
