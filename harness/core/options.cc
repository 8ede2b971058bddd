#include "harness/core/options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>

#include "harness/core/error.h"
#include "harness/core/text.h"

namespace looktwice {
namespace {

std::string with_underscores(std::string_view name) {
  std::string out(name);
  std::ranges::replace(out, '-', '_');
  return out;
}

[[noreturn]] void refuse(std::string_view name, const std::string& text, const char* expected) {
  throw Error(Kind::usage, std::string(name) + "=" + printable(text) + ": expected " + expected);
}

template <class Number>
void parse_number(std::string_view name, const std::string& text, Number& value,
                  const char* expected) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty())
    refuse(name, text, expected);
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

}  // namespace

void parse_option(std::string_view name, const std::string& text, bool& value) {
  const std::string word = lower_ascii(text);
  if (word == "true" || word == "1" || word == "yes" || word == "on") {
    value = true;
  } else if (word == "false" || word == "0" || word == "no" || word == "off") {
    value = false;
  } else {
    refuse(name, text, "true or false");
  }
}

void parse_option(std::string_view name, const std::string& text, int& value) {
  parse_number(name, text, value, "a whole number");
}

void parse_option(std::string_view name, const std::string& text, std::int64_t& value) {
  parse_number(name, text, value, "a whole number");
}

void parse_option(std::string_view name, const std::string& text, double& value) {
  parse_number(name, text, value, "a number");
  if (!std::isfinite(value)) refuse(name, text, "a finite number");
}

void parse_option(std::string_view, const std::string& text, std::string& value) {
  value = text;
}

void parse_option(std::string_view name, const std::string& text, std::filesystem::path& value) {
  if (text.find('\0') != std::string::npos) refuse(name, text, "a path without NUL");
  value = text;
}

std::string option_text(bool value) {
  return value ? "true" : "false";
}
std::string option_text(int value) {
  return std::to_string(value);
}
std::string option_text(std::int64_t value) {
  return std::to_string(value);
}
std::string option_text(double value) {
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  return {digits, end};
}
std::string option_text(const std::string& value) {
  return value;
}
std::string option_text(const std::filesystem::path& value) {
  return value.string();
}

const char* option_type(bool) {
  return "true|false";
}
const char* option_type(int) {
  return "int";
}
const char* option_type(std::int64_t) {
  return "int";
}
const char* option_type(double) {
  return "number";
}
const char* option_type(const std::string&) {
  return "text";
}
const char* option_type(const std::filesystem::path&) {
  return "path";
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  std::size_t least = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < least) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

void refuse_unknown(const std::string& owner, const Arguments& given,
                    const std::vector<OptionInfo>& known) {
  std::vector<std::string> names;
  for (const OptionInfo& option : known) names.push_back(option.name);
  for (const auto& [name, value] : given) {
    if (std::ranges::find(names, name) != names.end()) continue;
    std::string message = owner + ": no option '" + printable(name) + "'";
    if (const std::string near = nearest(name, names); !near.empty()) {
      message += "; did you mean '" + near + "'?";
    } else {
      message += names.empty() ? "; it has none" : "; it has";
      for (const std::string& other : names) message += " " + other;
    }
    throw Error(Kind::usage, message);
  }
}

Arguments arguments_of(const std::string& text) {
  Arguments pairs;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t equals = text.find_first_of("=,", at);
    if (equals == std::string::npos || text[equals] == ',' || equals == at)
      throw Error(Kind::usage, "'" + printable(text) + "': expected name=value,name=value");
    const std::string name = with_underscores(std::string_view(text).substr(at, equals - at));
    std::string value;
    at = equals + 1;
    if (at < text.size() && text[at] == '"') {
      const std::size_t close = text.find('"', at + 1);
      if (close == std::string::npos)
        throw Error(Kind::usage,
                    "'" + printable(text) + "': the quote after " + name + "= is not closed");
      value = text.substr(at + 1, close - at - 1);
      at = close + 1;
      if (at < text.size() && text[at] != ',')
        throw Error(Kind::usage,
                    "'" + printable(text) + "': expected ',' after the quoted " + name);
    } else {
      const std::size_t comma = std::min(text.find(',', at), text.size());
      value = text.substr(at, comma - at);
      at = comma;
    }
    if (!pairs.emplace(name, value).second)
      throw Error(Kind::usage, "'" + printable(text) + "': " + name + " is given twice");
    if (at < text.size()) ++at;  // the comma
  }
  return pairs;
}

}  // namespace looktwice
