// The cache of answers: no wrong hit ever, whatever becomes of its file.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <random>
#include <thread>

#include "adapters/openai/answer_cache.h"
#include "harness/core/error.h"
#include "tests/support/pictures.h"
#include "tests/support/refusal.h"
#include "tests/support/sanitized.h"
#include "tests/support/soak.h"

namespace looktwice::openai {
namespace {

namespace fs = std::filesystem;
using looktwice::testing::cases;
using looktwice::testing::refusal;
using looktwice::testing::TemporaryFolder;
using Access = AnswerStore::Access;

std::string key_of(int i) {
  return "key-" + std::to_string(i);
}
std::string answer_of(int i) {
  return "answer " + std::to_string(i) + std::string(static_cast<std::size_t>(i * 37 % 400), 'x');
}

std::vector<std::pair<std::string, std::string>> rows(int from, int to) {
  std::vector<std::pair<std::string, std::string>> made;
  for (int i = from; i < to; ++i) made.emplace_back(key_of(i), answer_of(i));
  return made;
}

std::string bytes_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

TEST(AnswerStore, KeepsAnswersFromOneOpeningToTheNext) {
  TemporaryFolder folder;
  const fs::path file = folder.path() / "deep" / "answers.sqlite";
  AnswerStore(file, Access::write).put(rows(0, 50));
  AnswerStore store(file, Access::read);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(store.find(key_of(i)), answer_of(i));
  EXPECT_EQ(store.find("key-50"), std::nullopt);
  EXPECT_EQ(store.size(), 50);
  EXPECT_EQ(store.damaged(), 0);
}

TEST(AnswerStore, TheFirstAnswerStays) {
  TemporaryFolder folder;
  AnswerStore store(folder.path() / "a.sqlite", Access::write);
  store.put({{"k", "one"}});
  store.put({{"k", "two"}});
  EXPECT_EQ(store.find("k"), "one");
}

TEST(AnswerStore, HoldsAnyBytes) {
  TemporaryFolder folder;
  AnswerStore store(folder.path() / "a.sqlite", Access::write);
  const std::string odd = std::string("nul \0 in it", 11) + "\xff\xfe \"'; DROP TABLE answers; --";
  store.put({{"k", odd}, {"big", std::string(3 << 20, 'b')}});
  EXPECT_EQ(store.find("k"), odd);
  EXPECT_EQ(store.find("big")->size(), std::size_t{3} << 20);
}

TEST(AnswerStore, ReadingWritesNothing) {
  TemporaryFolder folder;
  const fs::path file = folder.path() / "a.sqlite";
  AnswerStore none(file, Access::read);
  none.put({{"k", "v"}});
  EXPECT_EQ(none.find("k"), std::nullopt);
  EXPECT_FALSE(fs::exists(file));
  AnswerStore(file, Access::write).put({{"k", "v"}});
  AnswerStore reader(file, Access::read);
  reader.put({{"l", "w"}});
  EXPECT_EQ(reader.find("k"), "v");
  EXPECT_EQ(reader.find("l"), std::nullopt);
}

TEST(AnswerStore, FlippedBytesNeverGiveAnotherAnswer) {
  TemporaryFolder folder;
  const fs::path whole = folder.path() / "whole.sqlite", file = folder.path() / "a.sqlite";
  constexpr int kRows = 60;
  AnswerStore(whole, Access::write).put(rows(0, kRows));
  const std::string good = bytes_of(whole);
  std::mt19937 random(11);
  int lost = 0;
  for (int round = 0; round < cases(60, 500); ++round) {
    for (const auto& entry : fs::directory_iterator(folder.path()))
      if (entry.path() != whole) fs::remove(entry.path());
    std::string bad = good;
    for (int i = 0; i < 1 + round % 5; ++i)
      bad[random() % bad.size()] ^= static_cast<char>(1u << random() % 8);
    write(file, bad);
    AnswerStore store(file, round % 2 == 0 ? Access::write : Access::read);
    for (int i = 0; i < kRows; ++i) {
      const auto found = store.find(key_of(i));
      ASSERT_TRUE(!found || *found == answer_of(i)) << "round " << round << ", seed 11, row " << i;
      lost += !found;
    }
    if (round % 2 != 0) continue;
    store.put(rows(0, kRows));
    for (int i = 0; i < kRows; ++i) {
      const auto found = store.find(key_of(i));
      ASSERT_TRUE(!found || *found == answer_of(i)) << "round " << round << ", seed 11, row " << i;
    }
  }
  EXPECT_GT(lost, 0) << "no flip hit a row: the test is too weak";
}

TEST(AnswerStore, ADamagedRowIsSetAsideAndPaidAnew) {
  TemporaryFolder folder;
  const fs::path file = folder.path() / "a.sqlite";
  AnswerStore(file, Access::write).put({{"k", "the right answer"}, {"l", "another"}});
  std::string bytes = bytes_of(file);
  const std::size_t at = bytes.find("the right answer");
  ASSERT_NE(at, std::string::npos);
  bytes.replace(at, 9, "the wrong");
  write(file, bytes);
  AnswerStore store(file, Access::write);
  EXPECT_EQ(store.find("k"), std::nullopt);
  EXPECT_EQ(store.find("l"), "another");
  EXPECT_EQ(store.damaged(), 1);
  store.put({{"k", "the right answer"}});
  EXPECT_EQ(store.find("k"), "the right answer");
  EXPECT_EQ(store.damaged(), 1);
}

TEST(AnswerStore, ATruncatedOrForeignFileIsSetAside) {
  TemporaryFolder folder;
  const fs::path whole = folder.path() / "whole.sqlite";
  AnswerStore(whole, Access::write).put(rows(0, 200));
  const std::string good = bytes_of(whole);
  int number = 0;
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{99}, std::size_t{4096},
                                 good.size() / 2, good.size() - 1}) {
    const fs::path file = folder.path() / ("cut" + std::to_string(number++) + ".sqlite");
    write(file, good.substr(0, size));
    AnswerStore store(file, Access::write);
    for (int i = 0; i < 200; ++i) {
      const auto found = store.find(key_of(i));
      ASSERT_TRUE(!found || *found == answer_of(i)) << size;
    }
    store.put(rows(0, 200));
    store.put(rows(200, 210));
    EXPECT_EQ(store.find(key_of(205)), answer_of(205)) << size << " bytes kept";
  }
  const fs::path text = folder.path() / "text.sqlite";
  write(text, std::string(10'000, 'x'));
  AnswerStore store(text, Access::write);
  EXPECT_EQ(store.damaged(), 1);
  EXPECT_TRUE(fs::exists(text.string() + ".damaged-1"));
  store.put({{"k", "v"}});
  EXPECT_EQ(store.find("k"), "v");
}

TEST(AnswerStore, ALostJournalLosesRowsButInventsNone) {
  TemporaryFolder folder;
  const fs::path file = folder.path() / "a.sqlite", copy = folder.path() / "copy.sqlite";
  AnswerStore store(file, Access::write);
  store.put(rows(0, 30));
  fs::copy_file(file, copy);  // as if copied without its -wal while in use
  AnswerStore alone(copy, Access::write);
  for (int i = 0; i < 30; ++i) {
    const auto found = alone.find(key_of(i));
    ASSERT_TRUE(!found || *found == answer_of(i));
  }
}

TEST(AnswerStore, ManyProcessesShareOneFile) {
  TemporaryFolder folder;
  const fs::path file = folder.path() / "a.sqlite";
  constexpr int kProcesses = 16, kRows = 40;
  std::vector<pid_t> children;
  for (int p = 0; p < kProcesses; ++p) {
    const pid_t child = ::fork();
    if (child == 0) {
      bool good = true;
      try {
        AnswerStore store(file, Access::write);
        for (int i = 0; i < kRows; ++i) {
          const int at = (i * 7 + p * 5) % kRows;
          if (const auto found = store.find(key_of(at)))
            good = good && *found == answer_of(at);
          else
            store.put({{key_of(at), answer_of(at)}});
        }
        good = good && store.failures() == 0;
      } catch (const std::exception&) {
        good = false;
      }
      ::_exit(good ? 0 : 1);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  AnswerStore store(file, Access::read);
  EXPECT_EQ(store.size(), kRows);
  for (int i = 0; i < kRows; ++i) EXPECT_EQ(store.find(key_of(i)), answer_of(i));
}

TEST(AnswerStore, OneThreadFindsWhileAnotherPuts) {
  TemporaryFolder folder;
  AnswerStore store(folder.path() / "a.sqlite", Access::write);
  constexpr int kRows = 60;
  std::jthread putting([&] {
    for (int i = 0; i < kRows; ++i) store.put(rows(i, i + 1));
  });
  int found = 0;
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (found < kRows && std::chrono::steady_clock::now() < until) {
    const auto answer = store.find(key_of(found));
    if (!answer) continue;
    ASSERT_EQ(*answer, answer_of(found));
    ++found;
  }
  EXPECT_EQ(found, kRows);
  EXPECT_EQ(store.failures(), 0);
}

TEST(AnswerStore, AFolderThatCannotBeMadeIsNamed) {
  TemporaryFolder folder;
  const fs::path blocked = folder.file("blocked", "a file");
  const std::string why =
      refusal(Kind::disk, [&] { AnswerStore(blocked / "x" / "a.sqlite", Access::write); });
  EXPECT_NE(why.find("blocked"), std::string::npos) << why;
}

}  // namespace
}  // namespace looktwice::openai
