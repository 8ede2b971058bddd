#include "harness/core/text.h"

#include <array>
#include <cstdint>
#include <cstdio>

namespace looktwice {
namespace {

struct CodePoint {
  char32_t value = 0;
  std::size_t bytes = 0;  // length; of an invalid part: its maximal subpart
  bool valid = false;
};

// The code point at the start of `text` (not empty), by table 3-7 of the Unicode standard.
CodePoint first_of(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = at(0);
  if (lead < 0x80) return {lead, 1, true};
  std::size_t more = 0;
  unsigned char low = 0x80, high = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF) {
    more = 1;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    more = 2;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    more = 3;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    return {0xFFFD, 1, false};
  }
  char32_t value = lead & (0x3Fu >> more);
  for (std::size_t i = 1; i <= more; ++i) {
    if (i >= text.size() || at(i) < low || at(i) > high) return {0xFFFD, i, false};
    value = (value << 6) | (at(i) & 0x3Fu);
    low = 0x80, high = 0xBF;
  }
  return {value, more + 1, true};
}

// Characters that change what a reader sees without being seen: controls, bidi, zero width, line
// separators, tags.
bool is_hidden(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0xAD || c == 0x61C || c == 0x180E ||
         (c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) ||
         (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFB) ||
         (c >= 0xE0000 && c <= 0xE007F);
}

}  // namespace

std::string printable(std::string_view text, std::size_t max_bytes) {
  std::string out;
  while (!text.empty()) {
    if (out.size() >= max_bytes) return out + "...";
    const CodePoint c = first_of(text);
    std::array<char, 16> escaped{};
    if (!c.valid) {
      for (std::size_t i = 0; i < c.bytes; ++i) {
        std::snprintf(escaped.data(), escaped.size(), "\\x%02X",
                      static_cast<unsigned char>(text[i]));
        out += escaped.data();
      }
    } else if (c.value == '\n') {
      out += "\\n";
    } else if (c.value == '\t') {
      out += "\\t";
    } else if (c.value == '\r') {
      out += "\\r";
    } else if (is_hidden(c.value)) {
      std::snprintf(escaped.data(), escaped.size(), c.value < 0x100 ? "\\x%02X" : "\\u{%X}",
                    static_cast<unsigned>(c.value));
      out += escaped.data();
    } else {
      out += text.substr(0, c.bytes);
    }
    text.remove_prefix(c.bytes);
  }
  return out;
}

std::string valid_utf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    const CodePoint c = first_of(bytes);
    out += c.valid ? bytes.substr(0, c.bytes) : std::string_view("\xEF\xBF\xBD");
    bytes.remove_prefix(c.bytes);
  }
  return out;
}

bool is_valid_utf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const CodePoint c = first_of(bytes);
    if (!c.valid) return false;
    bytes.remove_prefix(c.bytes);
  }
  return true;
}

std::string lower_ascii(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

}  // namespace looktwice
