// What is left of a journal after any damage: every record that is whole, nothing else (faults.md
// A3).
#include "harness/store/journal.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "harness/core/error.h"
#include "harness/store/run_folder.h"
#include "tests/support/soak.h"

namespace looktwice::store {
namespace {

namespace fs = std::filesystem;
using looktwice::testing::soak;

const std::string kRun = "0123456789abcdef";
const std::string kOther = "fedcba9876543210";

std::string record(int i, int version = 0) {
  return R"({"key":"k)" + std::to_string(i) + R"(","text":")" +
         std::string(static_cast<std::size_t>(i % 40), 'x') + R"(","version":)" +
         std::to_string(version) + "}";
}

std::string key_of(std::string_view object) {
  const std::size_t start = object.find(R"("key":")") + 7;
  return std::string(object.substr(start, object.find('"', start) - start));
}

class JournalTest : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::vector<std::string> opened(FrameCounts* counts = nullptr) {
    std::vector<std::string> seen;
    const Journal journal(file_, "test", kRun,
                          [&](std::string_view object) { seen.emplace_back(object); });
    if (counts) *counts = journal.recovered();
    return seen;
  }
  void write(int records) {
    Journal journal(file_, "test", kRun, [](std::string_view) {});
    for (int i = 0; i < records; ++i) journal.append(record(i));
    journal.sync();
  }
  std::string bytes() const {
    std::ifstream in(file_, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void put(const std::string& content) const {
    std::ofstream(file_, std::ios::binary | std::ios::trunc) << content;
  }

  const fs::path folder_ =
      fs::temp_directory_path() / ("looktwice_journal_" + std::to_string(::getpid()));
  const fs::path file_ = folder_ / "predictions.jsonl";
};

TEST_F(JournalTest, GivesBackWhatWasAppended) {
  write(5);
  EXPECT_EQ(opened(),
            (std::vector<std::string>{record(0), record(1), record(2), record(3), record(4)}));
}

TEST_F(JournalTest, EveryCutOfTheLastRecordsLeavesTheWholeOnes) {
  write(6);
  const std::string whole = bytes();
  std::size_t from = whole.size();
  for (int lines = 0; lines < 4; --from)
    if (from > 1 && whole[from - 2] == '\n') ++lines;
  for (std::size_t length = from; length <= whole.size(); ++length) {
    put(whole.substr(0, length));
    const auto lines = static_cast<std::size_t>(
        std::count(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length), '\n'));
    FrameCounts counts;
    const auto seen = opened(&counts);
    ASSERT_EQ(seen.size(), lines - 1) << "cut to " << length << " bytes";
    const bool torn = whole[length - 1] != '\n';
    EXPECT_EQ(counts.damaged, torn ? 1 : 0) << "cut to " << length << " bytes";
    for (std::size_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i], record(static_cast<int>(i)));
    // What was torn is gone for good, and the file takes new records.
    EXPECT_EQ(bytes(), whole.substr(0, whole.rfind('\n', length - 1) + 1));
    Journal journal(file_, "test", kRun, [](std::string_view) {});
    EXPECT_EQ(journal.recovered().damaged, 0);
  }
}

TEST_F(JournalTest, AFlippedBitCostsItsRecordOnly) {
  write(6);
  const std::string whole = bytes();
  const std::size_t header = whole.find('\n') + 1;
  std::mt19937 random(7);
  const int flips = soak() ? 5000 : 500;
  for (int flip = 0; flip < flips; ++flip) {
    std::string damaged = whole;
    const std::size_t at = header + random() % (whole.size() - header);
    const int bit = static_cast<int>(random() % 8);
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
    put(damaged);
    const auto hit =
        static_cast<int>(std::count(whole.begin() + static_cast<std::ptrdiff_t>(header),
                                    whole.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
    FrameCounts counts;
    const auto seen = opened(&counts);
    for (const std::string& object : seen) {
      const int number = std::stoi(key_of(object).substr(1));
      ASSERT_EQ(object, record(number)) << "byte " << at << " bit " << bit;
    }
    // A flipped line end joins two records; any other flip costs one.
    const std::size_t lost = whole[at] == '\n' && hit < 5 ? 2 : 1;
    ASSERT_EQ(seen.size(), 6 - lost) << "byte " << at << " bit " << bit;
    ASSERT_GE(counts.damaged + counts.foreign, 1);
  }
}

TEST_F(JournalTest, ADamagedHeaderLosesNoRecord) {
  write(3);
  std::string damaged = bytes();
  damaged[5] ^= 1;
  put(damaged);
  EXPECT_EQ(opened().size(), 3u);
  EXPECT_EQ(opened().size(), 3u);  // and is mended
}

TEST_F(JournalTest, ARecordOfAnotherRunIsLeftOut) {
  write(3);
  for (int i = 0; i < 20; ++i) {
    std::string mixed = bytes();
    const std::size_t line = mixed.find('\n', mixed.size() / 2) + 1;
    mixed.insert(line, framed(record(50 + i), kOther) + "\n");
    put(mixed);
    FrameCounts counts;
    EXPECT_EQ(opened(&counts).size(), 3u);
    EXPECT_EQ(counts.foreign, 1);
  }
}

TEST_F(JournalTest, AnotherRunsFileIsRefused) {
  {
    Journal other(file_, "test", kOther, [](std::string_view) {});
  }
  const std::string before = bytes();
  EXPECT_THROW(opened(), Error);
  EXPECT_EQ(bytes(), before);
}

TEST_F(JournalTest, AnotherKindIsRefused) {
  {
    Journal other(file_, "timing", kRun, [](std::string_view) {});
  }
  EXPECT_THROW(opened(), Error);
}

TEST_F(JournalTest, CompactionSortsAndKeepsTheLast) {
  Journal journal(file_, "test", kRun, [](std::string_view) {});
  for (const int i : {3, 1, 2}) journal.append(record(i));
  journal.append(record(1, 9));
  journal.compact(key_of);
  const std::string compacted = bytes();
  EXPECT_EQ(opened(), (std::vector<std::string>{record(1, 9), record(2), record(3)}));
  journal.compact(key_of);
  EXPECT_EQ(bytes(), compacted);
  journal.append(record(4));  // goes on after compaction
  EXPECT_EQ(opened().size(), 4u);
}

TEST_F(JournalTest, ManyThreadsLoseNothing) {
  {
    Journal journal(file_, "test", kRun, [](std::string_view) {});
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&, t] {
        for (int i = 0; i < 200; ++i) journal.append(record(t * 1000 + i), {}, i % 50 == 0);
      });
  }
  FrameCounts counts;
  EXPECT_EQ(opened(&counts).size(), 800u);
  EXPECT_EQ(counts.damaged, 0);
}

TEST(Frame, TheLineIsStillJson) {
  EXPECT_EQ(framed(R"({"key":"k"})", kRun).substr(0, 43),
            R"({"key":"k","run":"0123456789abcdef","crc":")");
}

TEST(RunFolder, ASecondHolderIsRefusedByName) {
  const fs::path path =
      fs::temp_directory_path() / ("looktwice_lock_" + std::to_string(::getpid()));
  {
    const RunFolder first = RunFolder::locked(path);
    try {
      const RunFolder second = RunFolder::locked(path);
      FAIL() << "two holders";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Kind::usage);
      EXPECT_NE(std::string(error.what()).find("process " + std::to_string(::getpid())),
                std::string::npos)
          << error.what();
    }
  }
  EXPECT_NO_THROW(RunFolder::locked(path));  // freed with the first
  fs::remove_all(path);
}

TEST(RunFolder, AFolderWithoutARunIsRefused) {
  EXPECT_THROW(RunFolder::existing("/nowhere"), Error);
}

}  // namespace
}  // namespace looktwice::store
