#include "suites/mmad/letters.h"

#include <unicode/uchar.h>
#include <unicode/uscript.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "harness/core/text.h"
#include "metrics/text/closest_text.h"

namespace looktwice::suites {
namespace {

// \w of Python's re on a str.
bool is_word(UChar32 c) {
  return c == '_' ||
         (c >= 0 && (u_isalpha(c) || u_getIntPropertyValue(c, UCHAR_NUMERIC_TYPE) != U_NT_NONE));
}

// Of a script that writes words without blanks between them, or endings right behind a foreign
// letter: the letter in "答案是B。" and "정답은 B입니다" is a word of its own.
bool is_unspaced(UChar32 c) {
  if (c < 0x80) return false;
  UErrorCode failed = U_ZERO_ERROR;
  switch (uscript_getScript(c, &failed)) {
    case USCRIPT_HAN:
    case USCRIPT_HIRAGANA:
    case USCRIPT_KATAKANA:
    case USCRIPT_HANGUL:
    case USCRIPT_THAI:
    case USCRIPT_LAO:
    case USCRIPT_KHMER:
    case USCRIPT_MYANMAR:
      return U_SUCCESS(failed);
    default:
      return false;
  }
}

// Code points of the reply, with where each starts; a bad byte is -1.
struct Points {
  std::vector<UChar32> points = {};
  std::vector<std::size_t> starts = {};

  explicit Points(std::string_view text) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
    const auto length = static_cast<std::int64_t>(text.size());
    for (std::int64_t at = 0; at < length;) {
      starts.push_back(static_cast<std::size_t>(at));
      UChar32 c = 0;
      U8_NEXT(bytes, at, length, c);
      points.push_back(c);
    }
  }
  std::size_t size() const { return points.size(); }
  UChar32 at(std::size_t i) const { return i < points.size() ? points[i] : ' '; }
  bool word(std::size_t i) const { return i < points.size() && is_word(points[i]); }
  // As Python's \b sees it.
  bool stands_alone(std::size_t i) const { return !word(i + 1) && (i == 0 || !word(i - 1)); }
  // The same, and beside a script without blanks.
  bool joins(std::size_t i) const { return word(i) && !is_unspaced(at(i)); }
  bool stands_apart(std::size_t i) const { return !joins(i + 1) && (i == 0 || !joins(i - 1)); }
  // Full-width letters of East Asian text as the usual ones.
  void narrow() {
    for (UChar32& c : points)
      if (c >= 0xFF21 && c <= 0xFF5A) c -= 0xFF21 - 'A';
  }
};

bool is_blank(UChar32 c) {
  return c == ' ' || c == '\t';
}

bool is_upper_letter(UChar32 c) {
  return c >= 'A' && c <= 'E';
}

std::string lower_word_at(const Points& text, std::size_t i) {
  std::string word;
  for (; text.word(i) && word.size() < 16; ++i)
    word += text.at(i) < 0x80 ? static_cast<char>(u_tolower(text.at(i))) : '?';
  return word;
}

std::string lower_word_before(const Points& text, std::size_t i) {
  while (i > 0 && !text.word(i - 1) && text.at(i - 1) != '.' && text.at(i - 1) != '\n') --i;
  std::size_t start = i;
  while (start > 0 && text.word(start - 1) && i - start < 16) --start;
  return start == i ? "" : lower_word_at(text, start);
}

bool is_one_of(const std::string& word, std::span<const char* const> words) {
  return std::ranges::any_of(words, [&](const char* one) { return word == one; });
}

// "A crack" and not "option A looks", "A is", "A. crack", "A".
bool is_article(const Points& text, std::size_t i) {
  if (text.at(i) != 'A') return false;
  std::size_t next = i + 1;
  while (is_blank(text.at(next)) && next < text.size()) ++next;
  if (next == i + 1 || !text.joins(next)) return false;
  constexpr std::array kOptions = {"option", "choice", "letter"};
  constexpr std::array kVerbs = {"is", "and", "or", "because", "since", "as", "for", "would"};
  return !is_one_of(lower_word_before(text, i), kOptions) &&
         !is_one_of(lower_word_at(text, next), kVerbs);
}

bool is_option(UChar32 letter, std::span<const Option> options) {
  return letter > 0 && letter < 0x80 && std::ranges::any_of(options, [&](const Option& option) {
           return option.letter.size() == 1 && option.letter[0] == static_cast<char>(letter);
         });
}

std::string text_of(UChar32 letter) {
  return std::string(1, static_cast<char>(letter));
}

std::string without_thoughts(std::string_view reply) {
  const std::string lower = lower_ascii(reply);
  std::string text;
  std::size_t at = 0;
  // Each spelling is looked for from where it was last found, so that a megabyte of blocks is
  // walked once.
  std::size_t slash = 0, backslash = 0;
  const auto seek = [&](std::size_t& found, const char* tag, std::size_t from) {
    if (found != lower.npos && found < from) found = lower.find(tag, from);
  };
  for (;;) {
    const std::size_t start = lower.find("<think>", at);
    text += reply.substr(at, start == lower.npos ? start : start - at);
    if (start == lower.npos) return text;
    seek(slash, "</think>", start + 7);
    seek(backslash, "<\\think>", start + 7);
    const std::size_t end = std::min(slash, backslash);
    if (end == lower.npos) return text;
    at = end + 8;
    text += ' ';
  }
}

// What stands in the last answer tag, an open one up to the end; the whole reply without one.
std::string_view answer_part(std::string_view reply) {
  const std::string lower = lower_ascii(reply);
  const std::size_t start = lower.rfind("<answer>");
  if (start == lower.npos) return reply;
  const std::size_t from = start + 8;
  const std::size_t end = std::min(lower.find("</answer>", from), lower.find("<\\answer>", from));
  return reply.substr(from, end == lower.npos ? end : end - from);
}

// Rule 2.
std::string announced_letter(const Points& text, std::span<const Option> options) {
  constexpr std::u32string_view kAnswer = U"answer";
  const auto lower = [&](std::size_t i) {
    return static_cast<char32_t>(text.at(i) < 0x80 && text.at(i) > 0 ? u_tolower(text.at(i)) : 0);
  };
  const auto is_dress = [](UChar32 c) {
    return c == ' ' || c == '\t' || c == '*' || c == '(' || c == '[' || c == '"' || c == '\'' ||
           c == '`' || c == '{';
  };
  std::string letter;
  for (std::size_t i = 0; i + kAnswer.size() < text.size(); ++i) {
    std::size_t k = 0;
    while (k < kAnswer.size() && lower(i + k) == kAnswer[k]) ++k;
    if (k < kAnswer.size() || (i > 0 && text.word(i - 1)) || text.word(i + k)) continue;
    std::size_t at = i + k;
    while (at < text.size() && is_dress(text.at(at))) ++at;
    bool announced = false;
    if (lower(at) == 'i' && lower(at + 1) == 's' && !text.word(at + 2)) announced = true, at += 2;
    while (at < text.size() && is_dress(text.at(at))) ++at;
    if (text.at(at) == ':') announced = true, ++at;
    if (!announced) continue;
    while (at < text.size() && is_dress(text.at(at))) ++at;
    if (lower_word_at(text, at) == "option") {
      at += 6;
      while (at < text.size() && is_dress(text.at(at))) ++at;
    }
    const UChar32 found = text.at(at);
    const UChar32 upper = found > 0 && found < 0x80 ? u_toupper(found) : 0;
    if (!is_option(upper, options) || text.joins(at + 1)) continue;
    // "the answer is a crack"
    const bool article = upper == 'A' && is_blank(text.at(at + 1)) && text.word(at + 2);
    if (found != upper && is_blank(text.at(at + 1)) && text.word(at + 2)) continue;
    if (article && is_article(text, at)) continue;
    letter = text_of(upper);
  }
  return letter;
}

// Rule 3.
std::string only_letter(const Points& text, std::span<const Option> options) {
  UChar32 only = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!text.word(i)) continue;
    if (only != 0) return {};
    only = text.at(i) < 0x80 ? u_toupper(text.at(i)) : -1;
  }
  return is_option(only, options) ? text_of(only) : "";
}

// Rule 4.
std::string unique_letter(const Points& text, std::span<const Option> options) {
  UChar32 unique = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const UChar32 c = text.at(i);
    if (!is_upper_letter(c) || !text.stands_apart(i) || !is_option(c, options) ||
        is_article(text, i))
      continue;
    if (unique != 0 && unique != c) return {};
    unique = c;
  }
  return unique != 0 ? text_of(unique) : "";
}

// Lower case, other characters than words as one blank, a blank at both ends: so that a text is
// within another as whole words exactly when the string is.
std::string as_words(std::string_view text) {
  const Points points(text);
  std::string words = " ";
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (!points.word(i)) {
      if (words.back() != ' ') words += ' ';
      continue;
    }
    const UChar32 lower = u_tolower(points.at(i));
    std::uint8_t bytes[4];
    std::size_t length = 0;
    U8_APPEND_UNSAFE(bytes, length, lower);
    words.append(reinterpret_cast<const char*>(bytes), length);
  }
  if (words.back() != ' ') words += ' ';
  return words;
}

// Rule 5.
std::string unique_text(std::string_view reply, std::span<const Option> options) {
  const std::string said = as_words(reply);
  std::vector<std::pair<std::string, const Option*>> held;
  for (const Option& option : options) {
    const std::string text = as_words(option.text);
    if (text != " " && said.find(text) != said.npos) held.emplace_back(text, &option);
  }
  const Option* unique = nullptr;
  for (const auto& [text, option] : held) {
    const bool within = std::ranges::any_of(held, [&](const auto& other) {
      return other.first.size() > text.size() && other.first.find(text) != other.first.npos;
    });
    if (within) continue;
    if (unique) return {};
    unique = option;
  }
  return unique ? unique->letter : "";
}

}  // namespace

std::string standing_letters(std::string_view reply) {
  const Points text(reply);
  std::string letters;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (is_upper_letter(text.at(i)) && text.stands_alone(i)) letters += text_of(text.at(i));
  return letters;
}

std::string official_letter(std::string_view reply, std::span<const Option> options,
                            OfficialReading reading) {
  const std::string letters = standing_letters(reply);
  if (!letters.empty())
    return {reading.take == OfficialReading::Take::last ? letters.back() : letters.front()};
  if (!reading.fallback || options.empty()) return {};
  std::vector<std::string> texts;
  for (const Option& option : options) texts.push_back(option.text);
  const std::string& closest = texts[metrics::closest_text(reply, texts)];
  return std::ranges::find(options, closest, &Option::text)->letter;
}

std::string corrected_letter(std::string_view reply, std::span<const Option> options) {
  const std::string said = without_thoughts(reply);
  const std::string_view part = answer_part(said);
  Points text(part);
  text.narrow();
  std::string letter = announced_letter(text, options);
  if (letter.empty()) letter = only_letter(text, options);
  if (letter.empty()) letter = unique_letter(text, options);
  if (letter.empty()) letter = unique_text(part, options);
  return letter;
}

std::string likeliest_letter(const std::map<std::string, double>& likelihoods,
                             std::span<const Option> options) {
  std::string letter;
  double most = 0;
  for (const Option& option : options) {
    const auto found = likelihoods.find(option.letter);
    if (found == likelihoods.end() || !(letter.empty() || found->second > most)) continue;
    letter = option.letter;
    most = found->second;
  }
  return letter;
}

}  // namespace looktwice::suites
