// Tables, and pages made of them, free of any format; render() writes them for a terminal,
// Markdown, CSV, JSON, LaTeX or HTML. Every text may come from a model, a file name or a server:
// each format makes it harmless in its own way (escape.h). Not here: where the numbers come from,
// and whether the output is a terminal.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace looktwice::reports {

enum class Align { left, right };
enum class Tone { plain, strong, muted, good, bad };

struct Column {
  std::string title = {};
  Align align = Align::left;
  bool may_shorten = false;  // loses its end first when a terminal is narrow
  std::string key = {};      // name in JSON; empty: the title
};

struct Cell {
  std::string text = {};
  std::string aside = {};  // smaller, behind the text and aligned on its own: an interval
  Tone tone = Tone::plain;
  std::string note = {};  // becomes a numbered footnote; equal notes share a number
  std::optional<double> number =
      {};  // what the text shows, unrounded; CSV and JSON hold it instead of the text
};

struct Table {
  std::string title = {};
  std::vector<Column> columns = {};
  std::vector<std::vector<Cell>> rows = {};
  std::vector<std::string> footnotes = {};  // to the whole table
};

struct Section {
  std::string title = {};
  std::vector<std::string> paragraphs = {};
  std::optional<Table> table = {};
  std::string command = {};  // for a shell, printed as it is to be typed
};

struct Page {
  std::string title = {};
  std::vector<Section> sections = {};
};

enum class Format { terminal, markdown, csv, json, latex, html };
std::optional<Format> format_named(std::string_view name);
// "terminal, markdown, ...", for messages.
std::string format_names();

struct RenderOptions {
  int width = 100;      // of the terminal, in columns; 0: no limit
  bool colour = false;  // ANSI colours; NO_COLOR is for the caller to obey
  bool unicode = true;  // rules, superscripts and dots outside ASCII
};

// HTML: a <table> for a table, a whole offline document for a page.
std::string render(const Table& table, Format format, const RenderOptions& options = {});
std::string render(const Page& page, Format format, const RenderOptions& options = {});

// Digits after the point as asked, the same in every locale: fixed(0.705, 1) == "0.7". "-" for a
// value that is not there.
std::string fixed(std::optional<double> value, int digits);
// Four significant digits: 0.4213, 1.234e+08.
std::string significant(double value);

}  // namespace looktwice::reports
