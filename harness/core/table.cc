#include "harness/core/table.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <set>

#include "harness/core/error.h"
#include "harness/core/image.h"
#include "harness/core/text.h"

namespace looktwice {
namespace {

constexpr std::uintmax_t kMaxTableBytes = std::uintmax_t{256} << 20;

// Reads cells off a CSV text, one at a time.
class CsvReader {
 public:
  CsvReader(std::string_view text, const std::string& file, char separator)
      : text_(text), file_(file), separator_(separator) {}

  // The next row that is not empty; false at the end.
  bool next(Row& row) {
    row = {};
    while (at_ < text_.size() && at_line_end()) skip_line_end();
    if (at_ >= text_.size()) return false;
    row.place = place();
    return separator_ == ' ' ? blank_separated(row) : comma_separated(row);
  }

 private:
  Place place() const { return {line_, static_cast<std::int64_t>(at_ - line_start_) + 1}; }
  bool at_line_end() const { return text_[at_] == '\n' || text_[at_] == '\r'; }

  void skip_line_end() {
    if (text_[at_] == '\r') {
      if (at_ + 1 >= text_.size() || text_[at_ + 1] != '\n')
        refuse_at(file_, place(), "a carriage return without a line feed");
      ++at_;
    }
    ++at_;
    ++line_;
    line_start_ = at_;
  }

  bool blank_separated(Row& row) {
    const auto blank = [&] { return text_[at_] == ' ' || text_[at_] == '\t'; };
    while (at_ < text_.size()) {
      while (at_ < text_.size() && blank()) ++at_;
      if (at_ >= text_.size() || at_line_end()) break;
      Cell& cell = add(row);
      while (at_ < text_.size() && !blank() && !at_line_end()) cell.text += taken();
    }
    if (at_ < text_.size()) skip_line_end();
    return row.cells.empty() ? next(row) : true;
  }

  bool comma_separated(Row& row) {
    while (true) {
      Cell& cell = add(row);
      if (at_ < text_.size() && text_[at_] == '"')
        quoted(cell);
      else
        bare(cell);
      if (at_ >= text_.size()) return true;
      if (at_line_end()) {
        skip_line_end();
        return true;
      }
      ++at_;  // the separator
    }
  }

  void quoted(Cell& cell) {
    const Place opened = place();
    ++at_;
    while (true) {
      if (at_ >= text_.size()) refuse_at(file_, opened, "this quote is never closed");
      if (text_[at_] == '"') {
        ++at_;
        if (at_ >= text_.size() || at_line_end() || text_[at_] == separator_) return;
        if (text_[at_] != '"') refuse_at(file_, place(), "text behind a closing quote");
        cell.text += '"';
        ++at_;
        continue;
      }
      const char c = taken();
      cell.text += c;
      if (c == '\n') {
        ++line_;
        line_start_ = at_;
      }
    }
  }

  void bare(Cell& cell) {
    while (at_ < text_.size() && text_[at_] != separator_ && !at_line_end()) {
      if (text_[at_] == '"') refuse_at(file_, place(), "a quote inside a cell that is not quoted");
      cell.text += taken();
    }
  }

  char taken() {
    if (text_[at_] == '\0') refuse_at(file_, place(), "a NUL byte");
    return text_[at_++];
  }

  Cell& add(Row& row) {
    row.cells.push_back({.type = Cell::Type::text, .place = place()});
    return row.cells.back();
  }

  std::string_view text_;
  const std::string& file_;
  char separator_ = ',';
  std::size_t at_ = 0, line_start_ = 0;
  std::int64_t line_ = 1;
};

// Gathers objects into rows; columns come in the order in which the file first names them.
class Collector {
 public:
  explicit Collector(Table& table) : table_(table) {}

  Cell& cell(Row& row, const std::string& name) {
    const auto [found, is_new] = index_.try_emplace(name, table_.columns.size());
    if (is_new) table_.columns.push_back(name);
    if (row.cells.size() <= found->second) row.cells.resize(found->second + 1);
    return row.cells[found->second];
  }

  void fill(Row& row, const JsonValue& object, std::string_view text) {
    row.place = object.place;
    for (const auto& [name, value] : object.members) {
      Cell& made = cell(row, name);
      made.place = value.place;
      made.text = value.text;
      switch (value.type) {
        case JsonValue::Type::null:
          made.type = Cell::Type::null;
          break;
        case JsonValue::Type::boolean:
          made.type = Cell::Type::boolean;
          break;
        case JsonValue::Type::number:
          made.type = Cell::Type::number;
          break;
        case JsonValue::Type::text:
          made.type = Cell::Type::text;
          break;
        case JsonValue::Type::array:
        case JsonValue::Type::object:
          made.type = Cell::Type::nested;
          made.text = std::string(text.substr(value.begin, value.end - value.begin));
          break;
      }
    }
  }

  void finish() {
    for (Row& row : table_.rows) row.cells.resize(table_.columns.size());
  }

 private:
  Table& table_;
  std::map<std::string, std::size_t> index_ = {};
};

void expect_object(const Table& table, const JsonValue& value) {
  if (value.type != JsonValue::Type::object)
    table.refuse(value.place,
                 std::string("an object was expected, this is ") + name_of(value.type));
}

}  // namespace

std::optional<std::size_t> Table::column(std::string_view name) const {
  const auto found = std::find(columns.begin(), columns.end(), name);
  if (found == columns.end()) return {};
  return static_cast<std::size_t>(found - columns.begin());
}

std::optional<std::size_t> Table::any_column(const std::vector<std::string>& names) const {
  for (const std::string& name : names)
    if (const auto found = column(name)) return found;
  return {};
}

const Cell* Table::find(const Row& row, std::string_view name) const {
  const auto index = column(name);
  if (!index || *index >= row.cells.size()) return nullptr;
  const Cell& cell = row.cells[*index];
  return cell.type == Cell::Type::absent || cell.type == Cell::Type::null ? nullptr : &cell;
}

const Cell& Table::at(const Row& row, std::string_view name) const {
  const Cell* cell = find(row, name);
  if (!cell) refuse(row.place, "'" + printable(name) + "' is missing");
  return *cell;
}

double Table::number(const Row& row, std::string_view name) const {
  const Cell& cell = at(row, name);
  const auto value = cell.type == Cell::Type::number || cell.type == Cell::Type::text
                         ? finite_number(cell.text)
                         : std::nullopt;
  if (!value)
    refuse(cell.place, "'" + printable(name) + "' must be a finite number, not '" +
                           printable(cell.text, 80) + "'");
  return *value;
}

void Table::refuse(Place place, const std::string& why) const {
  refuse_at(file, place, why);
}

Table csv_table(std::string_view text, const std::string& file, CsvOptions options) {
  refuse_utf16(text, file);
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  Table table{.file = file};
  CsvReader reader(text, file, options.separator);
  Row row;
  if (!reader.next(row)) table.refuse({1, 1}, "is empty");
  if (options.header) {
    std::set<std::string> seen;
    for (const Cell& cell : row.cells) {
      if (!seen.insert(cell.text).second)
        table.refuse(cell.place, "column '" + printable(cell.text) + "' stands twice");
      table.columns.push_back(cell.text);
    }
  } else {
    for (std::size_t i = 1; i <= row.cells.size(); ++i) table.columns.push_back(std::to_string(i));
    table.rows.push_back(std::move(row));
  }
  while (reader.next(row)) {
    if (row.cells.size() != table.columns.size())
      table.refuse(row.place, std::to_string(row.cells.size()) + " cells where " +
                                  std::to_string(table.columns.size()) + " were expected");
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table json_table(std::string_view text, const std::string& file) {
  Table table{.file = file};
  const JsonValue root = parsed_json(text, file);
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  Collector collector(table);
  if (root.type == JsonValue::Type::array) {
    for (const JsonValue& item : root.items) {
      expect_object(table, item);
      collector.fill(table.rows.emplace_back(), item, text);
    }
  } else if (root.type == JsonValue::Type::object) {
    for (const auto& [name, value] : root.members) {
      expect_object(table, value);
      Row& row = table.rows.emplace_back();
      collector.cell(row, "key") = {.type = Cell::Type::text, .text = name, .place = value.place};
      if (value.find("key"))
        table.refuse(value.place, "'key' stands twice: outside and inside the record");
      collector.fill(row, value, text);
    }
  } else {
    table.refuse(root.place,
                 std::string("a list of objects was expected, this is ") + name_of(root.type));
  }
  collector.finish();
  return table;
}

Table jsonl_table(std::string_view text, const std::string& file) {
  refuse_utf16(text, file);
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  Table table{.file = file};
  Collector collector(table);
  std::int64_t line = 0;
  while (!text.empty()) {
    ++line;
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view record = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (record.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const JsonValue value = parsed_json(record, file, 64, line);
    expect_object(table, value);
    collector.fill(table.rows.emplace_back(), value, record);
  }
  collector.finish();
  return table;
}

std::string text_of_file(const std::filesystem::path& path) {
  const std::vector<std::byte> bytes = file_bytes(path, kMaxTableBytes);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Table table_of_file(const std::filesystem::path& path) {
  const std::string suffix = lower_ascii(path.extension().string());
  const std::string file = path.string();
  if (suffix == ".csv") return csv_table(text_of_file(path), file);
  if (suffix == ".tsv") return csv_table(text_of_file(path), file, {.separator = '\t'});
  if (suffix == ".json") return json_table(text_of_file(path), file);
  if (suffix == ".jsonl" || suffix == ".ndjson") return jsonl_table(text_of_file(path), file);
  throw Error(Kind::data,
              printable(file) + ": a list ends in .csv, .tsv, .json, .jsonl or .ndjson");
}

std::optional<double> finite_number(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  text = text.substr(first, text.find_last_not_of(" \t") - first + 1);
  if (text.starts_with('+') && text.size() > 1 && text[1] != '-') text.remove_prefix(1);
  double value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return {};
  return value;
}

}  // namespace looktwice
