// Foreign text made harmless for one sink each: what a reader sees is the text, what a program sees
// is only text. All of them begin with printable(): controls, ANSI, bidi and zero-width characters
// become visible escapes. Not here: HTML and SVG; their templates (html_template.h) escape every
// value by themselves.
#pragma once

#include <string>
#include <string_view>

namespace looktwice::reports {

// Also breaks "::" and "##[" at the start of a word, which continuous integration reads as
// commands.
std::string terminal_text(std::string_view text, std::size_t max_bytes = 4000);
// JSON in which "##[" cannot be read as a command of continuous integration: a # before another is
// written \u0023, which means the same.
std::string without_commands(std::string_view json);
// For a paragraph or a table cell. Text that could turn into a link, an image, a mention or HTML
// becomes <code> of character references.
std::string markdown_text(std::string_view text);
// One field of RFC 4180; a cell that a spreadsheet would run as a formula gets a leading
// apostrophe.
std::string csv_field(std::string_view text);
std::string latex_text(std::string_view text);
// An attribute's value or an element's text of XML 1.0: no character that it forbids is left, and
// no command, since programs print what they read from such files.
std::string xml_text(std::string_view text);
// One argument of a POSIX shell.
std::string shell_word(std::string_view text);

}  // namespace looktwice::reports
