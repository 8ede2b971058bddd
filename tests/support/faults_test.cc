// The fault injector itself, on programs that every machine has.
#include "tests/support/faults.h"

#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace looktwice::testing {
namespace {
namespace fs = std::filesystem;

class Faults : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::path(::testing::TempDir()) /
              (std::string("looktwice-") + info->name() + "-" + std::to_string(getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string text(const std::string& name) const {
    std::ifstream in(folder_ / name);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  Command shell(const std::string& script) const {
    return {.arguments = {"sh", "-c", script}, .folder = folder_.string()};
  }

  fs::path folder_;
};

TEST_F(Faults, AreCountedInOrderBelowTheFolderOnly) {
  const Counted run = counted(shell("echo hello > a; echo elsewhere > /dev/null"), folder_);
  EXPECT_EQ(run.finished.code, 0) << run.finished.err;
  ASSERT_GE(run.calls.size(), 2u);
  EXPECT_EQ(run.calls[0].name, "open");
  EXPECT_EQ(run.calls[0].number, 1);
  EXPECT_EQ(fs::path(run.calls[0].path).filename(), "a");
  EXPECT_TRUE(run.calls[0].can("enospc"));
  const auto write = std::find_if(run.calls.begin(), run.calls.end(),
                                  [](const Call& call) { return call.name == "write"; });
  ASSERT_NE(write, run.calls.end());
  EXPECT_EQ(write->bytes, 6);
  EXPECT_TRUE(write->can("short"));
  EXPECT_EQ(text("a"), "hello\n");
}

TEST_F(Faults, KillBeforeHalfAndAfterAWrite) {
  const Command command = shell("echo hello > a");
  const Counted run = counted(command, folder_);
  long at = 0;
  for (const Call& call : run.calls)
    if (call.name == "write") at = call.number;
  ASSERT_GT(at, 0);
  const std::pair<const char*, const char*> expected[] = {
      {"kill_before", ""}, {"kill_half", "hel"}, {"kill_after", "hello\n"}};
  for (const auto& [fault, left] : expected) {
    const Finished end = finished(with_fault(command, folder_, fault, at));
    EXPECT_EQ(end.signal, SIGKILL) << fault;
    EXPECT_EQ(text("a"), left) << fault;
  }
}

TEST_F(Faults, ErrorsReachTheProgram) {
  const Command command = {
      .arguments = {"dd", "if=/dev/zero", "of=a", "bs=512", "count=4", "conv=fsync"},
      .folder = folder_.string()};
  const Counted run = counted(command, folder_);
  EXPECT_EQ(run.finished.code, 0) << run.finished.err;
  int faults = 0;
  for (const Call& call : run.calls)
    for (const std::string fault : {"enospc", "eio"}) {
      if (!call.can(fault) || call.name == "close") continue;
      const Finished end = finished(with_fault(command, folder_, fault, call.number, 0));
      EXPECT_EQ(end.code, 1) << call.name << " " << fault << " " << end.err;
      ++faults;
    }
  EXPECT_GE(faults, 12);  // open, four writes, fsync
}

TEST_F(Faults, ShortWritesAreTransparentToAProgramThatLoops) {
  const Command command = {.arguments = {"cp", "/bin/sh", "a"}, .folder = folder_.string()};
  finished(command);
  const auto size = fs::file_size(folder_ / "a");
  fs::remove(folder_ / "a");
  EXPECT_EQ(finished(with_fault(command, folder_, "short", 1, 0)).code, 0);
  EXPECT_EQ(fs::file_size(folder_ / "a"), size);
}

TEST_F(Faults, AFullFolderTakesSoManyBytes) {
  const Command command = {.arguments = {"dd", "if=/dev/zero", "of=a", "bs=512", "count=4"},
                           .folder = folder_.string()};
  const Finished end = finished(with_fault(command, folder_, "full", 1000));
  EXPECT_EQ(end.code, 1);
  EXPECT_NE(end.err.find("No space left"), std::string::npos) << end.err;
  EXPECT_EQ(fs::file_size(folder_ / "a"), 1000u);
}

TEST_F(Faults, RenamesAndRemovalsAreSeen) {
  const Counted run = counted(shell("echo x > a; mv a b; rm b; mkdir c; rmdir c"), folder_);
  EXPECT_EQ(run.finished.code, 0) << run.finished.err;
  for (const char* name : {"rename", "unlink", "mkdir", "rmdir"})
    EXPECT_TRUE(std::any_of(run.calls.begin(), run.calls.end(), [&](const Call& call) {
      return call.name == name;
    })) << name;
}

TEST_F(Faults, AMisspeltFaultIsNoSurvival) {
  EXPECT_EQ(finished(with_fault(shell("echo x > a"), folder_, "kill_later", 1)).code, 99);
}

TEST(Process, KeepsOutputAndCode) {
  const Finished end =
      finished({.arguments = {"sh", "-c", "cat; echo bad >&2; exit 3"}, .input = "hello"});
  EXPECT_EQ(end.code, 3);
  EXPECT_EQ(end.out, "hello");
  EXPECT_EQ(end.err, "bad\n");
}

TEST(Process, IsKilledAtItsLimit) {
  const Finished end =
      finished({.arguments = {"sleep", "60"}, .limit = std::chrono::milliseconds(50)});
  EXPECT_TRUE(end.late);
  EXPECT_EQ(end.signal, SIGKILL);
}

TEST(Process, GetsASignalAfterSoLong) {
  const Finished end = finished({.arguments = {"sleep", "60"},
                                 .signal_after = std::chrono::milliseconds(20),
                                 .signal = SIGTERM});
  EXPECT_FALSE(end.late);
  EXPECT_EQ(end.signal, SIGTERM);
}
}  // namespace
}  // namespace looktwice::testing
