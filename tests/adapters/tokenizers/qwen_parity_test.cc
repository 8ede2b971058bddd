// Qwen's tokenizer against the ids that Hugging Face tokenizers and tiktoken gave.
#include <gtest/gtest.h>

#include <optional>

#include "adapters/tokenizers/normal_forms.h"
#include "adapters/tokenizers/qwen.h"
#include "tests/adapters/tokenizers/json_lines.h"
#include "tests/support/qwen_vocabulary.h"

namespace looktwice::tokenizers {
namespace {

using test::fixture_path;
using test::ids_of;
using test::json_lines;
using Ids = std::vector<std::int32_t>;

constexpr const char* kLlava = "anomaly_ov/checkpoint/tokenizer.json";
constexpr const char* kVl = "omniad/checkpoint/tokenizer.json";

const QwenTokenizer& llava() {
  static const QwenTokenizer tokenizer(
      test::WithTokenizer(fixture_path(kLlava).parent_path()).path());
  return tokenizer;
}
const QwenTokenizer& vl() {
  static const QwenTokenizer tokenizer(fixture_path(kVl).parent_path());
  return tokenizer;
}

TEST(QwenParity, EveryStringHasTheIdsOfThePeers) {
  int seen = 0;
  for (const JsonValue& line : json_lines(fixture_path("text/qwen_encode.jsonl"))) {
    const std::string& text = line.find("text")->text;
    EXPECT_EQ(llava().encode(text), ids_of(*line.find("ids")))
        << "line " << line.place.line << ": " << text;
    const JsonValue* decoded = line.find("decoded");
    EXPECT_EQ(llava().decode(ids_of(*line.find("ids"))), decoded ? decoded->text : text);
    ++seen;
  }
  EXPECT_EQ(seen, 578);
}

TEST(QwenParity, TheVlTokenizerKnowsMoreAddedTokens) {
  LOOKTWICE_NEEDS_FIXTURE(kVl);
  int differ = 0;
  for (const JsonValue& line : json_lines(fixture_path("text/qwen_encode.jsonl"))) {
    const JsonValue* own = line.find("ids_vl");
    differ += own != nullptr;
    EXPECT_EQ(vl().encode(line.find("text")->text), ids_of(own ? *own : *line.find("ids")))
        << "line " << line.place.line << ": " << line.find("text")->text;
  }
  EXPECT_GT(differ, 0);
}

TEST(QwenParity, DecodesAsThePeersDo) {
  LOOKTWICE_NEEDS_FIXTURE(kVl);
  int seen = 0;
  for (const JsonValue& line : json_lines(fixture_path("text/qwen_decode.jsonl"))) {
    const Ids ids = ids_of(*line.find("ids"));
    EXPECT_EQ(vl().decode(ids), line.find("text")->text) << "line " << line.place.line;
    EXPECT_EQ(vl().decode(ids, true), line.find("text_skip_special")->text)
        << "line " << line.place.line;
    ++seen;
  }
  EXPECT_EQ(seen, 176);
}

std::string from_base64(std::string_view text) {
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  unsigned bits = 0;
  int count = 0;
  for (const char c : text.substr(0, text.find('='))) {
    bits = bits << 6 | static_cast<unsigned>(kDigits.find(c));
    count += 6;
    if (count >= 8) bytes += static_cast<char>(bits >> (count -= 8) & 0xFF);
  }
  return bytes;
}

TEST(QwenParity, InvalidUtf8BecomesReplacementCharacters) {
  for (const JsonValue& line : json_lines(fixture_path("text/qwen_invalid_utf8.jsonl")))
    EXPECT_EQ(llava().encode(from_base64(line.find("bytes_base64")->text)),
              ids_of(*line.find("ids")))
        << "line " << line.place.line;
}

// Strings of scripts/golden/tokenizer_strings.py: all planes, every category.
TEST(QwenParity, RandomStrings) {
  for (const JsonValue& line : json_lines(test::data_path("text/tokenizer_strings.jsonl")))
    EXPECT_EQ(llava().encode(line.find("text")->text), ids_of(*line.find("qwen")))
        << "line " << line.place.line;
}

TEST(QwenParity, VocabularyAndMergesInTwoFilesAreTheSameTokenizer) {
  LOOKTWICE_NEEDS_FIXTURE("anomaly_ov/checkpoint/tokenizer_config.json");
  const auto folder = std::filesystem::path(testing::TempDir()) / "two_files";
  std::filesystem::create_directories(folder);
  for (const char* name : {"added_tokens.json", "tokenizer_config.json"})
    std::filesystem::copy_file(fixture_path(std::string("anomaly_ov/checkpoint/") + name),
                               folder / name, std::filesystem::copy_options::overwrite_existing);
  test::write_qwen_vocabulary(folder);
  const QwenTokenizer tokenizer(folder);
  std::filesystem::remove_all(folder);
  for (const JsonValue& line : json_lines(test::data_path("text/tokenizer_strings.jsonl")))
    EXPECT_EQ(tokenizer.encode(line.find("text")->text), ids_of(*line.find("qwen")))
        << "line " << line.place.line;
  EXPECT_EQ(tokenizer.size(), 151646);
}

TEST(QwenParity, NormalFormC) {
  for (const JsonValue& line : json_lines(fixture_path("text/nfc.jsonl")))
    EXPECT_EQ(nfc(line.find("in")->text), line.find("nfc")->text) << "line " << line.place.line;
}

}  // namespace
}  // namespace looktwice::tokenizers
