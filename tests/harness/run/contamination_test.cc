// What overlaps with training data, and how such lists are read.
#include "harness/run/contamination.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <optional>
#include <random>

#include "harness/core/error.h"
#include "harness/core/hash.h"
#include "harness/core/json_value.h"
#include "tests/support/pictures.h"

namespace looktwice::run {
namespace {

using looktwice::testing::TemporaryFolder;

Sample asking(const std::string& question, const std::string& answer) {
  Sample sample{.id = question};
  sample.questions = {{.text = question, .options = {{"A", answer}, {"B", "something else"}}}};
  sample.truth.answers = {"A"};
  return sample;
}

TEST(Contamination, EqualFilesAndNearHashesAreFound) {
  const std::vector<Sample> samples(4);
  const std::vector<PictureHashes> pictures = {
      {.sha256 = sha256("a"), .phash = 0x00ff},
      {.sha256 = sha256("b"), .phash = 0xff00ff},
      {.sha256 = sha256("c")},
      {},
  };
  Contamination one(samples, pictures, {.hamming = 2});
  one.see({.name = "near", .phash = 0x00fc});  // 2 bits from the first, 10 from the second
  one.see({.name = "same", .sha256 = sha256("c")});
  one.see({.name = "far", .phash = 0xffffffff});
  const std::vector<Overlap> found = one.overlaps();
  EXPECT_TRUE(found[0].looks_same);
  EXPECT_FALSE(found[0].same_file);
  EXPECT_EQ(found[0].bits, 2);
  EXPECT_EQ(found[0].with, "near");
  EXPECT_FALSE(found[1].any());
  EXPECT_TRUE(found[2].same_file);
  EXPECT_EQ(found[2].with, "same");
  EXPECT_FALSE(found[3].any());
}

TEST(Contamination, EqualHashesCanBeLeftOut) {
  const std::vector<Sample> samples(1);
  const std::vector<PictureHashes> pictures = {{.sha256 = sha256("a"), .phash = 7}};
  Contamination one(samples, pictures, {.hamming = -1});
  one.see({.name = "x", .phash = 7});
  EXPECT_FALSE(one.overlaps()[0].any());
}

TEST(Contamination, WordsCountInRunsWhateverStandsBetweenThem) {
  const std::vector<Sample> samples = {
      asking("What does the picture of the bottle show here?", "A crack at the neck."),
      asking("Is it?", "No.")};
  const std::vector<PictureHashes> pictures(2);
  Contamination one(samples, pictures, {.words = 4, .share = 0.6});
  one.see({.text = "what DOES the -- picture of the bottle show HERE; a Crack"});
  const std::vector<Overlap> found = one.overlaps();
  // 14 words give 11 runs of four; "what ... a crack" has the first 8 of them.
  EXPECT_DOUBLE_EQ(found[0].share, 8.0 / 11);
  EXPECT_TRUE(found[0].same_words);
  EXPECT_FALSE(found[1].same_words);  // too short to tell
  EXPECT_EQ(found[1].share, 0);
}

TEST(Contamination, RunsOfSeveralTextsAddUp) {
  const std::vector<Sample> samples = {asking("one two three four five six", "seven eight")};
  const std::vector<PictureHashes> pictures(1);
  Contamination one(samples, pictures, {.words = 4, .share = 1});
  one.see({.text = "one two three four five six"});
  EXPECT_FALSE(one.overlaps()[0].same_words);
  one.see({.text = "four five six seven eight"});
  one.see({.text = "three four five six seven"});
  EXPECT_TRUE(one.overlaps()[0].same_words);
  EXPECT_EQ(one.overlaps()[0].share, 1);
}

TEST(Contamination, WordGramsAreOfWordsAndNotOfLetters) {
  EXPECT_EQ(word_grams("a b c", 4).size(), 0u);
  EXPECT_EQ(word_grams("a b c d", 4).size(), 1u);
  EXPECT_EQ(word_grams("A b, c\nD!", 4), word_grams("a b c d", 4));
  EXPECT_NE(word_grams("ab c d e", 4), word_grams("a bc d e", 4));
  EXPECT_NE(word_grams("a b c d", 4), word_grams("d c b a", 4));
  EXPECT_EQ(word_grams("a b a b a b", 2).size(), 2u);  // each once
  EXPECT_EQ(word_grams("défaut sur la pièce", 4).size(), 1u);
}

TEST(TrainingList, WhatIsWrittenIsRead) {
  const TemporaryFolder folder;
  const TrainingItem items[] = {
      {.name = "a/b \"c\".png", .sha256 = sha256("x"), .phash = 0xfedcba9876543210},
      {.name = "chat:3", .text = "a line\nand \"another\" \\ \x01 é"}};
  std::string text = training_head("of a test") + "\n";
  for (const TrainingItem& item : items) text += line_of(item) + "\n";
  const auto file = folder.file("list.jsonl", text);
  std::vector<TrainingItem> read;
  const TrainingListSize size =
      for_each_training_item(file, [&](const TrainingItem& item) { read.push_back(item); });
  ASSERT_EQ(read.size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(read[i].name, items[i].name);
    EXPECT_EQ(read[i].sha256, items[i].sha256);
    EXPECT_EQ(read[i].phash, items[i].phash);
    EXPECT_EQ(read[i].text, items[i].text);
  }
  EXPECT_EQ(size.items, 2);
  EXPECT_EQ(size.hashes, 1);
  EXPECT_EQ(size.perceptual, 1);
  EXPECT_EQ(size.texts, 1);
  EXPECT_EQ(phash_text(0xa5), "00000000000000a5");
}

TEST(TrainingList, WhatIsWrongIsNamedWithItsLine) {
  const TemporaryFolder folder;
  const std::string head = training_head("") + "\n";
  for (const auto& [text, why] : {
           std::pair<std::string, const char*>{"", "empty"},
           {"{\"name\":\"x\"}\n", "kind"},
           {head + "[1]\n", "expected an object"},
           {head + "\n{\"sha256\":\"12\"}\n", "line 3"},
           {head + "{\"phash\":\"xyz\"}\n", "16 hex digits"},
           {head + "{\"phash\":7}\n", "expected a text"},
           {head + "{\"name\":\"x\"}\n", "one of sha256, phash and text"},
           {head + "{\"text\":\"a\"", "line 2"},
       }) {
    const auto file = folder.file("list.jsonl", text);
    try {
      for_each_training_item(file, [](const TrainingItem&) {});
      FAIL() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Kind::data);
      EXPECT_NE(std::string(error.what()).find("list.jsonl"), std::string::npos) << error.what();
      EXPECT_NE(std::string(error.what()).find(why), std::string::npos) << error.what();
    }
  }
  EXPECT_THROW(for_each_training_item(folder.path() / "none", [](const TrainingItem&) {}), Error);
}

// The items that the whole file parsed at once has; nothing: refused. strict: so are names that
// stand twice.
std::optional<std::vector<std::string>> items_at_once(const std::string& text, bool strict) {
  try {
    const JsonValue root =
        parsed_json(text, "file", 65, 1, strict ? NameTwice::refused : NameTwice::kept);
    std::vector<std::string> items;
    for (const JsonValue& item : root.items) items.emplace_back(name_of(item.type) + item.text);
    for (const auto& [name, item] : root.members)
      items.emplace_back(name_of(item.type) + item.text);
    return items;
  } catch (const Error&) {
    return {};
  }
}

std::optional<std::vector<std::string>> items_one_by_one(const std::filesystem::path& file) {
  std::vector<std::string> items;
  try {
    for_each_record(
        file, [&](const JsonValue& item) { items.emplace_back(name_of(item.type) + item.text); });
    return items;
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Kind::data);
    return {};
  }
}

void compare_readings(const TemporaryFolder& folder, const std::string& text,
                      const std::string& what) {
  const auto found = items_one_by_one(folder.file("records.json", text));
  if (const auto strict = items_at_once(text, true)) {
    EXPECT_EQ(found, strict) << what;
  } else if (!items_at_once(text, false)) {
    EXPECT_FALSE(found) << what << ": " << text.substr(0, 200);
  }
}

TEST(Records, ReadOneByOneAreThoseOfTheWholeFile) {
  const TemporaryFolder folder;
  std::vector<std::string> texts = {
      "",      "[]", "{}",   " [ ] ",    "[1,]",     "{\"a\":1,}", "[,1]",     "[1 2]",
      "[1}",   "{]", "[1],", "[1] 2",    "[[1}]",    "{\"a\"}",    "{\"a\",}", "{1:2}",
      "\"a\"", "3",  "[\"]", "[\"\\\"]", "{\"a\":{", "[\"a,]b\"]", "nul",      "[1,\n,2]"};
  for (const auto& entry : std::filesystem::directory_iterator(LOOKTWICE_TEST_DATA "/fuzz/json")) {
    std::ifstream in(entry.path(), std::ios::binary);
    texts.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  std::mt19937 draw(7);
  for (std::size_t t = 0, given = texts.size(); t < given; ++t) {
    compare_readings(folder, texts[t], "text " + std::to_string(t));
    if (texts[t].empty() || texts[t].size() > 2000) continue;
    for (int change = 0; change < 24; ++change) {
      std::string other = texts[t];
      const std::size_t at = draw() % other.size();
      if (change % 3 == 0)
        other.resize(at);
      else
        other[at] =
            change % 3 == 1 ? "[]{},:\"\\ \n1"[draw() % 11] : static_cast<char>(draw() % 256);
      compare_readings(folder, other, "text " + std::to_string(t) + " changed");
    }
  }
}

TEST(Records, MayLieAcrossThePiecesThatAreRead) {
  const TemporaryFolder folder;
  // 64 KiB end within a text, behind a backslash, behind a comma.
  for (const int more : {0, 1, 2, 3, 4, 5, 6, 7, 8}) {
    const std::string first(65520 + static_cast<std::size_t>(more), 'x');
    const std::string text = "[\"" + first + "\",\"a\\\"]\", {\"b\": [1, 2]}]";
    std::vector<std::string> found;
    for_each_record(folder.file("long.json", text), [&](const JsonValue& record) {
      found.push_back(record.type == JsonValue::Type::text ? record.text : "object");
    });
    EXPECT_EQ(found, (std::vector<std::string>{first, "a\"]", "object"})) << more;
  }
}

TEST(Records, WhatIsWrongIsNamedWithItsPlace) {
  const TemporaryFolder folder;
  for (const auto& [text, place] : {
           std::pair<std::string, std::string>{"[1,\n 2,\n nul]", "line 3, column 4"},
           {"{\"a\": 1,\n\"b\": NaN}", "line 2, column 7"},
           {"[1, 2", "line 1, column 6"},
           {"[1, 2] x", "line 1, column 8"},
           {"[1,, 2]", "line 1, column 4"},
       }) {
    try {
      for_each_record(folder.file("wrong.json", text), [](const JsonValue&) {});
      FAIL() << text;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(place), std::string::npos) << error.what();
      EXPECT_NE(std::string(error.what()).find("wrong.json"), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace looktwice::run
