// Byte pair encoding, the cutting into words, and files that are not a tokenizer's.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>

#include "adapters/tokenizers/qwen.h"
#include "adapters/tokenizers/split_words.h"
#include "harness/core/error.h"
#include "tests/adapters/tokenizers/small_tokenizer.h"

namespace looktwice::tokenizers {
namespace {

namespace fs = std::filesystem;
using Ids = std::vector<std::int32_t>;
using test::small_tokenizer;

TEST(QwenTokenizer, MergesOfLowestRankComeFirst) {
  const QwenTokenizer tokenizer(small_tokenizer({{"b", "c"}, {"a", "b"}, {"a", "bc"}}));
  EXPECT_EQ(tokenizer.encode("abc"), (Ids{258}));
  EXPECT_EQ(tokenizer.encode("abab"), (Ids{257, 257}));
  EXPECT_EQ(tokenizer.encode("aab"), (Ids{'a', 257}));
  EXPECT_EQ(tokenizer.decode(Ids{258, 257}), "abcab");
}

TEST(QwenTokenizer, ATokenThatTheMergesNeverMakeIsNotFoundWhole) {
  // "abc" wants "ab" + "c", but "bc" merges before.
  const QwenTokenizer tokenizer(small_tokenizer({{"b", "c"}, {"a", "b"}, {"ab", "c"}}));
  EXPECT_EQ(tokenizer.encode("abc"), (Ids{'a', 256}));
}

TEST(QwenTokenizer, AddedTokensAreCutOutFirstTheLongerOne) {
  const QwenTokenizer tokenizer(small_tokenizer({}));
  EXPECT_EQ(tokenizer.encode("a<|end|><|endx<|en"), (Ids{'a', 256, 257, 'x', '<', '|', 'e', 'n'}));
  EXPECT_EQ(tokenizer.decode(Ids{'a', 256, 257, 999, -1}), "a<|end|><|end");
  EXPECT_EQ(tokenizer.decode(Ids{'a', 256, 257}, true), "a<|end");
  EXPECT_EQ(tokenizer.added_id("<|end|>"), 256);
  EXPECT_EQ(tokenizer.added_id("<|start|>"), std::nullopt);
  EXPECT_EQ(tokenizer.size(), 258);
}

std::vector<std::string> words_of(const std::string& text) {
  const WordSplitter splitter;
  std::vector<std::string> words;
  for (const char* at = text.data(); at < text.data() + text.size();) {
    const char* const end = splitter.word_end(at, text.data() + text.size());
    words.emplace_back(at, end);
    at = end;
  }
  return words;
}

TEST(WordSplitter, CutsAsTheExpressionSays) {
  using Words = std::vector<std::string>;
  EXPECT_EQ(words_of("It's  a 27x scratch."),
            (Words{"It", "'s", " ", " a", " ", "2", "7", "x", " scratch", "."}));
  EXPECT_EQ(words_of("DON'T'x"), (Words{"DON", "'T", "'x"}));
  EXPECT_EQ(words_of("we'lls 'sun"), (Words{"we", "'ll", "s", " '", "sun"}));
  EXPECT_EQ(words_of("a \n\t\n  b"), (Words{"a", " \n\t\n", " ", " b"}));
  EXPECT_EQ(words_of("({\r\n\nx  "), (Words{"({\r\n\n", "x", "  "}));
  EXPECT_EQ(words_of("\tx\xC2\xA0y \xC3\xA9 !?"), (Words{"\tx", "\xC2\xA0y", " \xC3\xA9", " !?"}));
  EXPECT_EQ(words_of("\nx"), (Words{"\n", "x"}));
}

// All merges tried one by one, the slow way.
Ids slowly_merged(const TokenizerFiles& files, const std::string& word) {
  Ids ids;
  for (const char byte : word) ids.push_back(static_cast<std::uint8_t>(byte));
  for (;;) {
    std::size_t best = files.merges.size(), at = 0;
    for (std::size_t i = 0; i + 1 < ids.size(); ++i)
      for (std::size_t rank = 0; rank < best; ++rank)
        if (files.merges[rank].left == ids[i] && files.merges[rank].right == ids[i + 1])
          best = rank, at = i;
    if (best == files.merges.size()) return ids;
    ids[at] = files.merges[best].merged;
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  }
}

TEST(BytePairs, EqualTheSlowWayOnRandomMergesAndWords) {
  for (unsigned seed = 0; seed < 60; ++seed) {
    std::mt19937 draw(seed);
    std::vector<std::string> tokens{"a", "b", "c", "d"};
    std::vector<std::pair<std::string, std::string>> merges;
    for (int i = 0; i < 60; ++i) {
      merges.emplace_back(tokens[draw() % tokens.size()], tokens[draw() % tokens.size()]);
      const std::string made = merges.back().first + merges.back().second;
      if (made.size() > 24 ||
          std::find(merges.begin(), merges.end() - 1, merges.back()) != merges.end() - 1)
        merges.pop_back();
      else
        tokens.push_back(made);
    }
    const TokenizerFiles files = small_tokenizer(merges);
    const BytePairs pairs(files.token_bytes, files.byte_ids, files.merges, false);
    for (int i = 0; i < 60; ++i) {
      std::string word(1 + draw() % (i % 3 == 0 ? 300 : 40), 'a');
      for (char& c : word) c = static_cast<char>('a' + draw() % 4);
      for (int again = 0; again < 2; ++again) {  // the second time from memory
        Ids ids;
        pairs.encode(word, word.size(), ids);
        ASSERT_EQ(ids, slowly_merged(files, word)) << "seed " << seed << ", word " << word;
      }
    }
  }
}

class Folder {
 public:
  explicit Folder(const std::string& name)
      : path_(fs::path(testing::TempDir()) / ("tokenizer_" + name)) {
    fs::remove_all(path_);
    fs::create_directories(path_);
  }
  ~Folder() { fs::remove_all(path_); }
  void write(const std::string& file, const std::string& text) const {
    std::ofstream(path_ / file) << text;
  }
  std::string refusal() const {
    try {
      QwenTokenizer made(path_);
      return "read";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Kind::model);
      return error.what();
    }
  }

 private:
  fs::path path_;
};

std::string characters_of_bytes() {
  std::string entries;
  int next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    const bool itself =
        (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    std::string text;
    append_utf8(text, static_cast<char32_t>(itself ? byte : next++));
    if (text == "\"" || text == "\\") text.insert(0, "\\");
    entries += (byte ? ", \"" : "\"") + text + "\": " + std::to_string(byte);
  }
  return entries;
}

std::string tokenizer_json(
    const std::string& merges, const std::string& more = "",
    const std::string& regex =
        R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+)") {
  return R"({"normalizer": {"type": "NFC"}, "pre_tokenizer": {"type": "Sequence", "pretokenizers": [)"
         R"({"type": "Split", "pattern": {"Regex": ")" +
         regex +
         R"("}, "behavior": "Isolated", "invert": false},)"
         R"({"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]}, "model": {"type": "BPE", "vocab": {)" +
         characters_of_bytes() + R"(, "ab": 256}, "merges": )" + merges + more + "}}";
}

TEST(TokenizerFiles, MergesArePairsOrTexts) {
  Folder folder("forms");
  for (const char* merges : {R"([["a", "b"]])", R"(["a b"])"}) {
    folder.write("tokenizer.json", tokenizer_json(merges));
    EXPECT_EQ(folder.refusal(), "read");
  }
}

TEST(TokenizerFiles, EachFaultIsToldWithItsPlace) {
  const auto expect = [](const std::string& text, const std::string& said) {
    Folder folder("fault");
    folder.write("tokenizer.json", text);
    EXPECT_NE(folder.refusal().find(said), std::string::npos)
        << folder.refusal() << "\nexpected: " << said;
    EXPECT_NE(folder.refusal().find("tokenizer.json: line"), std::string::npos) << folder.refusal();
  };
  expect("{", "line 1, column");
  expect("[]", "expected an object");
  expect(R"({"normalizer": {"type": "NFKC"}})", "normalizer 'NFKC', expected NFC");
  expect("{}", "'pre_tokenizer' must be a Sequence");
  expect(tokenizer_json("[]", "", "\\\\s+"), "regular expression of Qwen2");
  expect(tokenizer_json("[]", R"(, "dropout": 0.1)"), "'dropout' must be null");
  expect(tokenizer_json("[]", R"(, "byte_fallback": true)"), "'byte_fallback' must be false");
  expect(tokenizer_json("{}"), "'merges' must be an array, not an object");
  expect(tokenizer_json(R"([["a"]])"), "expected a merge: two texts");
  expect(tokenizer_json(R"(["a b c"])"), "two tokens with one space between");
  expect(tokenizer_json(R"(["b a"])"), "'ba' is not in the vocabulary");
  expect(tokenizer_json(R"(["a \u0500"])"), "spells no bytes");
  std::string text = tokenizer_json("[]");
  text.replace(text.find("\"ab\": 256"), 9, "\"ab\": 255");
  expect(text, "id 255 belongs to two tokens");
  text.replace(text.find("\"ab\": 255"), 9, "\"ab\": 1e9");
  expect(text, "id 1e9 is not between 0 and");
  text = tokenizer_json("[]");
  text.replace(text.find("\"a\": 97"), 7, "\"aa\": 97");
  expect(text, "no token for byte 97");
}

TEST(TokenizerFiles, VocabularyAndMergesInTwoFiles) {
  Folder folder("pair");
  EXPECT_NE(folder.refusal().find("expected tokenizer.json, or vocab.json and merges.txt"),
            std::string::npos);
  folder.write("vocab.json", "{" + characters_of_bytes() + ", \"ab\": 256}");
  EXPECT_NE(folder.refusal().find("merges.txt: No such file"), std::string::npos);
  folder.write("merges.txt", "#version: 0.2\na b\n");
  folder.write("added_tokens.json", R"({"<|im_end|>": 257})");
  EXPECT_EQ(folder.refusal(), "read");
  folder.write("merges.txt", "#version: 0.2\na b\na  b\n");
  EXPECT_NE(folder.refusal().find("merges.txt: line 3"), std::string::npos) << folder.refusal();
  folder.write("merges.txt", "a \xFF\n");
  EXPECT_NE(folder.refusal().find("expected UTF-8"), std::string::npos) << folder.refusal();
  folder.write("merges.txt", "a b\n");
  folder.write("tokenizer_config.json",
               R"({"added_tokens_decoder": {"258": {"content": "<|im_end|>", "special": true}}})");
  EXPECT_NE(folder.refusal().find("with id 258 against"), std::string::npos) << folder.refusal();
  folder.write("tokenizer_config.json",
               R"({"added_tokens_decoder": {"257": {"content": "<|im_end|>", "lstrip": true}}})");
  EXPECT_NE(folder.refusal().find("'lstrip' is not supported"), std::string::npos)
      << folder.refusal();
}

}  // namespace
}  // namespace looktwice::tokenizers
