#include "reports/published.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "harness/core/error.h"
#include "harness/core/text.h"
#include "reports/embedded.h"
#include "reports/table.h"

namespace looktwice::reports {
namespace {

using Json = nlohmann::ordered_json;

Json parsed(std::string_view file) {
  for (const EmbeddedFile& embedded : published_files())
    if (embedded.name == file) return Json::parse(embedded.bytes);
  throw Error(Kind::internal, "published: no file " + std::string(file));
}

Json table_named(std::string_view table) {
  const std::vector<std::string> known = published_tables();
  if (std::find(known.begin(), known.end(), table) == known.end())
    throw Error(Kind::usage, "no published table '" + printable(table, 80) + "'; there are " +
                                 known.front() + " ... " + known.back());
  return parsed(std::string(table) + ".json");
}

// One number of a table with everything that names it.
struct Entry {
  const Json* row = nullptr;
  std::string head = {};    // "screw", the printed column
  std::string part = {};    // "f1", empty: the column is one number
  std::string column = {};  // "screw.f1"
  std::optional<double> value = {};
};

std::string text_of(const Json& row, const char* field) {
  return row.contains(field) && row.at(field).is_string() ? row.at(field).get<std::string>() : "";
}

// The printed columns of a row, its mean among them.
std::vector<std::pair<std::string, Json>> cells_of(const Json& row) {
  std::vector<std::pair<std::string, Json>> cells;
  for (const auto& [head, cell] : row.at("values").items()) cells.emplace_back(head, cell);
  for (const char* mean : {"mean", "average"})
    if (row.contains(mean)) cells.emplace_back(mean, row.at(mean));
  return cells;
}

std::vector<Entry> entries_of(const Json& table) {
  // A lost cell is null where its neighbours have parts (f1, acc); it gets the same parts.
  std::map<std::string, std::vector<std::string>> parts;
  for (const Json& row : table.at("rows"))
    for (const auto& [head, cell] : cells_of(row))
      if (cell.is_object() && parts[head].empty())
        for (const auto& [part, number] : cell.items()) parts[head].push_back(part);

  std::vector<Entry> entries;
  for (const Json& row : table.at("rows")) {
    const std::string dataset = text_of(row, "dataset");
    const std::string prefix = dataset.empty() ? "" : dataset + ".";
    for (const auto& [head, cell] : cells_of(row)) {
      const auto add = [&, &name = head](const std::string& part, const Json& number) {
        Entry entry{.row = &row, .head = name, .part = part};
        entry.column = prefix + name + (part.empty() ? "" : "." + part);
        if (number.is_number()) entry.value = number.get<double>();
        entries.push_back(std::move(entry));
      };
      if (parts[head].empty()) add("", cell);
      for (const std::string& part : parts[head])
        add(part, cell.is_object() ? cell.value(part, Json()) : Json());
    }
  }
  return entries;
}

bool is_word_byte(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
         c == '-';
}

// Calls visit(text behind the word) for each place where the word stands alone.
template <class Visit>
void each_mention(std::string_view text, std::string_view word, Visit visit) {
  if (word.empty()) return;
  for (std::size_t at = text.find(word); at != std::string_view::npos;
       at = text.find(word, at + 1)) {
    const std::string_view behind = text.substr(at + word.size());
    const bool starts = at == 0 || !is_word_byte(text[at - 1]);
    if (starts && (behind.empty() || !is_word_byte(behind[0]))) visit(behind);
  }
}

bool mentions(std::string_view text, std::string_view word) {
  bool found = false;
  each_mention(text, word, [&](std::string_view) { found = true; });
  return found;
}

// "WinCLIP 0-shot ..." means that row only, "WinCLIP ..." and "WinCLIP 0/1 ..." all rows of the
// method.
bool mentions_row(std::string_view text, const Json& row) {
  const Json shots = row.value("shots", Json());
  bool found = false;
  each_mention(text, text_of(row, "method"), [&](std::string_view behind) {
    const std::size_t tail = behind.find("-shot");
    const bool counted = tail == 2 && behind[0] == ' ';
    if (!counted || (shots.is_number() && behind.substr(1, 1) == std::to_string(shots.get<int>())))
      found = true;
  });
  return found;
}

// The remarks of a table are sentences; this finds the one that is about a cell: it names the
// cell's column, or no column at all, and the cell's row, or no row at all. A remark about neither
// is about the table and marks no cell.
std::string remark_about(const Json& table, const std::vector<Entry>& entries, const Entry& cell) {
  for (const Json& remark : table.at("doubtful")) {
    auto text = remark.get<std::string>();
    const std::string dataset = text_of(*cell.row, "dataset");
    if (!dataset.empty() && !text.starts_with(dataset)) continue;
    const bool names_column = std::any_of(entries.begin(), entries.end(), [&](const Entry& e) {
      return mentions(text, e.head) && text_of(*e.row, "dataset") == dataset;
    });
    const bool names_row = std::any_of(entries.begin(), entries.end(), [&](const Entry& e) {
      return mentions(text, text_of(*e.row, "method"));
    });
    if (!names_column && !names_row) continue;
    if (names_column && !mentions(text, cell.head)) continue;
    if (names_row && !mentions_row(text, *cell.row)) continue;
    return text;
  }
  return {};
}

// "inferred" is keyed by "VisA.pcb4", "AA-CLIP 0-shot wood" (an object of parts) or "WinCLIP 0-shot
// metal_nut f1".
std::optional<double> inferred_value(const Json& table, const Entry& cell) {
  if (!table.contains("inferred")) return {};
  const Json& inferred = table.at("inferred");
  std::string row_name = text_of(*cell.row, "method");
  if (cell.row->contains("shots") && cell.row->at("shots").is_number())
    row_name += " " + std::to_string(cell.row->at("shots").get<int>()) + "-shot";
  row_name += " " + cell.head;
  const std::string with_part = row_name + " " + cell.part;
  if (inferred.contains(cell.column)) return inferred.at(cell.column).get<double>();
  if (inferred.contains(with_part)) return inferred.at(with_part).get<double>();
  if (inferred.contains(row_name) && inferred.at(row_name).contains(cell.part))
    return inferred.at(row_name).at(cell.part).get<double>();
  return {};
}

std::string source_of(const Json& table) {
  const Json& paper = table.at("paper");
  const auto name = table.at("table").get<std::string>();
  const bool numbered = name.find_first_not_of("0123456789") == std::string::npos;
  return paper.at("short").get<std::string>() + ", " + paper.at("venue").get<std::string>() + ", " +
         (numbered ? "table " + name : name) + " (arXiv " + paper.at("arxiv").get<std::string>() +
         ")";
}

PublishedValue value_of(const Json& table, const std::vector<Entry>& entries, const Entry& cell,
                        double factor) {
  const Json& row = *cell.row;
  PublishedValue value{.method = text_of(row, "method"), .params = text_of(row, "params")};
  if (value.method.empty()) value.method = text_of(row, "dataset");
  if (row.contains("shots") && row.at("shots").is_number())
    value.shots = row.at("shots").get<int>();
  value.value = cell.value;
  value.note = remark_about(table, entries, cell);
  value.doubtful = !value.note.empty();
  const auto say = [&](const std::string& text) {
    value.note += (value.note.empty() ? "" : " ") + text;
  };
  if (const auto inferred = inferred_value(table, cell)) {
    if (!value.value) {
      value.value = inferred;
      value.inferred = true;
      say("Not printed: inferred from the printed means.");
    } else {
      value.doubtful = true;
      say("The printed means imply " + fixed(*inferred, 1) + ".");
    }
  }
  if (value.value) value.value = *value.value * factor;
  if (row.contains("full_run") && !row.at("full_run").get<bool>())
    say("Not a full run: some images or questions are missing.");
  if (text_of(row, "kind") == "delta to baseline") say("Difference to the baseline row.");
  if (const std::string note = text_of(row, "note"); !note.empty()) say(note);
  return value;
}

}  // namespace

std::vector<std::string> published_tables() {
  std::vector<std::string> names;
  for (const PublishedCount& count : published_index()) names.push_back(count.table);
  return names;
}

std::vector<std::string> published_columns(std::string_view table) {
  const Json json = table_named(table);
  std::vector<std::string> columns;
  for (const Entry& entry : entries_of(json))
    if (std::find(columns.begin(), columns.end(), entry.column) == columns.end())
      columns.push_back(entry.column);
  return columns;
}

std::optional<PublishedColumn> published_column(std::string_view table, std::string_view column,
                                                std::string_view metric) {
  const Json json = table_named(table);
  const std::vector<Entry> entries = entries_of(json);
  std::string name(column);
  const auto is_there = [&] {
    return std::any_of(entries.begin(), entries.end(),
                       [&](const Entry& entry) { return entry.column == name; });
  };
  if (!is_there()) name += "." + std::string(metric);
  if (!is_there() && metric == "accuracy") name = std::string(column) + ".acc";
  if (!is_there()) return {};

  PublishedColumn found{.table = std::string(table), .column = name};
  found.caption = text_of(json, "caption");
  found.metric = text_of(json, "metric");
  found.source = source_of(json);
  const std::string unit = text_of(json, "unit");
  double factor = 1;
  if (unit == "count") {
    found.unit = Unit::count;
    found.digits = 0;
  } else if (unit.starts_with("points") || name.ends_with("gpt_score")) {
    found.unit = Unit::points;
    found.digits = unit.starts_with("points") ? 1 : 2;
  } else if (unit.starts_with("fraction")) {
    factor = 100;
    found.digits = 0;
  }
  for (const Entry& entry : entries)
    if (entry.column == name) found.values.push_back(value_of(json, entries, entry, factor));
  found.notes = json.at("notes").get<std::vector<std::string>>();
  return found;
}

std::vector<PublishedCount> published_index() {
  std::vector<PublishedCount> counts;
  const Json index = parsed("index.json");
  for (const Json& file : index.at("files")) {
    auto name = file.at("file").get<std::string>();
    name.erase(name.rfind(".json"));
    counts.push_back({name, file.at("rows").get<int>(), file.at("numbers").get<int>(),
                      file.at("doubtful").get<int>(), file.at("inferred").get<int>()});
  }
  return counts;
}

}  // namespace looktwice::reports
