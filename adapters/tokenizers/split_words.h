// Qwen's pre-tokeniser, a scanner for the regular expression
//   (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|
//   ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
// Inlined into the loop of the encoder. Not here: any other expression; a tokenizer.json that asks
// for another is refused (tokenizer_files.h).
#pragma once

#include <cstdint>

#include "adapters/tokenizers/characters.h"
#include "adapters/tokenizers/utf8.h"

namespace looktwice::tokenizers {

class WordSplitter {
 public:
  WordSplitter() : table_(qwen_characters()) {
    for (char32_t code = 0; code < 128; ++code) ascii_[code] = table_[code];
  }

  // The end of the word that starts at `at`; at < end. Valid UTF-8.
  const char* word_end(const char* at, const char* end) const {
    using namespace qwen_flag;
    const char* next = at;
    const std::uint8_t first = flags_at(next);
    if (first & letter) return letters_end(next, end);
    if (first & number) return next;
    if (*at == '\'')
      if (const char* after = contraction_end(next, end)) return after;
    if (next < end && !(first & line_end)) {
      const char* second = next;
      const std::uint8_t flags = flags_at(second);
      if (flags & letter) return letters_end(second, end);
      if (*at == ' ' && !(flags & (letter | number | space))) return others_end(second, end);
    }
    if (!(first & space)) return others_end(next, end);
    return spaces_end(at, end);
  }

 private:
  std::uint8_t flags_at(const char*& at) const {
    const auto byte = static_cast<std::uint8_t>(*at);
    if (byte < 128) {
      ++at;
      return ascii_[byte];
    }
    return table_[next_code_point(at)];
  }

  const char* letters_end(const char* at, const char* end) const {
    while (at < end) {
      const char* next = at;
      if (!(flags_at(next) & qwen_flag::letter)) break;
      at = next;
    }
    return at;
  }

  const char* others_end(const char* at, const char* end) const {
    using namespace qwen_flag;
    while (at < end) {
      const char* next = at;
      if (flags_at(next) & (letter | number | space)) break;
      at = next;
    }
    while (at < end && (*at == '\r' || *at == '\n')) ++at;
    return at;
  }

  // Up to the last line end of the run if it has one; else all of it at the end of the text; else
  // all but the last, which goes with the next word, unless it is the only one.
  const char* spaces_end(const char* at, const char* end) const {
    const char *last = at, *after_line = nullptr;
    const char* first_end = nullptr;
    while (at < end) {
      const char* next = at;
      const std::uint8_t flags = flags_at(next);
      if (!(flags & qwen_flag::space)) break;
      if (flags & qwen_flag::line_end) after_line = next;
      if (!first_end) first_end = next;
      last = at;
      at = next;
    }
    if (after_line) return after_line;
    if (at == end || at == first_end) return at;
    return last;
  }

  // After 's 't 're 've 'm 'll 'd in any case; U+017F folds to s. nullptr: none.
  static const char* contraction_end(const char* at, const char* end) {
    const auto lower = [&](int i) { return at + i < end ? static_cast<char>(at[i] | 0x20) : '\0'; };
    if (at == end) return nullptr;
    switch (lower(0)) {
      case 's':
      case 't':
      case 'm':
      case 'd':
        return at + 1;
      case 'r':
      case 'v':
        return lower(1) == 'e' ? at + 2 : nullptr;
      case 'l':
        return lower(1) == 'l' ? at + 2 : nullptr;
      default:
        break;
    }
    return at[0] == '\xC5' && at + 1 < end && at[1] == '\xBF' ? at + 2 : nullptr;
  }

  const CharacterTable& table_;
  std::uint8_t ascii_[128] = {};
};

}  // namespace looktwice::tokenizers
