#include "harness/run/judge_prompt.h"

#include <array>
#include <cctype>
#include <charconv>
#include <utility>

#include "harness/core/error.h"
#include "harness/core/hash.h"
#include "harness/core/json_value.h"
#include "harness/core/options.h"
#include "harness/core/text.h"

namespace looktwice::run {
namespace {

constexpr double kLeast = 1, kMost = 10;

VerdictForm form_named(const std::string& name) {
  if (name == "llava") return VerdictForm::two_points;
  return name == "pairwise" ? VerdictForm::preference : VerdictForm::points;
}

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (is_blank(text.front()) || text.front() == '\n')) text.remove_prefix(1);
  while (!text.empty() && (is_blank(text.back()) || text.back() == '\n')) text.remove_suffix(1);
  return text;
}

// Is there a role before a colon at the start of this line, behind marks such as "### " or "**"?
bool starts_with_role(std::string_view line) {
  constexpr std::string_view kMarks = " \t#*>_-";
  while (!line.empty() && kMarks.find(line.front()) != kMarks.npos) line.remove_prefix(1);
  std::string word;
  while (!line.empty() && std::isalpha(static_cast<unsigned char>(line.front()))) {
    word += static_cast<char>(std::tolower(static_cast<unsigned char>(line.front())));
    line.remove_prefix(1);
  }
  constexpr std::array<std::string_view, 13> kRoles = {
      "system", "user", "human", "assistant", "gpt",     "judge",  "developer",
      "tool",   "end",  "score", "rating",    "verdict", "context"};
  bool is_role = false;
  for (const std::string_view role : kRoles) is_role = is_role || word == role;
  if (!is_role) return false;
  // "Assistant 2 **:"
  while (!line.empty() && (kMarks.find(line.front()) != kMarks.npos ||
                           std::isdigit(static_cast<unsigned char>(line.front()))))
    line.remove_prefix(1);
  return line.starts_with(':') || line.starts_with("\xEF\xBC\x9A");  // also the full-width colon
}

struct Replacement {
  std::string_view from = {}, to = {};
};
// Brackets in all their forms, and what nobody sees: zero width, direction, tags.
constexpr std::array<Replacement, 20> kReplacements = {{
    {"[", "("},
    {"]", ")"},
    {"\xEF\xBC\xBB", "("},  // full-width [
    {"\xEF\xBC\xBD", ")"},
    {"\xE2\x9F\xA6", "("},  // mathematical white [
    {"\xE2\x9F\xA7", ")"},
    {"\xE3\x80\x90", "("},  // black lenticular
    {"\xE3\x80\x91", ")"},
    {"\xE3\x80\x9A", "("},  // white square
    {"\xE3\x80\x9B", ")"},
    {"\xE2\x80\x8B", ""},  // zero width space, joiners, marks
    {"\xE2\x80\x8C", ""},
    {"\xE2\x80\x8D", ""},
    {"\xE2\x80\x8E", ""},
    {"\xE2\x80\x8F", ""},
    {"\xE2\x81\xA0", ""},
    {"\xEF\xBB\xBF", ""},
    {"\xC2\xAD", ""},        // soft hyphen
    {"\xE2\x80\xA8", "\n"},  // line and paragraph separators
    {"\xE2\x80\xA9", "\n"},
}};

// U+202A..U+202E and U+2066..U+2069 turn the direction, U+E0000..U+E007F are invisible tags.
std::size_t invisible_at(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  if (byte(0) == 0xE2 && byte(1) == 0x80 && byte(2) >= 0xAA && byte(2) <= 0xAE) return 3;
  if (byte(0) == 0xE2 && byte(1) == 0x81 && byte(2) >= 0xA6 && byte(2) <= 0xA9) return 3;
  if (byte(0) == 0xF3 && byte(1) == 0xA0 && (byte(2) == 0x80 || byte(2) == 0x81)) return 4;
  return 0;
}

std::string without_delimiters(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    if (const std::size_t length = invisible_at(text); length > 0) {
      text.remove_prefix(length);
      continue;
    }
    const Replacement* found = nullptr;
    for (const Replacement& one : kReplacements)
      if (!found && text.starts_with(one.from)) found = &one;
    if (found) {
      out += found->to;
      text.remove_prefix(found->from.size());
      continue;
    }
    const auto c = static_cast<unsigned char>(text.front());
    if (c == '\r') {
      if (!text.substr(1).starts_with('\n')) out += '\n';
    } else if (c >= 0x20 || c == '\n' || c == '\t') {
      // "<|", "<<", "</" and "|>" are taken apart, also where they overlap.
      const bool tag = !out.empty() && ((out.back() == '<' && (c == '|' || c == '<' || c == '/')) ||
                                        (out.back() == '|' && c == '>'));
      if (tag) out += ' ';
      out += text.front();
    }
    text.remove_prefix(1);
  }
  return out;
}

std::optional<double> number_at(std::string_view text, std::size_t& at) {
  double value = 0;
  const auto [end, fault] = std::from_chars(text.data() + at, text.data() + text.size(), value);
  if (fault != std::errc{}) return {};
  at = static_cast<std::size_t>(end - text.data());
  return value;
}

bool is_on_scale(double points) {
  return points >= kLeast && points <= kMost;
}

// The first two numbers of a line; ',' and ';' separate like blanks.
std::optional<Verdict> two_points(std::string_view line) {
  std::vector<double> numbers;
  for (std::size_t at = 0; at < line.size() && numbers.size() < 2;) {
    const bool starts = std::isdigit(static_cast<unsigned char>(line[at])) != 0 ||
                        (line[at] == '-' && at + 1 < line.size() &&
                         std::isdigit(static_cast<unsigned char>(line[at + 1])) != 0);
    if (const auto number = starts ? number_at(line, at) : std::nullopt)
      numbers.push_back(*number);
    else
      ++at;
  }
  if (numbers.size() < 2 || !is_on_scale(numbers[0]) || !is_on_scale(numbers[1])) return {};
  return Verdict{.first = numbers[0], .second = numbers[1]};
}

// What stands behind the last "Rating:" or "Verdict:" that begins a line; marks around do not
// count.
std::optional<std::string> last_line(std::string_view reply, const std::string& head) {
  std::optional<std::string> found;
  while (!reply.empty()) {
    const std::size_t end = std::min(reply.find('\n'), reply.size());
    std::string line;
    for (const char c : reply.substr(0, end))
      if (c != '*' && c != '#' && c != '_' && c != '`') line += c;
    reply.remove_prefix(std::min(end + 1, reply.size()));
    const std::string_view plain = trimmed(line);
    if (lower_ascii(plain.substr(0, head.size())) == head)
      found = std::string(trimmed(plain.substr(head.size())));
  }
  return found;
}

std::optional<Verdict> points(std::string_view reply) {
  const auto line = last_line(reply, "rating:");
  std::size_t at = 0;
  if (!line) return {};
  const auto number = number_at(*line, at);
  if (!number || !is_on_scale(*number)) return {};
  // "8", "8/10", "8 out of 10", "8."; not "8 or 9".
  const std::string rest = lower_ascii(trimmed(std::string_view(*line).substr(at)));
  if (!rest.empty() && rest != "." && rest != "/10" && rest != "/ 10" && rest != "out of 10" &&
      rest != "/10." && rest != "out of 10.")
    return {};
  return Verdict{.second = *number};
}

std::optional<Verdict> preference(std::string_view reply) {
  auto line = last_line(reply, "verdict:");
  if (!line) return {};
  if (line->ends_with('.')) line->pop_back();
  const std::string word = lower_ascii(*line);
  if (word == "a") return Verdict{.first = 1};
  if (word == "b") return Verdict{.first = 0};
  if (word == "tie") return Verdict{.first = 0.5};
  return {};
}

}  // namespace

std::vector<JudgePrompt> judge_prompts() {
  std::vector<JudgePrompt> prompts;
  for (const EmbeddedFile& file : judge_prompt_files()) {
    const JsonValue list = parsed_json(file.bytes, std::string(file.name));
    for (const JsonValue& one : list.items) {
      const auto text = [&](const char* name) { return one.find(name)->text; };
      JudgePrompt prompt{.name = text("name"),
                         .version = std::stoi(text("version")),
                         .source = text("source"),
                         .form_text = text("reads"),
                         .form = form_named(text("name")),
                         .max_new_tokens = std::stoi(text("max_new_tokens")),
                         .text = text("template")};
      prompt.sha256 = sha256(prompt.text);
      prompts.push_back(std::move(prompt));
    }
  }
  return prompts;
}

JudgePrompt judge_prompt_named(const std::string& name) {
  std::vector<std::string> known;
  for (JudgePrompt& prompt : judge_prompts()) {
    if (prompt.name == name) return std::move(prompt);
    known.push_back(prompt.name);
  }
  const std::string near = nearest(name, known);
  throw Error(Kind::usage, "no judge prompt '" + printable(name, 40) + "'; " +
                               (near.empty() ? "expected llava, absolute or pairwise"
                                             : "did you mean '" + near + "'?"));
}

std::string neutral(std::string_view text) {
  const std::string plain = without_delimiters(valid_utf8(text));
  std::string out;
  std::string_view rest = plain;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    if (starts_with_role(line)) out += "| ";
    out += line;
    if (end < rest.size()) out += '\n';
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return out;
}

std::string filled(const JudgePrompt& prompt, const JudgedTexts& texts) {
  const std::array<std::pair<std::string_view, std::string>, 5> fields = {
      {{"{context}", neutral(texts.context)},
       {"{question}", neutral(texts.question)},
       {"{reference}", neutral(texts.reference)},
       {"{first}", neutral(texts.first)},
       {"{second}", neutral(texts.second)}}};
  std::string out;
  std::string_view rest = prompt.text;
  // Once through the prompt, so that a "{second}" within an answer stays what it is.
  while (!rest.empty()) {
    bool replaced = false;
    for (const auto& [name, value] : fields)
      if (!replaced && rest.starts_with(name)) {
        out += value;
        rest.remove_prefix(name.size());
        replaced = true;
      }
    if (replaced) continue;
    out += rest.front();
    rest.remove_prefix(1);
  }
  return out;
}

std::optional<Verdict> verdict_in(std::string_view reply, VerdictForm form) {
  reply = trimmed(reply);
  if (constexpr std::string_view kOpen = "<think>", kClose = "</think>"; reply.starts_with(kOpen)) {
    const std::size_t end = reply.find(kClose);
    if (end == reply.npos) return {};
    reply = trimmed(reply.substr(end + kClose.size()));
  }
  switch (form) {
    case VerdictForm::two_points:
      return two_points(reply.substr(0, reply.find('\n')));
    case VerdictForm::points:
      return points(reply);
    case VerdictForm::preference:
      return preference(reply);
  }
  return {};
}

}  // namespace looktwice::run
