// A gate as people and machines read it.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "reports/escape.h"
#include "reports/gate.h"

namespace looktwice::reports {
namespace {

using Json = nlohmann::ordered_json;

const char* name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::passed:
      return "passed";
    case Verdict::failed:
      return "failed";
    case Verdict::skipped:
      return "skipped";
  }
  return "failed";
}

Tone tone_of(Verdict verdict) {
  return verdict == Verdict::passed   ? Tone::good
         : verdict == Verdict::failed ? Tone::bad
                                      : Tone::muted;
}

std::string group_title(const std::string& group) {
  if (group == "macro") return "mean over classes";
  if (group == "pooled") return "all samples";
  return group.empty() ? "-" : group;
}

std::string outcome_text(const Gate& gate) {
  if (gate.incomplete) return "INCOMPLETE";
  return gate.count(Verdict::failed) > 0 ? "FAILED" : "PASSED";
}

std::string counts_text(const Gate& gate) {
  std::string text = std::to_string(gate.count(Verdict::passed)) + " passed, " +
                     std::to_string(gate.count(Verdict::failed)) + " failed";
  if (const int skipped = gate.count(Verdict::skipped))
    text += ", " + std::to_string(skipped) + " skipped";
  return text + ".";
}

// What was looked at: "AUROC of all samples".
std::string subject(const GateCheck& check) {
  const std::string what = check.kind == "coverage" ? "coverage" : metric_title(check.metric);
  return what + " of " + group_title(check.group);
}

Json or_null(const std::optional<double>& value) {
  return value ? Json(*value) : Json(nullptr);
}

std::string json_of(const Gate& gate) {
  Json json = {{"schema", 1},
               {"kind", "gate"},
               {"result", outcome_text(gate)},
               {"incomplete", gate.incomplete},
               {"run", {{"name", gate.run}, {"run", gate.run_id}, {"folder", gate.folder}}},
               {"baseline", nullptr},
               {"level", gate.level},
               {"passed", gate.count(Verdict::passed)},
               {"failed", gate.count(Verdict::failed)},
               {"skipped", gate.count(Verdict::skipped)},
               {"states", gate.states}};
  if (!gate.baseline.empty())
    json["baseline"] = {{"name", gate.baseline}, {"folder", gate.baseline_folder}};
  json["checks"] = Json::array();
  for (const GateCheck& check : gate.checks)
    json["checks"].push_back({{"rule", check.rule + 1},
                              {"kind", check.kind},
                              {"task", check.task},
                              {"group", check.group},
                              {"metric", check.metric},
                              {"scorer", check.scorer},
                              {"verdict", name_of(check.verdict)},
                              {"value", or_null(check.value)},
                              {"baseline", or_null(check.baseline)},
                              {"low", or_null(check.low)},
                              {"high", or_null(check.high)},
                              {"limit", check.limit},
                              {"message", check.message}});
  return without_commands(json.dump(1, ' ', true, Json::error_handler_t::replace)) + "\n";
}

// A place in XML: an attribute's value or an element's text.
std::string attribute(const char* name, const std::string& value) {
  return std::string(" ") + name + "=\"" + xml_text(value) + "\"";
}

void add_properties(std::string& xml, const Gate& gate) {
  xml += "    <properties>\n";
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty())
      xml += "      <property" + attribute("name", name) + attribute("value", value) + "/>\n";
  };
  add("run", gate.run_id);
  add("folder", gate.folder);
  add("baseline", gate.baseline);
  add("baseline folder", gate.baseline_folder);
  xml += "    </properties>\n";
}

void add_case(std::string& xml, const GateCheck& check) {
  std::string name = subject(check) + ": " + check.kind + " " + significant(check.limit);
  xml += "    <testcase" + attribute("name", name) + attribute("classname", check.task) +
         " time=\"0\"";
  if (check.verdict == Verdict::passed) {
    xml += "/>\n";
    return;
  }
  const bool failed = check.verdict == Verdict::failed;
  xml += ">\n      <" + std::string(failed ? "failure" : "skipped") +
         attribute("type", check.kind) + attribute("message", check.message) +
         "/>\n    </testcase>\n";
}

}  // namespace

Page page_of(const Gate& gate) {
  Page page{.title = "Gate " + outcome_text(gate) + ": " + gate.run};
  Section section;
  section.paragraphs = gate.states;
  std::string text = counts_text(gate);
  if (!gate.baseline.empty())
    text += " Baseline: " + gate.baseline + ". Margins hold at the bad end of the " +
            fixed(100 * gate.level, 0) + " % interval of the paired difference.";
  section.paragraphs.push_back(text);
  if (gate.incomplete)
    section.paragraphs.push_back(
        "The numbers are not final, so nothing passes; finish the run, or for a partial run say "
        "--allow_partial.");
  Table table;
  table.columns = {{.title = "Result"}, {.title = "Task"}, {.title = "Class", .may_shorten = true},
                   {.title = "Metric"}, {.title = "Rule"}, {.title = "Why", .may_shorten = true}};
  std::vector<const GateCheck*> ordered;
  for (const GateCheck& check : gate.checks) ordered.push_back(&check);
  std::stable_partition(ordered.begin(), ordered.end(),
                        [](const GateCheck* check) { return check->verdict == Verdict::failed; });
  for (const GateCheck* check : ordered)
    table.rows.push_back(
        {{.text = name_of(check->verdict), .tone = tone_of(check->verdict)},
         {.text = check->task},
         {.text = group_title(check->group)},
         {.text = check->kind == "coverage" ? "coverage" : metric_title(check->metric)},
         {.text = check->kind + " " + significant(check->limit)},
         {.text = check->message}});
  section.table = std::move(table);
  page.sections.push_back(std::move(section));
  return page;
}

Table tidy_table(const Gate& gate) {
  Table table;
  for (const char* name : {"verdict", "rule", "kind", "task", "group", "metric", "scorer", "value",
                           "baseline", "low", "high", "limit", "message"})
    table.columns.push_back({.title = name});
  const auto number = [](const std::optional<double>& value) {
    return value ? Cell{.text = fixed(*value, 6), .number = value} : Cell{};
  };
  for (const GateCheck& check : gate.checks)
    table.rows.push_back({{.text = name_of(check.verdict)},
                          {.text = std::to_string(check.rule + 1)},
                          {.text = check.kind},
                          {.text = check.task},
                          {.text = check.group},
                          {.text = check.metric},
                          {.text = check.scorer},
                          number(check.value),
                          number(check.baseline),
                          number(check.low),
                          number(check.high),
                          number(check.limit),
                          {.text = check.message}});
  return table;
}

std::string render(const Gate& gate, Format format, const RenderOptions& options) {
  if (format == Format::csv) return render(tidy_table(gate), Format::csv);
  if (format == Format::json) return json_of(gate);
  return render(page_of(gate), format, options);
}

std::string junit(const Gate& gate) {
  std::vector<std::string> tasks;
  for (const GateCheck& check : gate.checks)
    if (std::find(tasks.begin(), tasks.end(), check.task) == tasks.end())
      tasks.push_back(check.task);
  const int errors = gate.incomplete ? 1 : 0;
  const auto numbers = [](std::size_t tests, int failures, int error_count) {
    return attribute("tests", std::to_string(tests)) +
           attribute("failures", std::to_string(failures)) +
           attribute("errors", std::to_string(error_count));
  };
  std::string timestamp = gate.finished.substr(0, gate.finished.find('Z'));
  std::string xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites" +
                    attribute("name", "looktwice gate: " + gate.run) +
                    numbers(gate.checks.size() + static_cast<std::size_t>(errors),
                            gate.count(Verdict::failed), errors) +
                    " time=\"0\">\n";
  if (gate.incomplete) {
    std::string states;
    for (const std::string& state : gate.states) states += (states.empty() ? "" : "; ") + state;
    xml += "  <testsuite" + attribute("name", "complete") + numbers(1, 0, 1) +
           " time=\"0\">\n    <testcase" + attribute("name", "the run is complete") +
           attribute("classname", "complete") + " time=\"0\">\n      <error" +
           attribute("type", "incomplete") + attribute("message", states) +
           "/>\n    </testcase>\n  </testsuite>\n";
  }
  for (const std::string& task : tasks) {
    std::size_t tests = 0;
    int failures = 0, skipped = 0;
    for (const GateCheck& check : gate.checks) {
      if (check.task != task) continue;
      ++tests;
      failures += check.verdict == Verdict::failed;
      skipped += check.verdict == Verdict::skipped;
    }
    xml += "  <testsuite" + attribute("name", task) + numbers(tests, failures, 0) +
           attribute("skipped", std::to_string(skipped)) + " time=\"0\"" +
           (timestamp.empty() ? "" : attribute("timestamp", timestamp)) + ">\n";
    add_properties(xml, gate);
    for (const GateCheck& check : gate.checks)
      if (check.task == task) add_case(xml, check);
    xml += "  </testsuite>\n";
  }
  return xml + "</testsuites>\n";
}

}  // namespace looktwice::reports
