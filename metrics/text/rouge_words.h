// Words as rouge_score cuts them, and numbers in their place: equal words, equal numbers.
// Not here: other languages' words. Source: rouge_score 0.1.2, tokenize.py.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/text/lcs.h"

namespace looktwice::metrics {

// Maximal runs of [a-z0-9] in the lower-case text. Every other byte, of any encoding, separates;
// two characters beyond ASCII have a lower case within: U+0130 gives "i", U+212A gives "k".
// stem: Porter's stem of words of more than three letters.
class RougeWords {
 public:
  explicit RougeWords(bool stem = false) : stem_(stem) {}

  // Forgets all words; memory stays.
  void clear() { words_.clear(); }
  // Appends the numbers of the text's words: new words get new numbers, from 0 on.
  void add(std::string_view text, std::vector<Token>& tokens) { each_word(text, true, tokens); }
  // Appends the numbers of known words, kNoToken for others.
  void find(std::string_view text, std::vector<Token>& tokens) { each_word(text, false, tokens); }
  std::size_t size() const { return words_.size(); }

 private:
  // Words and their numbers; open addressing.
  class Table {
   public:
    void clear();
    // Eight bytes behind the word must be readable.
    Token number(const char* word, std::size_t length, bool add);
    std::size_t size() const { return words_; }

   private:
    struct Slot {
      std::uint64_t key = 0;  // of at most eight letters: the letters themselves; 0: empty
      Token token = 0;
      std::uint32_t length = 0;  // of longer words: with `at` their place in letters_
      std::size_t at = 0;
    };
    void grow();
    std::vector<Slot> slots_ = {};
    std::vector<std::uint32_t> used_ = {};  // slots
    std::string letters_ = {};              // of the longer words
    std::size_t words_ = 0;
  };
  static constexpr std::size_t kStemsKept = 1 << 16;

  void each_word(std::string_view text, bool add, std::vector<Token>& tokens);
  Token number(const char* word, std::size_t length, bool add);

  bool stem_ = false;
  Table words_ = {};
  Table seen_ = {};                      // words before stemming; outlives clear()
  std::vector<std::string> stems_ = {};  // of those
  std::string text_ = {};                // in lower case, with room to read beyond
};

}  // namespace looktwice::metrics
