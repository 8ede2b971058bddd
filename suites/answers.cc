#include "suites/answers.h"

#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <cstdint>
#include <string>
#include <vector>

#include "harness/core/text.h"

namespace looktwice::suites {
namespace {

// Takes out <think>..</think> with what is between (an open one goes to the end), then every other
// tag.
std::string without_markup(std::string_view reply) {
  std::string text(reply);
  const std::string lower = lower_ascii(text);
  std::string plain;
  std::size_t at = 0;
  while (at < text.size()) {
    if (text[at] != '<') {
      plain += text[at++];
      continue;
    }
    if (lower.compare(at, 7, "<think>") == 0) {
      const std::size_t end = lower.find("</think>", at);
      if (end == lower.npos) break;
      at = end + 8;
      continue;
    }
    const std::size_t end = text.find_first_of("<>", at + 1);
    if (end == text.npos || text[end] == '<') {
      plain += text[at++];  // "a < b" is no tag
      continue;
    }
    plain += ' ';
    at = end + 1;
  }
  return plain;
}

bool ends_sentence(UChar32 c) {
  return c == '.' || c == '!' || c == '?' || c == '\n' || c == '\r' || c == 0x3002 || c == 0xFF01 ||
         c == 0xFF1F;
}

// The words of the first sentence that has a letter in it.
std::vector<std::string> first_words(const std::string& text) {
  std::vector<std::string> words;
  std::string word;
  bool letters = false;
  const auto finish_word = [&] {
    if (!word.empty()) words.push_back(std::move(word));
    word.clear();
  };
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
  const auto length = static_cast<std::int64_t>(text.size());
  for (std::int64_t at = 0; at < length;) {
    UChar32 c = 0;
    const std::int64_t start = at;
    U8_NEXT(bytes, at, length, c);
    if (c >= 0 && (u_isalnum(c) || (!word.empty() && u_charType(c) == U_NON_SPACING_MARK))) {
      word.append(text, static_cast<std::size_t>(start), static_cast<std::size_t>(at - start));
      letters = letters || u_isalpha(c);
      continue;
    }
    finish_word();
    if (c >= 0 && ends_sentence(c)) {
      if (letters) return words;
      words.clear();
    }
  }
  finish_word();
  return words;
}

}  // namespace

bool official_yes(std::string_view reply) {
  return reply.find("Yes") != reply.npos || reply.find("yes") != reply.npos;
}

std::optional<bool> corrected_yes(std::string_view reply) {
  bool yes = false, no = false;
  std::string before;
  for (const std::string& raw : first_words(without_markup(reply))) {
    const std::string word = lower_ascii(raw);
    if (word == "yes" || word == "no") {
      if (before == "not") return {};
      (word == "yes" ? yes : no) = true;
    }
    before = word;
  }
  if (yes == no) return {};
  return yes;
}

}  // namespace looktwice::suites
