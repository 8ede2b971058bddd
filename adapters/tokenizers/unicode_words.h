// The words of a text in any script, as Unicode sees them (UAX 29, by ICU; dictionaries for scripts
// that write no spaces), case and compatibility folded away: for measures of texts that are not in
// Latin letters. Not here: rouge_score's own words (metrics/text/rouge_words.h).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace looktwice::tokenizers {

// Copies share their memory: one thread at a time.
class UnicodeWords {
 public:
  // Throws Kind::internal where ICU has no data.
  UnicodeWords();
  // Appends the words: what lies between two boundaries and holds a letter, a number, a kana or an
  // ideograph, in NFKC_Casefold. Bytes that are no UTF-8 count as U+FFFD, which is in no word.
  void operator()(std::string_view text, std::vector<std::string>& words) const;

 private:
  struct Parts;
  std::shared_ptr<Parts> parts_;
};

}  // namespace looktwice::tokenizers
