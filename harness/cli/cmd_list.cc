// looktwice list: what this build has.
#include <nlohmann/json.hpp>

#include "adapters/catalogue.h"
#include "harness/cli/command.h"
#include "harness/cli/formats.h"
#include "harness/cli/print.h"
#include "harness/core/error.h"
#include "harness/core/text.h"
#include "metrics/catalogue.h"
#include "metrics/measure.h"
#include "reports/table.h"
#include "suites/catalogue.h"
#include "suites/datasets/catalogue.h"

namespace looktwice::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

Json models() {
  Json list = Json::array();
  for (const AdapterEntry& entry : adapters::adapter_catalogue()) {
    Json options = Json::array();
    for (const OptionInfo& option : entry.options)
      options.push_back({{"name", option.name},
                         {"type", option.type},
                         {"default", option.default_value},
                         {"help", option.help}});
    list.push_back({{"name", entry.name}, {"summary", entry.summary}, {"options", options}});
  }
  return list;
}

Json tasks() {
  Json list = Json::array();
  for (const SuiteEntry& suite : suites::suite_catalogue())
    for (const TaskInfo& task : suite.tasks)
      list.push_back({{"name", task.name},
                      {"summary", task.summary},
                      {"suite", suite.name},
                      {"variants", task.variants},
                      {"modifiers", task.modifiers}});
  return list;
}

Json data_sets() {
  Json list = Json::array();
  for (const DatasetEntry& entry : datasets::dataset_catalogue())
    list.push_back({{"name", entry.name},
                    {"title", entry.title},
                    {"summary", entry.summary},
                    {"masks", entry.has_masks},
                    {"variants", entry.variants}});
  return list;
}

Json metric_values() {
  Json list = Json::array();
  for (const metrics::MetricEntry& family : metrics::metric_catalogue())
    for (const metrics::ValueInfo& info : family.gives)
      list.push_back({{"name", info.name},
                      {"summary", info.summary},
                      {"family", family.name},
                      {"pixel", family.pixel},
                      {"higher_is_better", info.higher_is_better}});
  for (const metrics::Measure& measure : metrics::measure_catalogue())
    list.push_back({{"name", measure.name},
                    {"summary", "of answers: " + measure.summary},
                    {"family", "answers"},
                    {"pixel", false},
                    {"higher_is_better", true}});
  return list;
}

// The catalogue is our own text, but a variant or summary may hold what Markdown or a terminal
// would read: render() escapes.
reports::Table table_of(const std::string& title, const Json& list) {
  reports::Table table{
      .title = title,
      .columns = {
          {.title = "name"}, {.title = "variants"}, {.title = "what", .may_shorten = true}}};
  bool has_variants = false;
  for (const Json& entry : list)
    has_variants = has_variants || (entry.contains("variants") && !entry["variants"].empty());
  if (!has_variants) table.columns.erase(table.columns.begin() + 1);
  for (const Json& entry : list) {
    std::vector<reports::Cell> row{
        {.text = entry["name"].get<std::string>(), .tone = reports::Tone::strong}};
    if (has_variants)
      row.push_back({.text = joined(entry.value("variants", std::vector<std::string>{}))});
    row.push_back(
        {.text = (entry.contains("title") ? entry["title"].get<std::string>() + ": " : "") +
                 entry["summary"].get<std::string>()});
    table.rows.push_back(std::move(row));
    for (const Json& option : entry.value("options", Json::array())) {
      std::string text =
          option["help"].get<std::string>() + " [" + option["type"].get<std::string>();
      if (!option["default"].get<std::string>().empty())
        text += ", " + option["default"].get<std::string>();
      table.rows.push_back({{.text = "  " + option["name"].get<std::string>()},
                            {.text = text + "]", .tone = reports::Tone::muted}});
    }
  }
  return table;
}

int list(const std::string& what, bool json, const Context& context) {
  const std::vector<std::pair<std::string, Json (*)()>> parts = {
      {"models", models}, {"tasks", tasks}, {"datasets", data_sets}, {"metrics", metric_values}};
  Json all;
  std::vector<std::string> names;
  std::string text;
  for (const auto& [name, part] : parts) {
    names.push_back(name);
    if (!what.empty() && what != name) continue;
    all[name] = part();
    text += reports::render(table_of(name, all[name]), reports::Format::terminal,
                            render_options(context.terminal)) +
            "\n";
  }
  if (all.empty()) {
    const std::string near = nearest(what, names);
    throw Error(Kind::usage, "list: no '" + printable(what, 40) + "'" +
                                 (near.empty() ? "; expected " + joined(names)
                                               : "; did you mean '" + near + "'?"));
  }
  print(json ? all.dump(1) + "\n" : text);
  return 0;
}

}  // namespace

void add_list(Command& program, Context& context) {
  Command command = program.add("list", "models, tasks, data sets and metrics of this build");
  auto what = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(false);
  command.word("what", *what, "models, tasks, datasets or metrics; default: all")
      .flag("json", *json, "as JSON");
  command.action([=, &context] { return list(*what, *json, context); });
}

}  // namespace looktwice::cli
