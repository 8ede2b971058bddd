// WordPiece against the ids that Hugging Face's BertTokenizer gave.
#include <gtest/gtest.h>

#include "adapters/tokenizers/wordpiece.h"
#include "harness/core/error.h"
#include "tests/adapters/tokenizers/json_lines.h"

namespace looktwice::tokenizers {
namespace {

using test::fixture_path;
using test::ids_of;
using test::json_lines;

const WordPiece& bert() {
  static const WordPiece tokenizer = [] {
    std::ifstream in(fixture_path("text/bert_vocab.txt"), std::ios::binary);
    return WordPiece(std::string(std::istreambuf_iterator<char>(in), {}), {}, "bert_vocab.txt");
  }();
  return tokenizer;
}

TEST(WordPieceParity, EveryStringHasTheIdsOfThePeer) {
  int cut = 0;
  const auto lines = json_lines(fixture_path("text/bert_wordpiece.jsonl"));
  EXPECT_EQ(lines.size(), 479u);
  for (const JsonValue& line : lines) {
    const std::string& text = line.find("text")->text;
    EXPECT_EQ(bert().encode(text), ids_of(*line.find("ids")))
        << "line " << line.place.line << ": " << text;
    const JsonValue* short_ids = line.find("ids_256");
    cut += short_ids != nullptr;
    EXPECT_EQ(bert().encode(text, 256), ids_of(short_ids ? *short_ids : *line.find("ids")))
        << "line " << line.place.line;
  }
  EXPECT_GT(cut, 0);
}

TEST(WordPieceParity, SentencesOfTheEncoder) {
  for (const JsonValue& line : json_lines(fixture_path("text/sbert_sentences.jsonl")))
    EXPECT_EQ(bert().encode(line.find("text")->text, 256), ids_of(*line.find("ids")))
        << "line " << line.place.line;
}

// Strings of scripts/golden/tokenizer_strings.py: all planes, every category.
TEST(WordPieceParity, RandomStrings) {
  const auto lines = json_lines(test::data_path("text/tokenizer_strings.jsonl"));
  EXPECT_EQ(lines.size(), 400u);
  for (const JsonValue& line : lines)
    EXPECT_EQ(bert().encode(line.find("text")->text), ids_of(*line.find("bert")))
        << "line " << line.place.line;
}

TEST(WordPiece, RefusesAFileThatIsNoVocabulary) {
  EXPECT_THROW(WordPiece("[CLS]\n[SEP]\n[PAD]\n", {}, "vocab.txt"), Error);
  EXPECT_THROW(WordPiece("\xFF", {}, "vocab.txt"), Error);
  EXPECT_THROW(WordPiece(std::filesystem::path("/nowhere")), Error);
}

TEST(WordPiece, OptionsOfACasedModel) {
  const std::string vocabulary =
      "[PAD]\n[UNK]\n[CLS]\n[SEP]\nA\n\xC3\xA9\n##b\n\xE7\xBC\xBA\xE9\x99\xB7\n";
  const WordPiece cased(vocabulary,
                        {.lower_case = false, .strip_accents = false, .split_ideographs = false},
                        "vocab.txt");
  using Ids = std::vector<std::int32_t>;
  EXPECT_EQ(cased.encode("Ab \xC3\xA9"
                         "b a"),
            (Ids{2, 4, 6, 5, 6, 1, 3}));
  EXPECT_EQ(cased.encode("\xE7\xBC\xBA\xE9\x99\xB7"), (Ids{2, 7, 3}));
  EXPECT_EQ(cased.encode("Ab Ab", 3), (Ids{2, 4, 3}));
  EXPECT_EQ(cased.encode(std::string(101, 'A')), (Ids{2, 1, 3}));
}

}  // namespace
}  // namespace looktwice::tokenizers
