// A comparison as people and machines read it.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "harness/core/text.h"
#include "reports/compare.h"
#include "reports/escape.h"

namespace looktwice::reports {
namespace {

using Json = nlohmann::ordered_json;
using Row = Comparison::Row;

std::string group_title(const std::string& group) {
  if (group == "macro") return "mean over classes";
  if (group == "pooled") return "all samples";
  return group.empty() ? "-" : group;
}

std::string p_text(std::optional<double> p) {
  if (!p) return "-";
  return *p < 0.0001 ? "<0.0001" : fixed(p, 4);
}

std::string signed_text(double value, int digits) {
  const std::string text = fixed(value, digits);
  return (value > 0 && text.find_first_of("123456789") != text.npos ? "+" : "") + text;
}

// Differences have one decimal more than values: 0.2 points matter.
int difference_digits(const Row& row) {
  return printed_digits(metric_unit(row.metric)) + 1;
}

Cell value_cell(const Row& row, std::optional<double> value) {
  if (!value) return {.text = "-", .tone = Tone::muted};
  const double printed = printed_value(row.metric, *value);
  return {.text = fixed(printed, printed_digits(metric_unit(row.metric))), .number = printed};
}

Cell difference_cell(const Comparison& comparison, const Row& row) {
  if (!row.difference) return {.text = "-", .tone = Tone::muted};
  const int digits = difference_digits(row);
  const double printed = printed_value(row.metric, *row.difference);
  Cell cell{.text = signed_text(printed, digits), .number = printed};
  if (row.interval)
    cell.aside = signed_text(printed_value(row.metric, row.interval->low), digits) + " to " +
                 signed_text(printed_value(row.metric, row.interval->high), digits);
  if (row.adjusted && *row.adjusted <= 1 - comparison.level && *row.difference != 0)
    cell.tone = (*row.difference > 0) == row.higher_is_better ? Tone::good : Tone::bad;
  return cell;
}

std::string test_note(const Row& row) {
  std::string text;
  if (row.test == "paired delong") text = "Paired DeLong test";
  if (row.test == "mcnemar mid-p") text = "McNemar's test, mid-p; interval: Newcombe's for pairs";
  if (row.test == "paired bootstrap")
    text = "Stratified paired bootstrap; p: Student's with its deviation";
  if (row.test == "delta method") text = "Delta method over the samples of both classes";
  if (row.test == "permutation") text = "Permutation test: nothing varies enough for another";
  if (row.test == "paired t") text = "Student's paired t";
  if (row.test == "mean of classes")
    text = "Mean of the classes' differences, which are independent";
  return text.empty() ? text : text + ".";
}

Table tests_table(const Comparison& comparison, std::size_t other, const std::string& task) {
  const auto belongs = [&](const Row& row) { return row.other == other && row.task == task; };
  bool several = false, any_left_out = false;
  for (const Row& row : comparison.rows) {
    if (!belongs(row)) continue;
    several = several || row.group != "pooled";
    any_left_out = any_left_out || row.left_out > 0;
  }
  Table table;
  table.columns = {{.title = "Metric", .key = "metric"}};
  if (several) table.columns.push_back({.title = "Class", .may_shorten = true, .key = "class"});
  for (const std::size_t run : {std::size_t{0}, other})
    table.columns.push_back(
        {.title = comparison.runs[run].name, .align = Align::right, .may_shorten = true});
  table.columns.push_back({.title = "Difference", .align = Align::right});
  table.columns.push_back({.title = "p", .align = Align::right});
  table.columns.push_back({.title = "p, Holm", .align = Align::right});
  table.columns.push_back({.title = "n", .align = Align::right});
  if (any_left_out) table.columns.push_back({.title = "left out", .align = Align::right});
  std::string last;
  for (const Row& row : comparison.rows) {
    if (!belongs(row)) continue;
    std::vector<Cell> cells;
    cells.push_back({.text = row.metric == last ? "" : metric_title(row.metric)});
    last = row.metric;
    if (several) cells.push_back({.text = group_title(row.group)});
    cells.back().note = row.note;
    cells.push_back(value_cell(row, row.first));
    cells.push_back(value_cell(row, row.second));
    cells.push_back(difference_cell(comparison, row));
    if (!row.reason.empty()) cells.back().note = row.reason;
    cells.push_back({.text = p_text(row.p_value), .note = test_note(row), .number = row.p_value});
    cells.push_back({.text = p_text(row.adjusted), .number = row.adjusted});
    cells.push_back({.text = std::to_string(row.compared)});
    if (any_left_out)
      cells.push_back({.text = std::to_string(row.left_out),
                       .tone = row.left_out > 0 ? Tone::bad : Tone::plain});
    table.rows.push_back(std::move(cells));
  }
  return table;
}

std::string left_out_rule() {
  return "A sample counts where both runs answered it and the scorer could read both answers. What "
         "failed, was refused or is unscored in either run is left out of both values, never "
         "counted as wrong.";
}

Table counts_table(const Comparison& comparison) {
  Table table;
  table.columns = {{.title = "Task"},
                   {.title = "Run", .may_shorten = true},
                   {.title = "samples", .align = Align::right},
                   {.title = "answered", .align = Align::right},
                   {.title = "refused", .align = Align::right},
                   {.title = "failed", .align = Align::right},
                   {.title = "unscored", .align = Align::right},
                   {.title = "only here", .align = Align::right},
                   {.title = "compared", .align = Align::right}};
  const auto count = [](std::int64_t n, bool is_bad = false) {
    return Cell{.text = std::to_string(n), .tone = is_bad && n > 0 ? Tone::bad : Tone::plain};
  };
  for (const Comparison::Counts& counts : comparison.counts)
    for (const bool first : {true, false}) {
      const auto& states = first ? counts.first : counts.second;
      table.rows.push_back({{.text = counts.task},
                            {.text = comparison.runs[first ? 0 : counts.other].name},
                            count(counts.samples),
                            count(states.answered),
                            count(states.refused, true),
                            count(states.failed, true),
                            count(states.unscored, true),
                            count(first ? counts.only_first : counts.only_other, true),
                            count(counts.compared)});
    }
  table.footnotes.push_back(left_out_rule());
  return table;
}

std::string said(bool says, std::optional<double> score, bool truth_known) {
  std::string text = truth_known ? (says ? "anomalous" : "normal") : (says ? "right" : "wrong");
  if (score) text += " (" + significant(*score) + ")";
  return text;
}

Section flips_section(const Comparison& comparison, const Comparison::Flips& flips) {
  const std::string &first = comparison.runs[0].name, &other = comparison.runs[flips.other].name;
  Section section{.title = "Flips: " + flips.task + ", " + other + " against " + first};
  if (flips.rule.empty()) {
    section.paragraphs = {"There is no way to tell right from wrong sample by sample."};
    return section;
  }
  section.paragraphs.push_back("Both right " + std::to_string(flips.both_right) + ", only " +
                               first + " right " + std::to_string(flips.lost) + ", only " + other +
                               " right " + std::to_string(flips.won) + ", both wrong " +
                               std::to_string(flips.both_wrong) + ". Rule: " + flips.rule + ".");
  if (flips.lost_samples.empty() && flips.won_samples.empty()) return section;
  Table table;
  table.columns = {{.title = "Right only by", .may_shorten = true},
                   {.title = "Sample", .may_shorten = true},
                   {.title = "Class", .may_shorten = true},
                   {.title = "Truth", .may_shorten = true},
                   {.title = first + " says", .may_shorten = true},
                   {.title = other + " says", .may_shorten = true}};
  const auto add = [&](const std::vector<Comparison::Flip>& list, const std::string& right) {
    for (const Comparison::Flip& flip : list) {
      const bool known = flip.first.anomalous.has_value();
      std::string truth = known ? (*flip.first.anomalous ? "anomalous" : "normal") : "-";
      if (known && *flip.first.anomalous && !flip.first.defect.empty()) truth = flip.first.defect;
      table.rows.push_back({{.text = right},
                            {.text = flip.first.sample},
                            {.text = flip.first.category},
                            {.text = truth},
                            {.text = said(flip.first_says, flip.first_score, known)},
                            {.text = said(flip.second_says, flip.second_score, known)}});
    }
  };
  add(flips.lost_samples, first);
  add(flips.won_samples, other);
  const auto cut = [&](std::int64_t all, std::size_t shown, const std::string& right) {
    if (all > static_cast<std::int64_t>(shown))
      table.footnotes.push_back("The clearest " + std::to_string(shown) + " of " +
                                std::to_string(all) + " that only " + right + " gets right.");
  };
  cut(flips.lost, flips.lost_samples.size(), first);
  cut(flips.won, flips.won_samples.size(), other);
  section.table = std::move(table);
  return section;
}

Section settings_section(const Comparison& comparison) {
  Section section{.title = "What differs in the configurations"};
  if (comparison.settings.empty()) {
    section.paragraphs = {
        "Nothing that run.json tells of: model, weights, options, data, version."};
    return section;
  }
  Table table;
  table.columns = {{.title = "Setting"}};
  for (const Comparison::Run& run : comparison.runs)
    table.columns.push_back({.title = run.name, .may_shorten = true});
  for (const Comparison::Setting& setting : comparison.settings) {
    std::vector<Cell> cells = {{.text = setting.name}};
    for (const std::string& value : setting.values) {
      // Hashes are long, and their beginnings tell them apart.
      const bool hash =
          value.size() == 64 && value.find_first_not_of("0123456789abcdef") == value.npos;
      cells.push_back({.text = value.empty() ? "-" : hash ? value.substr(0, 12) : value});
    }
    table.rows.push_back(std::move(cells));
  }
  section.table = std::move(table);
  return section;
}

std::string title_of(const Comparison& comparison) {
  std::string title = "Comparison: ";
  for (std::size_t i = 1; i < comparison.runs.size(); ++i)
    title += (i > 1 ? ", " : "") + comparison.runs[i].name;
  return title + " against " + comparison.runs[0].name;
}

std::string verdict(const Comparison& comparison) {
  int tests = 0, seen = 0;
  for (const Row& row : comparison.rows) {
    tests += row.p_value.has_value();
    seen += row.adjusted && *row.adjusted <= 1 - comparison.level;
  }
  return std::to_string(tests) + (tests == 1 ? " test" : " tests") + " in all, " +
         std::to_string(seen) + " with a difference at the level " +
         significant(1 - comparison.level) + " after Holm's correction over all of them.";
}

Json interval_json(const std::optional<store::Interval>& interval) {
  if (!interval) return nullptr;
  return {{"low", interval->low},
          {"high", interval->high},
          {"level", interval->level},
          {"method", interval->method}};
}

template <class Type>
Json or_null(const std::optional<Type>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json flip_json(const Comparison::Flip& flip) {
  return {{"sample", flip.first.sample},
          {"category", flip.first.category},
          {"defect", flip.first.defect},
          {"anomalous", or_null(flip.first.anomalous)},
          {"first_says", flip.first_says},
          {"second_says", flip.second_says},
          {"first_score", or_null(flip.first_score)},
          {"second_score", or_null(flip.second_score)}};
}

Json states_json(const Comparison::Counts::States& states) {
  return {{"answered", states.answered},
          {"refused", states.refused},
          {"failed", states.failed},
          {"unscored", states.unscored}};
}

std::string json_of(const Comparison& comparison) {
  Json json = {{"schema", 1}, {"kind", "comparison"}, {"level", comparison.level}};
  json["runs"] = Json::array();
  for (const Comparison::Run& run : comparison.runs)
    json["runs"].push_back({{"name", run.name},
                            {"run", run.id},
                            {"folder", run.folder},
                            {"state", run.state},
                            {"incomplete", run.incomplete},
                            {"partial", run.partial}});
  json["tests"] = Json::array();
  for (const Row& row : comparison.rows)
    json["tests"].push_back({{"first", comparison.runs[0].name},
                             {"second", comparison.runs[row.other].name},
                             {"second_index", row.other},
                             {"task", row.task},
                             {"scorer", row.scorer},
                             {"metric", row.metric},
                             {"group", row.group},
                             {"first_value", or_null(row.first)},
                             {"second_value", or_null(row.second)},
                             {"difference", or_null(row.difference)},
                             {"interval", interval_json(row.interval)},
                             {"p_value", or_null(row.p_value)},
                             {"p_holm", or_null(row.adjusted)},
                             {"test", row.test},
                             {"reason", row.reason},
                             {"note", row.note},
                             {"compared", row.compared},
                             {"left_out", row.left_out},
                             {"higher_is_better", row.higher_is_better}});
  json["samples"] = Json::array();
  for (const Comparison::Counts& counts : comparison.counts)
    json["samples"].push_back({{"second_index", counts.other},
                               {"task", counts.task},
                               {"scorer", counts.scorer},
                               {"samples", counts.samples},
                               {"only_first", counts.only_first},
                               {"only_second", counts.only_other},
                               {"first", states_json(counts.first)},
                               {"second", states_json(counts.second)},
                               {"compared", counts.compared}});
  json["flips"] = Json::array();
  for (const Comparison::Flips& flips : comparison.flips) {
    Json entry = {{"second_index", flips.other},
                  {"task", flips.task},
                  {"rule", flips.rule},
                  {"both_right", flips.both_right},
                  {"only_first_right", flips.lost},
                  {"only_second_right", flips.won},
                  {"both_wrong", flips.both_wrong}};
    entry["only_first_right_samples"] = flips.lost_ids;
    entry["only_second_right_samples"] = flips.won_ids;
    entry["clearest"] = Json::array();
    for (const auto* list : {&flips.lost_samples, &flips.won_samples})
      for (const Comparison::Flip& flip : *list) entry["clearest"].push_back(flip_json(flip));
    json["flips"].push_back(std::move(entry));
  }
  json["settings"] = Json::object();
  for (const Comparison::Setting& setting : comparison.settings)
    json["settings"][setting.name] = setting.values;
  json["notes"] = comparison.notes;
  return without_commands(json.dump(1, ' ', true, Json::error_handler_t::replace)) + "\n";
}

}  // namespace

Page page_of(const Comparison& comparison) {
  Page page{.title = title_of(comparison)};
  Section head;
  for (const Comparison::Run& run : comparison.runs)
    if (!run.state.empty()) head.paragraphs.push_back(run.name + ": " + run.state);
  head.paragraphs.push_back("Differences: the other run minus " + comparison.runs[0].name +
                            ", in points of percent, with a " + fixed(100 * comparison.level, 0) +
                            " % interval. " + verdict(comparison));
  page.sections.push_back(std::move(head));
  for (const Comparison::Counts& counts : comparison.counts)
    page.sections.push_back({.title = counts.task + ": " + comparison.runs[counts.other].name +
                                      " against " + comparison.runs[0].name,
                             .table = tests_table(comparison, counts.other, counts.task)});
  if (!comparison.notes.empty()) page.sections.push_back({.paragraphs = comparison.notes});
  page.sections.push_back({.title = "Samples", .table = counts_table(comparison)});
  for (const Comparison::Flips& flips : comparison.flips)
    page.sections.push_back(flips_section(comparison, flips));
  page.sections.push_back(settings_section(comparison));
  return page;
}

Table tidy_table(const Comparison& comparison) {
  Table table;
  for (const char* name :
       {"first",        "second",     "task", "scorer",   "metric", "group",    "first_value",
        "second_value", "difference", "low",  "high",     "level",  "interval", "p",
        "p_holm",       "test",       "n",    "left_out", "reason", "note"})
    table.columns.push_back({.title = name});
  const auto number = [](std::optional<double> value) {
    return value ? Cell{.text = fixed(*value, 6), .number = value} : Cell{};
  };
  for (const Row& row : comparison.rows) {
    const auto& interval = row.interval;
    table.rows.push_back({{.text = comparison.runs[0].name},
                          {.text = comparison.runs[row.other].name},
                          {.text = row.task},
                          {.text = row.scorer},
                          {.text = row.metric},
                          {.text = row.group},
                          number(row.first),
                          number(row.second),
                          number(row.difference),
                          interval ? number(interval->low) : Cell{},
                          interval ? number(interval->high) : Cell{},
                          interval ? number(interval->level) : Cell{},
                          {.text = interval ? interval->method : ""},
                          number(row.p_value),
                          number(row.adjusted),
                          {.text = row.test},
                          {.text = std::to_string(row.compared)},
                          {.text = std::to_string(row.left_out)},
                          {.text = row.reason},
                          {.text = row.note}});
  }
  return table;
}

std::string render(const Comparison& comparison, Format format, const RenderOptions& options) {
  if (format == Format::csv) return render(tidy_table(comparison), Format::csv);
  if (format == Format::json) return json_of(comparison);
  return render(page_of(comparison), format, options);
}

}  // namespace looktwice::reports
