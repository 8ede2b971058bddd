#include "reports/escape.h"

#include <algorithm>
#include <string>

#include "harness/core/text.h"

namespace looktwice::reports {
namespace {

constexpr std::size_t kLongest =
    4000;  // bytes of one text in a report; the run folder holds the rest

bool is_alnum(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

bool is_high(char c) {
  return static_cast<unsigned char>(c) >= 0x80;
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// Could a Markdown reader make more of it than text, whatever stands around it?
bool is_wild(std::string_view text) {
  return text.find_first_of("<`@&$\\") != std::string_view::npos || contains(text, "://") ||
         contains(text, "::") || contains(text, "![") || contains(text, "](") ||
         contains(lower_ascii(text), "www.");
}

// What a line may begin with to become a list, a heading or a rule; the place to put a backslash,
// or npos.
std::size_t block_marker(std::string_view text) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  if (digits == text.size()) return std::string_view::npos;
  const std::string_view rest = text.substr(digits);
  const bool before_space = rest.size() == 1 || rest[1] == ' ';
  if (digits > 0) return (rest[0] == '.' || rest[0] == ')') && before_space ? digits : text.npos;
  const bool repeated = rest.size() > 1 && rest[1] == rest[0];
  if (text == "-") return text.npos;  // our sign for no value
  const bool marker = rest[0] == '-' || rest[0] == '+' || rest[0] == '=';
  return marker && (before_space || repeated) ? 0 : text.npos;
}

std::string as_references(std::string_view text) {
  std::string out = "<code>";
  for (const char c : text) {
    if (is_alnum(c) || is_high(c) || c == ' ')
      out += c;
    else if (c == '@')  // alone between its neighbours, or mail addresses and mentions become links
      out += "</code><code>&#64;</code><code>";
    else
      out += "&#" + std::to_string(static_cast<int>(c)) + ";";
  }
  return out + "</code>";
}

}  // namespace

std::string terminal_text(std::string_view text, std::size_t max_bytes) {
  std::string out;
  const std::string visible = printable(text, max_bytes);
  for (std::size_t i = 0; i < visible.size(); ++i) {
    const std::string_view rest = std::string_view(visible).substr(i);
    const bool word_start = i == 0 || visible[i - 1] == ' ';
    if (word_start && rest.starts_with("::"))
      out += "\\x3A";
    else if (rest.starts_with("##"))
      out += "\\x23";
    else
      out += visible[i];
  }
  return out;
}

std::string without_commands(std::string_view json) {
  std::string out;
  for (std::size_t i = 0; i < json.size(); ++i) {
    if (json.substr(i).starts_with("##"))
      out += "\\u0023";
    else
      out += json[i];
  }
  return out;
}

std::string markdown_text(std::string_view text) {
  std::string visible = printable(text, kLongest);
  visible.erase(0, std::min(visible.find_first_not_of(' '), visible.size()));
  if (is_wild(visible)) return as_references(visible);
  const std::size_t marker = block_marker(visible);
  std::string out;
  for (std::size_t i = 0; i < visible.size(); ++i) {
    const char c = visible[i];
    const bool inside_word =
        i > 0 && i + 1 < visible.size() && is_alnum(visible[i - 1]) && is_alnum(visible[i + 1]);
    if (std::string_view("*[]|~#>").find(c) != std::string_view::npos ||
        (c == '_' && !inside_word) || i == marker)
      out += '\\';
    out += c;
  }
  return out;
}

std::string csv_field(std::string_view text) {
  std::string field = terminal_text(text);
  const std::size_t first = field.find_first_not_of(" '\"");
  const std::string_view start =
      first == std::string::npos ? std::string_view() : std::string_view(field).substr(first);
  const bool formula =
      !start.empty() &&
      (std::string_view("=+-@").find(start[0]) != std::string_view::npos ||
       start.starts_with("\\t") || start.starts_with("\\r") || start.starts_with("\\n") ||
       start.starts_with("\uFF1D") || start.starts_with("\uFF0B") || start.starts_with("\uFF0D") ||
       start.starts_with("\uFF20"));
  if (formula && field != "-") field.insert(0, 1, '\'');
  if (field.find_first_of(",;\"\r\n") == std::string::npos) return field;
  std::string quoted = "\"";
  for (const char c : field) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

std::string latex_text(std::string_view text) {
  std::string out;
  for (const char c : terminal_text(text)) {
    switch (c) {
      case '\\':
        out += "\\textbackslash{}";
        break;
      case '{':
        out += "\\{";
        break;
      case '}':
        out += "\\}";
        break;
      case '$':
        out += "\\$";
        break;
      case '&':
        out += "\\&";
        break;
      case '#':
        out += "\\#";
        break;
      case '%':
        out += "\\%";
        break;
      case '_':
        out += "\\_";
        break;
      case '^':
        out += "\\textasciicircum{}";
        break;
      case '~':
        out += "\\textasciitilde{}";
        break;
      case '<':
        out += "\\textless{}";
        break;
      case '>':
        out += "\\textgreater{}";
        break;
      case '|':
        out += "\\textbar{}";
        break;
      case '"':
        out += "\\textquotedbl{}";
        break;
      case '[':
        out += "{[}";
        break;  // after \\ it would open an optional argument
      case ']':
        out += "{]}";
        break;
      case '*':
        out += "{*}";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string xml_text(std::string_view text) {
  std::string out;
  const std::string visible = terminal_text(text);
  for (std::size_t i = 0; i < visible.size(); ++i) {
    const std::string_view rest = std::string_view(visible).substr(i);
    // U+FFFE and U+FFFF, which UTF-8 can hold and XML cannot.
    if (rest.starts_with("\xEF\xBF\xBE") || rest.starts_with("\xEF\xBF\xBF")) {
      out += rest[2] == '\xBE' ? "\\u{FFFE}" : "\\u{FFFF}";
      i += 2;
      continue;
    }
    switch (visible[i]) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&apos;";
        break;
      default:
        out += visible[i];
    }
  }
  return out;
}

std::string shell_word(std::string_view text) {
  const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return is_alnum(c) || std::string_view("_-./:,=@%+").find(c) != std::string_view::npos;
  });
  if (plain) return std::string(text);
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'')
      quoted += "'\\''";
    else
      quoted += c;
  }
  return quoted + "'";
}

}  // namespace looktwice::reports
