// Any bytes are a table or a data error with a place; what was read can be written and read again.
#include <string>

#include "harness/core/error.h"
#include "harness/core/table.h"

using namespace looktwice;

namespace {

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

// Every cell quoted, so that empty and odd ones survive.
std::string written(const Table& table) {
  std::string out;
  const auto line = [&](const auto& cells, const auto& text) {
    for (std::size_t i = 0; i < cells.size(); ++i)
      out += (i > 0 ? "," : "") + quoted(text(cells[i]));
    out += "\n";
  };
  line(table.columns, [](const std::string& name) { return name; });
  for (const Row& row : table.rows) line(row.cells, [](const Cell& cell) { return cell.text; });
  return out;
}

void read(std::string_view text, CsvOptions options) {
  try {
    const Table table = csv_table(text, "f.csv", options);
    for (const Row& row : table.rows) {
      LOOKTWICE_CHECK(row.cells.size() == table.columns.size() && row.place.line > 0);
      for (const Cell& cell : row.cells) finite_number(cell.text);
    }
    if (options.separator != ',' || !options.header) return;
    const Table again = csv_table(written(table), "f.csv");
    LOOKTWICE_CHECK(again.columns == table.columns && again.rows.size() == table.rows.size());
    for (std::size_t r = 0; r < table.rows.size(); ++r)
      for (std::size_t c = 0; c < table.columns.size(); ++c)
        LOOKTWICE_CHECK(again.rows[r].cells[c].text == table.rows[r].cells[c].text);
  } catch (const Error& error) {
    LOOKTWICE_CHECK(error.kind() == Kind::data);
    LOOKTWICE_CHECK(std::string(error.what()).starts_with("f.csv: line "));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  read(text, {});
  read(text, {.separator = ' ', .header = false});
  read(text, {.separator = '\t'});
  return 0;
}
