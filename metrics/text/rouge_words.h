// Words as rouge_score cuts them, or as a caller does, and numbers in their place: equal words,
// equal numbers. Not here: other languages' words (adapters/tokenizers/unicode_words.h). Source:
// rouge_score 0.1.2, tokenize.py.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "metrics/text/lcs.h"

namespace looktwice::metrics {

// Appends the words of a text, for words that are not rouge_score's.
using WordCutter = std::function<void(std::string_view text, std::vector<std::string>& words)>;

// Maximal runs of [a-z0-9] in the lower-case text. Every other byte, of any encoding, separates;
// two characters beyond ASCII have a lower case within: U+0130 gives "i", U+212A gives "k".
// stem: Porter's stem of words of more than three letters.
class RougeWords {
 public:
  explicit RougeWords(bool stem = false) : stem_(stem) {}
  explicit RougeWords(WordCutter cutter) : cutter_(std::move(cutter)) {}

  // Forgets all numbers; memory stays, and up to 65,536 words, which need not be learned again.
  void clear();
  // Appends the numbers of the text's words: new words get new numbers, from 0 on.
  void add(std::string_view text, std::vector<Token>& tokens);
  // Appends the numbers of known words, kNoToken for others.
  void find(std::string_view text, std::vector<Token>& tokens);
  std::size_t size() const { return count_; }

 private:
  // Of at most sixteen bytes: the bytes themselves. Of longer words: a hash and the length.
  struct Key {
    std::uint64_t first = 0, second = 0;
  };
  static Key key_of(const char* word, std::size_t length);
  static Key long_key_of(const char* word, std::size_t length);

  // Words and their numbers; open addressing.
  class Table {
   public:
    void clear();
    // Of a word that may be new. Sixteen bytes behind it must be readable.
    Token number(const char* word, std::size_t length);
    std::size_t size() const { return words_; }

   private:
    Token added(const Key& key, const char* word, std::size_t length);
    struct Slot {
      std::uint64_t first = 0, second = 0;  // the key; first 0: empty
      Token token = 0;
      std::uint32_t length = 0;
      std::size_t at = 0;  // of longer words: the place in letters_
    };
    void grow();
    std::vector<Slot> slots_ = {};
    std::vector<std::uint32_t> used_ = {};  // slots
    std::string letters_ = {};              // of the longer words
    std::size_t words_ = 0;
  };
  // What a word is called since the last clear(), if `round` is the present one.
  struct Name {
    std::uint32_t round = 0;
    Token token = 0;
  };

  Token known_number(const char* word, std::size_t length);
  void learn_stem(const char* word, std::size_t length);
  void cut(std::string_view text);

  bool stem_ = false;
  WordCutter cutter_ = {};
  std::vector<std::string> cut_words_ = {};
  Table words_ = {}, stems_ = {};    // outlive clear()
  std::vector<Token> stem_of_ = {};  // number in words_ to number in stems_
  std::vector<Name> names_ = {};     // by number in stems_, or in words_ without stemming
  std::uint32_t round_ = 1, count_ = 0;
  std::vector<std::uint32_t> edges_ = {};  // where a word begins, where it ends, and so on
  std::string text_ = {};                  // in lower case, with room to read beyond
};

}  // namespace looktwice::metrics
