// Tables out of foreign files: CSV, columns set apart by blanks, JSON and JSON Lines, all read into
// rows of text cells that know their place. For data-set lists and recorded predictions. Not here:
// what the columns mean; writing tables.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/json_value.h"

namespace looktwice {

struct Cell {
  // CSV knows only text. absent: this record of a JSON list has no such member. nested: `text` is
  // the JSON of an array or object.
  enum class Type { absent, null, boolean, number, text, nested };
  Type type = Type::absent;
  std::string text = {};
  Place place = {};
};

struct Row {
  std::vector<Cell> cells = {};  // one per column of the table
  Place place = {};
};

struct Table {
  std::string file = {};  // as messages name it
  std::vector<std::string> columns = {};
  std::vector<Row> rows = {};

  std::optional<std::size_t> column(std::string_view name) const;
  // The first of these columns that the table has: {"path", "image", "img_path"}.
  std::optional<std::size_t> any_column(const std::vector<std::string>& names) const;
  // nullptr: no such column, or the cell is absent or null.
  const Cell* find(const Row& row, std::string_view name) const;
  // As find; what is missing throws Kind::data with the place.
  const Cell& at(const Row& row, std::string_view name) const;
  // The cell as a finite number ("1e-3", " 0.5 "); else Kind::data with the place. No locale, no
  // hex, no NaN.
  double number(const Row& row, std::string_view name) const;
  [[noreturn]] void refuse(Place place, const std::string& why) const;
};

struct CsvOptions {
  char separator = ',';  // ' ': any run of blanks and tabs, quotes have no meaning
  bool header = true;    // false: columns are named "1", "2", ...
};

// RFC 4180: quoted cells may hold separators, line ends and doubled quotes; LF or CRLF; the last
// line end may lack; a UTF-8 byte order mark is dropped; empty lines are skipped. Bytes need not be
// UTF-8, since file names need not. Kind::data with line and column: a quote that is not closed or
// stands inside a bare cell, text behind a closing quote, a row longer or shorter than the first, a
// column name twice, a NUL, a lone CR, UTF-16.
Table csv_table(std::string_view text, const std::string& file, CsvOptions options = {});

// An array of objects, or an object whose values are all objects (then column "key" holds their
// names and comes first).
Table json_table(std::string_view text, const std::string& file);

// One object a line; empty lines are skipped.
Table jsonl_table(std::string_view text, const std::string& file);

// By suffix: .csv .tsv .json .jsonl .ndjson. At most 256 MiB; names the file in messages as `path`
// does.
Table table_of_file(const std::filesystem::path& path);

// The whole file as text; Kind::data names the path. At most 256 MiB.
std::string text_of_file(const std::filesystem::path& path);

// A finite number, the whole of the text but for blanks around it; independent of the locale.
std::optional<double> finite_number(std::string_view text);

}  // namespace looktwice
