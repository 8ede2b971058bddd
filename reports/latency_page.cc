// A profile as people and machines read it.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "harness/core/text.h"
#include "reports/escape.h"
#include "reports/latency.h"

namespace looktwice::reports {
namespace {

using Json = nlohmann::ordered_json;
using What = LatencyRow::What;

Json or_null(const std::optional<double>& value) {
  return value ? Json(*value) : Json(nullptr);
}

const char* unit_of(What what) {
  return what == What::rate ? "1/s" : "ms";
}

const char* word_of(What what) {
  switch (what) {
    case What::request:
      return "request";
    case What::first_token:
      return "first_token";
    case What::stage:
      return "stage";
    case What::between:
      return "between";
    case What::per_token:
      return "per_token";
    case What::rate:
      return "rate";
  }
  return "";
}

std::string interval_text(const std::optional<double>& low, const std::optional<double>& high) {
  if (!low && !high) return "";
  return "[" + (low ? significant(*low) : std::string("-")) + ", " +
         (high ? significant(*high) : std::string("-")) + "]";
}

std::string percentile_title(double share) {
  return "p" + fixed(100 * share, 0);
}

Table times(const Latency& latency) {
  Table table{.title = "Milliseconds per request",
              .columns = {{.title = "Part", .key = "part"},
                          {.title = "n", .align = Align::right, .key = "n"},
                          {.title = "Mean", .align = Align::right, .key = "mean"},
                          {.title = "p50", .align = Align::right, .key = "p50"},
                          {.title = "p90", .align = Align::right, .key = "p90"},
                          {.title = "p99", .align = Align::right, .key = "p99"},
                          {.title = "Largest", .align = Align::right, .key = "largest"},
                          {.title = "Share", .align = Align::right, .key = "share"}}};
  for (const LatencyRow& row : latency.rows) {
    const bool rate = row.what == What::rate;
    std::vector<Cell> cells = {
        {.text = row.name,
         .tone = row.what == What::request ? Tone::strong : Tone::plain,
         .note = rate ? "Per second, of one request while it writes; p90 and p99 are the fast ones."
                      : ""},
        {.text = std::to_string(row.n), .number = static_cast<double>(row.n)},
        {.text = significant(row.mean), .number = row.mean}};
    for (const Percentile& one : row.percentiles)
      cells.push_back({.text = significant(one.value),
                       .aside = interval_text(one.low, one.high),
                       .number = one.value});
    cells.push_back({.text = significant(row.most), .number = row.most});
    cells.push_back(row.share ? Cell{.text = fixed(100 * *row.share, 1) + " %", .number = row.share}
                              : Cell{.text = ""});
    table.rows.push_back(std::move(cells));
  }
  table.footnotes = {
      "Percentiles are linear between neighbours (numpy's default). In brackets: two measured "
      "values "
      "with the true percentile between them at level " +
      significant(latency.level) +
      " (exact, binomial), as if requests were independent draws; - where there are too few for "
      "an end (p99 needs 368 requests)."};
  return table;
}

Table checks(const Latency& latency) {
  Table table{.title = "Is it valid?",
              .columns = {{.title = "Check", .key = "check"},
                          {.title = "", .key = "holds"},
                          {.title = "Found", .may_shorten = true, .key = "found"}}};
  for (const LatencyCheck& check : latency.checks)
    table.rows.push_back(
        {{.text = check.name},
         {.text = check.holds ? "holds" : "FAILS", .tone = check.holds ? Tone::good : Tone::bad},
         {.text = check.found}});
  table.footnotes = latency.notes;
  return table;
}

Table ratios(const LatencyComparison& comparison) {
  Table table{.title = "Compared with " + printable(comparison.first, 80),
              .columns = {{.title = "Part", .key = "part"},
                          {.title = "Requests", .align = Align::right, .key = "requests"},
                          {.title = "Before, ms", .align = Align::right, .key = "before"},
                          {.title = "Now, ms", .align = Align::right, .key = "now"},
                          {.title = "Now / before", .align = Align::right, .key = "ratio"}}};
  for (const LatencyRatio& ratio : comparison.ratios) {
    const bool slower = ratio.low && *ratio.low > 1, faster = ratio.high && *ratio.high < 1;
    table.rows.push_back(
        {{.text = ratio.name},
         {.text = std::to_string(ratio.requests), .number = static_cast<double>(ratio.requests)},
         {.text = significant(ratio.first_ms), .number = ratio.first_ms},
         {.text = significant(ratio.second_ms), .number = ratio.second_ms},
         {.text = significant(ratio.ratio),
          .aside = interval_text(ratio.low, ratio.high),
          .tone = slower   ? Tone::bad
                  : faster ? Tone::good
                           : Tone::plain,
          .number = ratio.ratio}});
  }
  table.footnotes = {
      "Geometric mean over requests of the ratio of their median times, Student's interval over "
      "requests. What moves all requests alike between two starts of the program (memory layout, "
      "heat, neighbours) is not in it: repeat both profiles in turn before you trust a few "
      "percent."};
  return table;
}

std::string summary_text(const Latency& latency) {
  std::string text = std::to_string(latency.requests) + " requests";
  if (latency.view.profile) {
    const store::Profile& profile = *latency.view.profile;
    text += " in " + std::to_string(profile.passes.size()) + " passes, " +
            (profile.at_once == 0 ? std::string("as many at once as the adapter takes")
                                  : std::to_string(profile.at_once) + " at once");
  }
  if (latency.seconds > 0) {
    text += "; " + significant(static_cast<double>(latency.requests) / latency.seconds) +
            " requests per second";
    if (latency.output_tokens > 0)
      text += ", " + significant(static_cast<double>(latency.output_tokens) / latency.seconds) +
              " tokens per second over all";
  }
  return text + ".";
}

Table conditions(const store::Profile& profile) {
  Table table{.title = "Conditions",
              .columns = {{.title = "What", .key = "what"},
                          {.title = "Value", .may_shorten = true, .key = "value"}}};
  const auto add = [&](const std::string& what, const std::string& value) {
    if (!value.empty()) table.rows.push_back({{.text = what}, {.text = value}});
  };
  add("model", profile.model);
  for (const auto& [name, value] : profile.model_args) add("model_args " + name, value);
  for (const auto& [name, value] : profile.model_facts) add(name, value);
  for (const std::string& task : profile.tasks) add("task", task);
  for (const auto& [name, value] : profile.options) add(name, value);
  for (const auto& [name, value] : profile.machine.about) add(name, value);
  add("processors", std::to_string(profile.machine.processors));
  if (profile.machine.load_before) add("load before", fixed(profile.machine.load_before, 2));
  if (profile.machine.busy_own) add("own share of processors", fixed(profile.machine.busy_own, 3));
  if (profile.machine.hottest) add("hottest, Celsius", fixed(profile.machine.hottest, 0));
  add("version", profile.version + " " + profile.commit);
  add("started", profile.started);
  add("answers", profile.answers);
  return table;
}

Json json_of(const LatencyRow& row) {
  Json json = {{"part", row.name},   {"what", word_of(row.what)}, {"unit", unit_of(row.what)},
               {"n", row.n},         {"mean", row.mean},          {"least", row.least},
               {"largest", row.most}};
  for (const Percentile& one : row.percentiles)
    json[percentile_title(one.share)] = {
        {"value", one.value}, {"low", or_null(one.low)}, {"high", or_null(one.high)}};
  if (row.share) json["share"] = *row.share;
  return json;
}

std::string json_text(const Latency& latency, const LatencyComparison* comparison) {
  Json json = {{"schema", 1},
               {"kind", "latency"},
               {"label", latency.view.label},
               {"valid", latency.valid()},
               {"reasons", latency.reasons()},
               {"level", latency.level},
               {"requests", latency.requests},
               {"failed", latency.failed},
               {"refused", latency.refused},
               {"seconds", latency.seconds},
               {"output_tokens", latency.output_tokens},
               {"rows", Json::array()},
               {"checks", Json::array()},
               {"notes", latency.notes}};
  for (const LatencyRow& row : latency.rows) json["rows"].push_back(json_of(row));
  for (const LatencyCheck& check : latency.checks)
    json["checks"].push_back(
        {{"check", check.name}, {"holds", check.holds}, {"found", check.found}});
  if (latency.view.profile) json["profile"] = Json::parse(store::json_of(*latency.view.profile));
  if (comparison) {
    json["comparison"] = {{"first", comparison->first},
                          {"second", comparison->second},
                          {"ratios", Json::array()},
                          {"differences", comparison->differences}};
    for (const LatencyRatio& ratio : comparison->ratios)
      json["comparison"]["ratios"].push_back({{"part", ratio.name},
                                              {"requests", ratio.requests},
                                              {"first_ms", ratio.first_ms},
                                              {"second_ms", ratio.second_ms},
                                              {"ratio", ratio.ratio},
                                              {"low", or_null(ratio.low)},
                                              {"high", or_null(ratio.high)}});
  }
  return without_commands(json.dump(1, ' ', true, Json::error_handler_t::replace)) + "\n";
}

// One line per row, every number unrounded.
Table tidy_table(const Latency& latency) {
  Table table{.title = "Latency"};
  for (const char* name :
       {"part", "what", "unit", "n", "mean", "least", "p50", "p50_low", "p50_high", "p90",
        "p90_low", "p90_high", "p99", "p99_low", "p99_high", "largest", "share", "valid"})
    table.columns.push_back({.title = name});
  const auto number = [](const std::optional<double>& value) {
    return value ? Cell{.text = fixed(*value, 6), .number = value} : Cell{};
  };
  for (const LatencyRow& row : latency.rows) {
    std::vector<Cell> cells = {{.text = row.name},
                               {.text = word_of(row.what)},
                               {.text = unit_of(row.what)},
                               number(static_cast<double>(row.n)),
                               number(row.mean),
                               number(row.least)};
    for (const Percentile& one : row.percentiles)
      for (const auto& value : {std::optional(one.value), one.low, one.high})
        cells.push_back(number(value));
    cells.push_back(number(row.most));
    cells.push_back(number(row.share));
    cells.push_back({.text = latency.valid() ? "VALID" : "NOT VALID"});
    table.rows.push_back(std::move(cells));
  }
  return table;
}

}  // namespace

Page page_of(const Latency& latency, const LatencyComparison* comparison) {
  Page page{.title = "Latency of " + printable(latency.view.label, 100)};
  Section head{.title = latency.valid() ? "VALID" : "NOT VALID"};
  for (const std::string& reason : latency.reasons()) head.paragraphs.push_back(reason);
  head.paragraphs.push_back(summary_text(latency));
  page.sections.push_back(std::move(head));
  if (!latency.rows.empty()) page.sections.push_back({.table = times(latency)});
  if (comparison) {
    page.sections.push_back({.table = ratios(*comparison)});
    if (!comparison->differences.empty())
      page.sections.push_back(
          {.title = "What differs, before | now", .paragraphs = comparison->differences});
  }
  page.sections.push_back({.table = checks(latency)});
  if (latency.view.profile) page.sections.push_back({.table = conditions(*latency.view.profile)});
  return page;
}

std::string render(const Latency& latency, const LatencyComparison* comparison, Format format,
                   const RenderOptions& options) {
  if (format == Format::csv) return render(tidy_table(latency), Format::csv);
  if (format == Format::json) return json_text(latency, comparison);
  return render(page_of(latency, comparison), format, options);
}

}  // namespace looktwice::reports
