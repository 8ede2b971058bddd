// A comparison of benchmarks as people and machines read it.
#include <array>
#include <nlohmann/json.hpp>

#include "reports/bench_compare.h"
#include "reports/escape.h"

namespace looktwice::reports {
namespace {

using Json = nlohmann::ordered_json;
using Verdict = BenchComparison::Verdict;

const char* name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::faster:
      return "faster";
    case Verdict::slower:
      return "slower";
    case Verdict::no_difference:
      return "no difference shown";
    case Verdict::untested:
      return "not tested";
  }
  return "not tested";
}

Tone tone_of(Verdict verdict) {
  return verdict == Verdict::faster   ? Tone::good
         : verdict == Verdict::slower ? Tone::bad
                                      : Tone::muted;
}

std::string duration(double nanoseconds) {
  struct Unit {
    double size = 1;
    const char* name = "ns";
  };
  for (const Unit& unit : {Unit{1e9, "s"}, Unit{1e6, "ms"}, Unit{1e3, "us"}})
    if (nanoseconds >= unit.size) return significant(nanoseconds / unit.size) + " " + unit.name;
  return significant(nanoseconds) + " ns";
}

std::string chance(const std::optional<double>& p) {
  if (!p) return "-";
  return *p < 0.0001 ? "<0.0001" : fixed(p, 4);
}

// "x 1.25" faster or slower.
std::string change(const std::optional<double>& ratio) {
  if (!ratio) return "-";
  const double percent = 100 * (*ratio - 1);
  return (percent > 0 ? "+" : "") + fixed(percent, 1) + " %";
}

std::string context_of(const BenchFile& file, const char* name) {
  const auto found = file.context.find(name);
  return found == file.context.end() || found->second.empty() ? "-" : found->second;
}

Table files_of(const BenchComparison& comparison) {
  Table table{.title = "Files"};
  table.columns = {{.title = "", .key = "which"},
                   {.title = "File", .may_shorten = true, .key = "file"},
                   {.title = "Date", .key = "date"},
                   {.title = "Host", .may_shorten = true, .key = "host"},
                   {.title = "Processor or device", .may_shorten = true, .key = "device"}};
  for (const auto& [which, file] : {std::pair{"A", &comparison.a}, std::pair{"B", &comparison.b}}) {
    std::string device = context_of(*file, "device");
    if (device == "-" || device == "none") device = context_of(*file, "processor");
    table.rows.push_back({{.text = which},
                          {.text = file->path.string()},
                          {.text = context_of(*file, "date")},
                          {.text = context_of(*file, "host_name")},
                          {.text = device}});
  }
  return table;
}

Table times_of(const BenchComparison& comparison) {
  Table table{.title = "Times"};
  table.columns = {{.title = "Benchmark", .key = "name"},
                   {.title = "Time", .key = "time"},
                   {.title = "A, median", .align = Align::right, .key = "median_a_ns"},
                   {.title = "B, median", .align = Align::right, .key = "median_b_ns"},
                   {.title = "B / A", .align = Align::right, .key = "ratio"},
                   {.title = "Change", .align = Align::right, .key = "change_percent"},
                   {.title = "n", .align = Align::right, .key = "n"},
                   {.title = "p", .align = Align::right, .key = "p"},
                   {.title = "p, Holm", .align = Align::right, .key = "p_holm"},
                   {.title = "B is", .key = "verdict"}};
  bool normal = false;
  for (const BenchComparison::Row& row : comparison.rows) {
    normal = normal || (row.p_value && !row.exact);
    std::optional<double> percent;
    if (row.ratio) percent = 100 * (*row.ratio - 1);
    table.rows.push_back({{.text = row.name},
                          {.text = row.real_time ? "real" : "processor"},
                          {.text = duration(row.median_a), .number = row.median_a},
                          {.text = duration(row.median_b), .number = row.median_b},
                          {.text = fixed(row.ratio, 3), .tone = Tone::strong, .number = row.ratio},
                          {.text = change(row.ratio), .number = percent},
                          {.text = std::to_string(row.times_a) + "/" + std::to_string(row.times_b)},
                          {.text = chance(row.p_value), .note = row.reason, .number = row.p_value},
                          {.text = chance(row.p_adjusted), .number = row.p_adjusted},
                          {.text = name_of(row.verdict), .tone = tone_of(row.verdict)}});
  }
  table.footnotes.push_back(
      "Medians over repetitions; p: two-sided Mann-Whitney U test of the repetitions, " +
      std::string(normal ? "exact up to 50 values, else normal with corrections for ties and "
                           "continuity"
                         : "exact") +
      "; p, Holm: corrected over this table. Repetitions of one start of the program share its "
      "luck (addresses, clock): a difference that matters should show in a second pair of runs.");
  return table;
}

}  // namespace

Page page_of(const BenchComparison& comparison) {
  Page page{.title = "Benchmarks: B against A"};
  Section head;
  std::string text =
      std::to_string(comparison.rows.size()) +
      " benchmarks timed in both: " + std::to_string(comparison.count(Verdict::faster)) +
      " faster, " + std::to_string(comparison.count(Verdict::slower)) + " slower, " +
      std::to_string(comparison.count(Verdict::no_difference)) + " without a difference shown";
  if (const int untested = comparison.count(Verdict::untested))
    text += ", " + std::to_string(untested) + " not tested";
  text += " at the level " + significant(1 - comparison.level) + " after Holm's correction.";
  if (comparison.geometric_mean)
    text += " Geometric mean of B / A: " + fixed(comparison.geometric_mean, 3) + " (" +
            change(comparison.geometric_mean) + ").";
  head.paragraphs.push_back(std::move(text));
  for (const std::string& note : comparison.notes) head.paragraphs.push_back(note);
  head.table = files_of(comparison);
  page.sections.push_back(std::move(head));
  page.sections.push_back({.table = times_of(comparison)});
  if (!comparison.missing.empty()) {
    Table table{.title = "Not compared"};
    table.columns = {{.title = "Benchmark", .key = "name"},
                     {.title = "Why", .may_shorten = true, .key = "why"}};
    for (const BenchComparison::Missing& one : comparison.missing)
      table.rows.push_back({{.text = one.name}, {.text = one.why}});
    page.sections.push_back({.table = std::move(table)});
  }
  return page;
}

std::string render(const BenchComparison& comparison, Format format, const RenderOptions& options) {
  if (format == Format::csv) return render(times_of(comparison), Format::csv);
  if (format != Format::json) return render(page_of(comparison), format, options);
  const auto or_null = [](const auto& value) { return value ? Json(*value) : Json(nullptr); };
  const auto file_json = [](const BenchFile& file) {
    Json json = {{"file", file.path.string()}, {"context", Json::object()}};
    for (const auto& [name, value] : file.context) json["context"][name] = value;
    return json;
  };
  Json json = {{"schema", 1},
               {"kind", "bench_compare"},
               {"level", comparison.level},
               {"a", file_json(comparison.a)},
               {"b", file_json(comparison.b)},
               {"geometric_mean_ratio", or_null(comparison.geometric_mean)},
               {"faster", comparison.count(Verdict::faster)},
               {"slower", comparison.count(Verdict::slower)},
               {"no_difference", comparison.count(Verdict::no_difference)},
               {"not_tested", comparison.count(Verdict::untested)},
               {"incomplete", comparison.incomplete()},
               {"notes", comparison.notes},
               {"benchmarks", Json::array()},
               {"not_compared", Json::array()}};
  for (const BenchComparison::Row& row : comparison.rows)
    json["benchmarks"].push_back({{"name", row.name},
                                  {"time", row.real_time ? "real" : "processor"},
                                  {"n_a", row.times_a},
                                  {"n_b", row.times_b},
                                  {"median_a_ns", row.median_a},
                                  {"median_b_ns", row.median_b},
                                  {"ratio", or_null(row.ratio)},
                                  {"p", or_null(row.p_value)},
                                  {"p_holm", or_null(row.p_adjusted)},
                                  {"exact", row.p_value ? Json(row.exact) : Json(nullptr)},
                                  {"verdict", name_of(row.verdict)},
                                  {"reason", row.reason}});
  for (const BenchComparison::Missing& one : comparison.missing)
    json["not_compared"].push_back(
        {{"name", one.name}, {"why", one.why}, {"only_once", one.only_once}});
  return without_commands(json.dump(1, ' ', true, Json::error_handler_t::replace)) + "\n";
}

}  // namespace looktwice::reports
