// Text that came from outside, made safe to print, and small helpers on UTF-8 bytes.
#pragma once

#include <string>
#include <string_view>

namespace looktwice {
// One line for a terminal or a message: control characters, ANSI, bidi and invalid UTF-8 become
// \xNN or \u{NNNN}; cut at max_bytes.
std::string printable(std::string_view text, std::size_t max_bytes = 400);
// UTF-8 with each maximal invalid part replaced by U+FFFD.
std::string valid_utf8(std::string_view bytes);
bool is_valid_utf8(std::string_view bytes);
std::string lower_ascii(std::string_view text);
}  // namespace looktwice
