// A leaderboard as people and machines read it.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "reports/escape.h"
#include "reports/leaderboard.h"

namespace looktwice::reports {
namespace {

using Json = nlohmann::ordered_json;
using Place = Leaderboard::Place;

std::string interval_text(const std::optional<store::Interval>& interval, int digits) {
  if (!interval) return {};
  return fixed(interval->low, digits) + "–" + fixed(interval->high, digits);
}

std::string shots_text(const std::optional<int>& shots) {
  return shots ? std::to_string(*shots) : "-";
}

std::string unit_text(Unit unit) {
  return unit == Unit::percent ? "%" : "points";
}

Cell value_cell(const Leaderboard::Row& row, const std::optional<Place>& place,
                bool with_interval) {
  if (!place) return {.text = "-", .tone = Tone::muted};
  if (!place->value) return {.text = "-", .tone = Tone::muted, .note = place->note};
  Cell cell{.text = fixed(place->value, place->digits), .note = place->note};
  if (place->inferred) cell.text = "(" + cell.text + ")";
  if (place->doubtful) cell.text += "?";
  cell.number = place->value;
  if (with_interval) cell.aside = interval_text(place->interval, place->digits);
  cell.tone = row.published ? Tone::plain : Tone::strong;
  return cell;
}

Cell count_cell(const std::optional<std::int64_t>& count, bool is_bad) {
  if (!count) return {.text = "-", .tone = Tone::muted};
  return {.text = std::to_string(*count),
          .tone = is_bad && *count > 0 ? Tone::bad : Tone::plain,
          .number = static_cast<double>(*count)};
}

// The counts of samples that a table shows behind its values.
struct CountColumn {
  const char* title;
  bool is_bad;
  std::int64_t (*of)(const Place&);
};
constexpr CountColumn kCounts[] = {
    {"n", false, [](const Place& place) { return place.used; }},
    {"refused", true, [](const Place& place) { return place.counts.refused; }},
    {"failed", true, [](const Place& place) { return place.counts.failed; }},
    {"unscored", true, [](const Place& place) { return place.unscored; }},
};

// Summed over the tasks of one of our rows; of several metrics of a task the largest. A paper's row
// has none.
std::optional<std::int64_t> total(const Leaderboard& board, const Leaderboard::Row& row,
                                  const CountColumn& count) {
  if (row.published) return {};
  std::map<std::string, std::int64_t> of_task;
  for (std::size_t c = 0; c < row.places.size(); ++c)
    if (row.places[c]) {
      const Leaderboard::Column& column = board.columns[c];
      std::int64_t& most = of_task[column.task + "\n" + column.variant + "\n" + column.fingerprint];
      most = std::max(most, count.of(*row.places[c]));
    }
  std::int64_t sum = 0;
  for (const auto& [task, most] : of_task) sum += most;
  return sum;
}

// A column of zeros is said in one line instead: "No sample refused or unscored."
struct Shown {
  std::vector<CountColumn> columns = {};
  std::string line = {};
};
Shown shown_counts(const Leaderboard& board) {
  Shown shown;
  std::string zeros;
  for (const CountColumn& count : kCounts) {
    std::int64_t sum = 0;
    for (const Leaderboard::Row& row : board.rows) sum += total(board, row, count).value_or(0);
    if (sum > 0 || !count.is_bad)
      shown.columns.push_back(count);
    else
      zeros += (zeros.empty() ? "" : ", ") + std::string(count.title);
  }
  if (!zeros.empty()) shown.line = "None of the samples: " + zeros + ".";
  return shown;
}

Cell source_cell(const Leaderboard::Row& row) {
  if (row.published) return {.text = "paper", .tone = Tone::muted, .note = row.source};
  return {.text = row.run.empty() ? "run" : "run " + row.run.substr(0, 8)};
}

std::string column_line(const Leaderboard::Column& column) {
  std::string text = column.title + ": " + column.task + ", " + metric_title(column.metric) +
                     " in " + unit_text(column.unit);
  if (column.group == "macro") text += " (mean over categories)";
  if (column.group == "pooled") text += " (all samples together)";
  if (!column.variant.empty()) text += ", variant " + column.variant;
  text += ", scorer " + column.scorer;
  if (!column.fingerprint.empty()) text += ", data " + column.fingerprint.substr(0, 12);
  return text + ".";
}

std::string interval_line(const Leaderboard& board) {
  for (const Leaderboard::Row& row : board.rows)
    for (const auto& place : row.places)
      if (place && place->interval)
        return "Ranges: " + fixed(100 * place->interval->level, 0) + " % confidence interval, " +
               interval_title(place->interval->method) + ". n: samples in the value.";
  return "n: samples in the value.";
}

Table ranking(const Leaderboard& board) {
  const bool single = board.columns.size() == 1;
  Table table;
  table.columns = {{.title = "#", .align = Align::right, .key = "rank"},
                   {.title = "Model", .may_shorten = true, .key = "model"},
                   {.title = "Shots", .align = Align::right, .key = "shots"}};
  for (const Leaderboard::Column& column : board.columns)
    table.columns.push_back(
        {.title = column.title +
                  (single ? " " + metric_title(column.metric) + ", " + unit_text(column.unit) : ""),
         .align = Align::right});
  if (!board.mean_title.empty())
    table.columns.push_back({.title = board.mean_title, .align = Align::right});
  const Shown counts = shown_counts(board);
  for (const CountColumn& count : counts.columns)
    table.columns.push_back({.title = count.title, .align = Align::right});
  table.columns.push_back({.title = "Source", .may_shorten = true, .key = "source"});

  for (const Leaderboard::Row& row : board.rows) {
    std::vector<Cell> cells;
    cells.push_back({.text = row.rank ? std::to_string(*row.rank) : "-"});
    cells.push_back({.text = row.model, .tone = row.published ? Tone::plain : Tone::strong});
    cells.push_back({.text = shots_text(row.shots)});
    for (const auto& place : row.places) cells.push_back(value_cell(row, place, single));
    if (!board.mean_title.empty()) cells.push_back(value_cell(row, row.mean, false));
    for (const CountColumn& count : counts.columns)
      cells.push_back(count_cell(total(board, row, count), count.is_bad));
    cells.push_back(source_cell(row));
    table.rows.push_back(std::move(cells));
  }
  for (const Leaderboard::Column& column : board.columns)
    table.footnotes.push_back(column_line(column));
  if (single) table.footnotes.push_back(interval_line(board));
  if (!counts.line.empty()) table.footnotes.push_back(counts.line);
  bool doubtful = false, inferred = false;
  for (const Leaderboard::Row& row : board.rows)
    for (const auto& place : row.places) {
      doubtful |= place && place->doubtful;
      inferred |= place && place->inferred;
    }
  if (doubtful) table.footnotes.push_back("?: doubtful in the paper's text.");
  if (inferred)
    table.footnotes.push_back("( ): not printed by the paper, inferred from its means.");
  for (const std::string& note : board.notes) table.footnotes.push_back(note);
  return table;
}

// One line per value of ours, where the ranking has no room for what it rests on.
Table grounds(const Leaderboard& board) {
  Table table;
  table.columns = {{.title = "Model", .may_shorten = true},
                   {.title = "Column", .may_shorten = true},
                   {.title = "Value", .align = Align::right}};
  for (const CountColumn& count : kCounts)
    table.columns.push_back({.title = count.title, .align = Align::right});
  for (const Leaderboard::Row& row : board.rows) {
    if (row.published) continue;
    for (std::size_t c = 0; c < row.places.size(); ++c) {
      const auto& place = row.places[c];
      if (!place) continue;
      std::vector<Cell> cells = {
          {.text = row.model}, {.text = board.columns[c].title}, value_cell(row, place, true)};
      for (const CountColumn& count : kCounts)
        cells.push_back(count_cell(count.of(*place), count.is_bad));
      table.rows.push_back(std::move(cells));
    }
  }
  table.footnotes.push_back(interval_line(board));
  return table;
}

std::string title_of(const Leaderboard& board) {
  if (board.columns.empty()) return "Leaderboard";
  std::string title = "Leaderboard: ";
  if (board.columns.size() == 1) return title + board.columns[0].task;
  const Leaderboard::Column& first = board.columns[0];
  for (const Leaderboard::Column& column : board.columns)
    if (column.metric != first.metric)
      return title + std::to_string(board.columns.size()) + " columns";
  return title + metric_title(first.metric) + " in " + unit_text(first.unit);
}

Json interval_json(const std::optional<store::Interval>& interval) {
  if (!interval) return nullptr;
  return {{"low", interval->low},
          {"high", interval->high},
          {"level", interval->level},
          {"method", interval->method}};
}

Json place_json(const std::optional<Place>& place, bool published) {
  if (!place) return nullptr;
  Json json = {{"value", place->value ? Json(*place->value) : Json()}};
  if (published) {
    json["doubtful"] = place->doubtful;
    json["inferred"] = place->inferred;
  } else {
    const store::Counts& n = place->counts;
    json["interval"] = interval_json(place->interval);
    json["n"] = place->used;
    json["samples"] = n.samples;
    json["answered"] = n.answered;
    json["refused"] = n.refused;
    json["failed"] = n.failed;
    json["unscored"] = place->unscored;
  }
  if (!place->note.empty()) json["note"] = place->note;
  return json;
}

std::string json_of(const Leaderboard& board) {
  Json json = {{"schema", 1}, {"kind", "leaderboard"}, {"columns", Json::array()}};
  for (const Leaderboard::Column& c : board.columns)
    json["columns"].push_back({{"title", c.title},
                               {"task", c.task},
                               {"dataset", c.dataset},
                               {"variant", c.variant},
                               {"fingerprint", c.fingerprint},
                               {"scorer", c.scorer},
                               {"metric", c.metric},
                               {"group", c.group},
                               {"unit", unit_text(c.unit)},
                               {"published", c.published},
                               {"higher_is_better", c.higher_is_better}});
  json["mean"] = board.mean_title.empty() ? Json() : Json(board.mean_title);
  json["rows"] = Json::array();
  for (const Leaderboard::Row& row : board.rows) {
    Json entry = {{"rank", row.rank ? Json(*row.rank) : Json()},
                  {"model", row.model},
                  {"shots", row.shots ? Json(*row.shots) : Json()},
                  {"published", row.published}};
    if (row.published) {
      entry["source"] = row.source;
    } else {
      entry["run"] = row.run;
      entry["folder"] = row.folder;
      if (!row.flags.empty()) entry["flags"] = row.flags;
    }
    entry["values"] = Json::array();
    for (const auto& place : row.places)
      entry["values"].push_back(place_json(place, row.published));
    if (!board.mean_title.empty())
      entry["mean"] = row.mean && row.mean->value ? Json(*row.mean->value) : Json();
    json["rows"].push_back(std::move(entry));
  }
  json["refused"] = Json::array();
  for (const Leaderboard::Refused& r : board.refused)
    json["refused"].push_back(
        {{"model", r.model}, {"folder", r.folder}, {"task", r.task}, {"reason", r.reason}});
  json["notes"] = board.notes;
  return without_commands(
             json.dump(1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace)) +
         "\n";
}

}  // namespace

Page page_of(const Leaderboard& board) {
  Page page{.title = title_of(board)};
  if (board.rows.empty()) {
    page.sections.push_back({.paragraphs = {"No run has a place here."}});
  } else {
    page.sections.push_back({.table = ranking(board)});
    if (board.columns.size() > 1)
      page.sections.push_back({.title = "What the values rest on", .table = grounds(board)});
  }
  if (!board.refused.empty()) {
    Table table;
    table.columns = {{.title = "Model", .may_shorten = true},
                     {.title = "Task"},
                     {.title = "Reason"},
                     {.title = "Folder", .may_shorten = true}};
    for (const Leaderboard::Refused& refused : board.refused)
      table.rows.push_back({{.text = refused.model},
                            {.text = refused.task.empty() ? "all" : refused.task},
                            {.text = refused.reason, .tone = Tone::bad},
                            {.text = refused.folder, .tone = Tone::muted}});
    page.sections.push_back({.title = "Without a place", .table = std::move(table)});
  }
  return page;
}

Table tidy_table(const Leaderboard& board) {
  Table table;
  for (const char* name : {"rank",   "model",    "shots",    "published", "source",      "run",
                           "folder", "task",     "dataset",  "variant",   "fingerprint", "scorer",
                           "metric", "group",    "unit",     "value",     "low",         "high",
                           "level",  "interval", "n",        "samples",   "answered",    "refused",
                           "failed", "unscored", "doubtful", "inferred",  "note"})
    table.columns.push_back({.title = name});
  const auto number = [](double value) { return Cell{.text = fixed(value, 6), .number = value}; };
  const auto count = [](std::int64_t value, bool published) {
    return published ? Cell{} : Cell{.text = std::to_string(value)};
  };
  for (const Leaderboard::Row& row : board.rows) {
    for (std::size_t c = 0; c < row.places.size(); ++c) {
      const auto& place = row.places[c];
      if (!place || !place->value) continue;
      const Leaderboard::Column& column = board.columns[c];
      const auto& interval = place->interval;
      table.rows.push_back({{.text = row.rank ? std::to_string(*row.rank) : ""},
                            {.text = row.model},
                            {.text = row.shots ? std::to_string(*row.shots) : ""},
                            {.text = row.published ? "yes" : "no"},
                            {.text = row.source},
                            {.text = row.run},
                            {.text = row.folder},
                            {.text = column.task},
                            {.text = column.dataset},
                            {.text = column.variant},
                            {.text = column.fingerprint},
                            {.text = column.scorer},
                            {.text = column.metric},
                            {.text = column.group},
                            {.text = unit_text(column.unit)},
                            number(*place->value),
                            interval ? number(interval->low) : Cell{},
                            interval ? number(interval->high) : Cell{},
                            interval ? number(interval->level) : Cell{},
                            {.text = interval ? interval->method : ""},
                            count(place->used, row.published),
                            count(place->counts.samples, row.published),
                            count(place->counts.answered, row.published),
                            count(place->counts.refused, row.published),
                            count(place->counts.failed, row.published),
                            count(place->unscored, row.published),
                            {.text = place->doubtful ? "yes" : ""},
                            {.text = place->inferred ? "yes" : ""},
                            {.text = place->note}});
    }
  }
  return table;
}

std::string render(const Leaderboard& board, Format format, const RenderOptions& options) {
  if (format == Format::csv) return render(tidy_table(board), Format::csv);
  if (format == Format::json) return json_of(board);
  return render(page_of(board), format, options);
}

}  // namespace looktwice::reports
