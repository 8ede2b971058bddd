#include "reports/report.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>

#include "reports/escape.h"
#include "reports/headline.h"
#include "reports/metric_names.h"
#include "reports/published.h"
#include "reports/training.h"

namespace looktwice::reports {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMetricsPerTable = 5;

bool same_value(const store::Row& a, const store::Row& b) {
  return a.value == b.value && a.used == b.used && a.threshold == b.threshold;
}

const store::Row* row_at(const store::Summary& summary, const std::string& task,
                         const std::string& scorer, const std::string& metric,
                         const std::string& group) {
  for (const store::Row& row : summary.rows)
    if (row.task == task && row.scorer == scorer && row.metric == metric && row.group == group)
      return &row;
  return nullptr;
}

// The distinct texts of one field of a task's rows, in their order of appearance.
template <class Field>
std::vector<std::string> distinct(const store::Summary& summary, const std::string& task,
                                  Field field) {
  std::vector<std::string> texts;
  for (const store::Row& row : summary.rows)
    if (row.task == task && std::find(texts.begin(), texts.end(), field(row)) == texts.end())
      texts.push_back(field(row));
  return texts;
}

std::vector<std::string> scorers_of(const store::Summary& summary, const std::string& task) {
  auto scorers = distinct(summary, task, [](const store::Row& row) { return row.scorer; });
  std::stable_partition(scorers.begin(), scorers.end(),
                        [](const std::string& scorer) { return scorer == "official"; });
  return scorers;
}

// The headline first.
std::vector<std::string> metrics_of(const store::Summary& summary, const store::TaskSummary& task) {
  auto metrics = distinct(summary, task.task, [](const store::Row& row) { return row.metric; });
  std::stable_partition(metrics.begin(), metrics.end(),
                        [&](const std::string& metric) { return metric == task.headline; });
  return metrics;
}

// Categories, then what is over them.
std::vector<std::string> groups_of(const store::Summary& summary, const std::string& task) {
  auto groups = distinct(summary, task, [](const store::Row& row) { return row.group; });
  std::stable_partition(groups.begin(), groups.end(), [](const std::string& group) {
    return group != "macro" && group != "pooled";
  });
  return groups;
}

std::string group_title(const std::string& group) {
  if (group == "macro") return "mean over categories";
  if (group == "pooled") return "all samples together";
  return group.empty() ? "-" : group;
}

Cell value_cell(const store::Row* row) {
  if (!row) return {.text = "-", .tone = Tone::muted};
  if (!row->value) return {.text = "-", .tone = Tone::muted, .note = row->reason};
  const int digits = printed_digits(metric_unit(row->metric));
  Cell cell{.text = fixed(printed_value(row->metric, *row->value), digits), .number = row->value};
  if (row->interval)
    cell.aside = fixed(printed_value(row->metric, row->interval->low), digits) + "–" +
                 fixed(printed_value(row->metric, row->interval->high), digits);
  return cell;
}

// Do all scorers say the same about these groups?
bool scorers_agree(const store::Summary& summary, const std::string& task,
                   const std::vector<std::string>& scorers, const std::string& metric,
                   const std::vector<std::string>& groups) {
  for (const std::string& group : groups) {
    const store::Row* first = row_at(summary, task, scorers.front(), metric, group);
    for (const std::string& scorer : scorers) {
      const store::Row* row = row_at(summary, task, scorer, metric, group);
      if (row && first && !same_value(*row, *first)) return false;
      if (row && !first) return false;
    }
  }
  return true;
}

std::string metric_head(const std::string& metric) {
  return metric_title(metric) + (metric_unit(metric) == Unit::percent ? ", %" : "");
}

// One category only: a line per metric.
Table table_by_metric(const store::Summary& summary, const store::TaskSummary& task) {
  const std::vector<std::string> scorers = scorers_of(summary, task.task);
  const std::vector<std::string> groups = groups_of(summary, task.task);
  const bool has_pooled = std::find(groups.begin(), groups.end(), "pooled") != groups.end();
  const std::string group = has_pooled ? "pooled" : groups.front();
  Table table;
  table.columns = {{.title = "Metric"},
                   {.title = "Value", .align = Align::right},
                   {.title = "At score", .align = Align::right},
                   {.title = "n", .align = Align::right},
                   {.title = "Scorer"}};
  const auto add = [&](const store::Row& row, const std::string& scorer) {
    table.rows.push_back({{.text = metric_head(row.metric)},
                          value_cell(&row),
                          {.text = row.threshold ? significant(*row.threshold) : ""},
                          {.text = std::to_string(row.used)},
                          {.text = scorer, .tone = Tone::muted}});
    if (row.metric == task.headline) table.rows.back()[1].tone = Tone::strong;
  };
  std::map<std::string, std::string> without_value;  // reason -> metrics
  for (const std::string& metric : metrics_of(summary, task)) {
    const bool agree = scorers_agree(summary, task.task, scorers, metric, {group});
    std::string names;
    const store::Row* first = nullptr;
    for (const std::string& scorer : scorers) {
      const store::Row* row = row_at(summary, task.task, scorer, metric, group);
      if (!row) continue;
      if (!agree) add(*row, scorer);
      if (!first) first = row;
      names += (names.empty() ? "" : ", ") + scorer;
    }
    if (!agree || !first) continue;
    if (first->value || metric == task.headline) {
      add(*first, names);
    } else {
      std::string& metrics = without_value[first->reason];
      metrics += (metrics.empty() ? "" : ", ") + metric_title(metric);
    }
  }
  for (const auto& [reason, metrics] : without_value)
    table.footnotes.push_back("No value: " + metrics + " (" + reason + ").");
  return table;
}

// Several categories: a line per category and some metrics a table.
std::vector<Section> tables_by_category(const store::Summary& summary,
                                        const store::TaskSummary& task) {
  const std::vector<std::string> scorers = scorers_of(summary, task.task);
  const std::vector<std::string> groups = groups_of(summary, task.task);
  struct Shown {
    std::string metric = {}, scorer = {}, title = {};
  };
  std::vector<Shown> shown;
  for (const std::string& metric : metrics_of(summary, task)) {
    const bool agree = scorers_agree(summary, task.task, scorers, metric, groups);
    for (const std::string& scorer : scorers) {
      const bool has =
          std::any_of(summary.rows.begin(), summary.rows.end(), [&](const store::Row& row) {
            return row.task == task.task && row.metric == metric && row.scorer == scorer;
          });
      if (!has) continue;
      shown.push_back({metric, scorer, metric_head(metric) + (agree ? "" : " (" + scorer + ")")});
      if (agree) break;
    }
  }
  std::vector<Section> sections;
  for (std::size_t from = 0; from < shown.size(); from += kMetricsPerTable) {
    const std::size_t to = std::min(from + kMetricsPerTable, shown.size());
    Table table;
    table.columns = {{.title = "Category", .may_shorten = true}};
    for (std::size_t i = from; i < to; ++i)
      table.columns.push_back({.title = shown[i].title, .align = Align::right});
    table.columns.push_back({.title = "n", .align = Align::right});
    for (const std::string& group : groups) {
      std::vector<Cell> cells = {{.text = group_title(group)}};
      for (std::size_t i = from; i < to; ++i)
        cells.push_back(
            value_cell(row_at(summary, task.task, shown[i].scorer, shown[i].metric, group)));
      const store::Row* first =
          row_at(summary, task.task, shown[from].scorer, shown[from].metric, group);
      cells.push_back({.text = first ? std::to_string(samples_used(summary, *first)) : "-"});
      if (group == "macro" || group == "pooled") cells.front().tone = Tone::strong;
      table.rows.push_back(std::move(cells));
    }
    sections.push_back({.table = std::move(table)});
  }
  return sections;
}

Section list_section(const std::string& title, const std::vector<ListedSample>& samples,
                     std::int64_t all) {
  Section section{.title = title + ": " + std::to_string(all)};
  const auto more = all - static_cast<std::int64_t>(samples.size());
  if (samples.empty()) {
    section.paragraphs = {"outcomes.jsonl names them."};
    return section;
  }
  Table table;
  table.columns = {{.title = "Sample", .may_shorten = true},
                   {.title = "Category", .may_shorten = true},
                   {.title = "Why", .may_shorten = true}};
  for (const ListedSample& sample : samples)
    table.rows.push_back({{.text = sample.id}, {.text = sample.category}, {.text = sample.why}});
  if (more > 0)
    table.footnotes = {"And " + std::to_string(more) + " more; outcomes.jsonl has them all."};
  section.table = std::move(table);
  return section;
}

std::int64_t most_unscored(const store::Counts& counts) {
  std::int64_t most = 0;
  for (const auto& [scorer, count] : counts.unscored) most = std::max(most, count);
  return most;
}

std::string published_text(const store::TaskSummary& task) {
  if (task.published.empty()) return {};
  const auto named = task.published_columns.find(task.headline);
  const std::string& name = named == task.published_columns.end() ? task.dataset : named->second;
  const auto column = published_column(task.published, name, task.headline);
  if (!column) return {};
  const PublishedValue *low = nullptr, *high = nullptr;
  for (const PublishedValue& value : column->values) {
    if (!value.value) continue;
    if (!low || *value.value < *low->value) low = &value;
    if (!high || *value.value > *high->value) high = &value;
  }
  if (!low) return {};
  return "Published: " + fixed(low->value, column->digits) + " (" + low->method + ") to " +
         fixed(high->value, column->digits) + " (" + high->method + "); " + column->source + ".";
}

void add_sections(std::vector<Section>& sections, std::vector<Section> more) {
  for (Section& section : more) sections.push_back(std::move(section));
}

Json samples_json(const std::vector<ListedSample>& samples) {
  Json list = Json::array();
  for (const ListedSample& sample : samples)
    list.push_back({{"sample", sample.id}, {"category", sample.category}, {"why", sample.why}});
  return list;
}

std::string json_of(const RunReport& report) {
  Json json = {{"schema", 1}, {"kind", "report"}};
  json["summary"] = Json::parse(store::json_of(report.run.summary));
  json["manifest"] = Json::parse(store::json_of(report.run.manifest));
  json["folder"] = report.run.folder.string();
  json["command"] = command_of(report.run.manifest);
  json["samples"] = Json::array();
  for (const TaskScan& task : report.scan.tasks) {
    Json confusions = Json::array();
    for (const Confusion& c : task.confusions)
      confusions.push_back({{"scorer", c.scorer},
                            {"true_positive", c.true_positive},
                            {"false_positive", c.false_positive},
                            {"true_negative", c.true_negative},
                            {"false_negative", c.false_negative}});
    json["samples"].push_back({{"task", task.task},
                               {"failed", samples_json(task.failed)},
                               {"refused", samples_json(task.refused)},
                               {"unscored", samples_json(task.unscored)},
                               {"confusions", confusions}});
  }
  return without_commands(
             json.dump(1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace)) +
         "\n";
}

}  // namespace

RunReport report(const RunView& run, int listed) {
  return {run, scan_outcomes(run, {.listed = listed, .worst = 0})};
}

std::string headline_text(const store::Summary& summary, const store::TaskSummary& task) {
  const std::vector<std::string> scorers = scorers_of(summary, task.task);
  std::string text;
  for (const std::string& scorer : scorers) {
    const store::Row* row = headline_row(summary, task, scorer);
    if (!row) continue;
    const store::Row* first = headline_row(summary, task, scorers.front());
    if (row != first && first && same_value(*row, *first)) {
      text += "; " + scorer + ": the same";
      continue;
    }
    const Cell cell = value_cell(row);
    text +=
        (text.empty() ? "" : "; ") + scorer + ": " + metric_title(row->metric) + " " + cell.text;
    if (!row->value) text += " (" + row->reason + ")";
    if (row->value && metric_unit(row->metric) == Unit::percent) text += " %";
    if (row->interval)
      text += " (" + cell.aside + ", " + fixed(100 * row->interval->level, 0) + " % " +
              interval_title(row->interval->method) + ")";
    if (row->group == "macro")
      text +=
          ", mean over " + std::to_string(categories_in(summary, *row).with_value) + " categories";
  }
  return text.empty() ? "no value of " + metric_title(task.headline) : text;
}

std::string counts_text(const store::TaskSummary& task) {
  const store::Counts& n = task.counts;
  std::string text = std::to_string(n.samples) + " samples: " + std::to_string(n.answered) +
                     " answered, " + std::to_string(n.refused) + " refused, " +
                     std::to_string(n.failed) + " failed, " + std::to_string(n.missing) +
                     " not asked yet; unscored";
  if (n.unscored.empty()) text += " 0";
  for (const auto& [scorer, count] : n.unscored)
    text += (scorer == n.unscored.begin()->first ? " " : ", ") + std::to_string(count) + " (" +
            scorer + ")";
  return text;
}

std::vector<Section> metric_sections(const store::Summary& summary,
                                     const store::TaskSummary& task) {
  const std::vector<std::string> groups = groups_of(summary, task.task);
  if (groups.empty()) return {};
  const auto categories = std::count_if(groups.begin(), groups.end(), [](const std::string& group) {
    return group != "macro" && group != "pooled";
  });
  if (categories > 1) return tables_by_category(summary, task);
  return {Section{.table = table_by_metric(summary, task)}};
}

std::vector<Section> sample_sections(const store::TaskSummary& task, const TaskScan& scan,
                                     int listed) {
  std::vector<Section> sections;
  const store::Counts& n = task.counts;
  if (n.failed + n.missing > 0)
    sections.push_back(list_section("Failed or not asked yet", scan.failed, n.failed + n.missing));
  if (n.refused > 0) sections.push_back(list_section("Refused", scan.refused, n.refused));
  if (most_unscored(n) > 0)
    sections.push_back(
        list_section("Answered without an answer in it", scan.unscored, most_unscored(n)));
  if (!task.disagreements.empty()) {
    Section section{.title = "Read differently by the scorers: " +
                             std::to_string(task.disagreements.size())};
    Table table{.columns = {{.title = "Sample", .may_shorten = true}}};
    const std::size_t shown = std::min(task.disagreements.size(), static_cast<std::size_t>(listed));
    for (std::size_t i = 0; i < shown; ++i) table.rows.push_back({{.text = task.disagreements[i]}});
    if (shown < task.disagreements.size())
      table.footnotes = {"And " + std::to_string(task.disagreements.size() - shown) +
                         " more; summary.json has them all."};
    section.table = std::move(table);
    sections.push_back(std::move(section));
  }
  return sections;
}

std::string command_of(const store::Manifest& manifest) {
  // Words of the command line, under their number.
  std::map<int, std::string> words;
  for (const auto& [name, word] : manifest.options_asked) {
    int place = 0;
    const auto read = std::from_chars(name.data(), name.data() + name.size(), place);
    if (read.ec != std::errc() || read.ptr != name.data() + name.size()) return {};
    words[place] = word;
  }
  if (words.empty()) return {};
  std::string command = "looktwice";
  for (const auto& [place, word] : words) command += " " + shell_word(word);
  return command;
}

Section environment_section(const RunView& run) {
  const store::Manifest& m = run.manifest;
  Section section{.title = "How it came about", .command = command_of(m)};
  Table table{.columns = {{.title = "What"}, {.title = "Value"}}};
  const auto add = [&](const std::string& what, const std::string& value) {
    if (!value.empty())
      table.rows.push_back({{.text = what, .tone = Tone::muted}, {.text = value}});
  };
  add("run", m.run);
  add("folder", run.folder.string());
  add("LookTwice", m.version + (m.commit.empty() ? "" : " (" + m.commit + ")"));
  add("started", m.started);
  add("finished", m.finished.empty() ? "not yet" : m.finished);
  add("model", m.model);
  for (const auto& [name, value] : m.model_args_used) add("model: " + name, value);
  for (const auto& [name, value] : m.model_facts) add("model: " + name, value);
  for (const auto& [name, value] : m.options_used) add("--" + name, value);
  for (const store::TaskManifest& task : m.tasks) {
    const std::string name = task.task + (task.variant.empty() ? "" : ":" + task.variant);
    add(name + ": folder", task.root.string());
    add(name + ": data", task.fingerprint);
    for (const std::string& warning : task.warnings) add(name + ": warning", warning);
  }
  for (const auto& [name, value] : m.host) add(name, value);
  if (m.dropped_records > 0) add("damaged records redone", std::to_string(m.dropped_records));
  section.table = std::move(table);
  return section;
}

Page page_of(const RunReport& report) {
  const RunView& run = report.run;
  Page page{.title = model_name(run)};
  if (run.manifest.partial) page.title += " (PARTIAL)";
  for (std::size_t i = 0; i < run.summary.tasks.size(); ++i) {
    const store::TaskSummary& task = run.summary.tasks[i];
    Section head{.title = task.task};
    if (!task.variant.empty() && task.task.find(':') == std::string::npos)
      head.title += " (" + task.variant + ")";
    head.paragraphs = {headline_text(run.summary, task) + ".", counts_text(task) + "."};
    if (task.partial)
      head.paragraphs.push_back("PARTIAL: " + task.limited + ". Not for a leaderboard.");
    for (const std::string& flag : run.summary.flags)
      head.paragraphs.push_back("FLAG: " + flag + ".");
    if (const std::string seen = training_note(run.manifest, task.dataset); !seen.empty())
      head.paragraphs.push_back("TRAINING: " + seen);
    if (const std::string text = published_text(task); !text.empty())
      head.paragraphs.push_back(text);
    std::vector<Section> metrics = metric_sections(run.summary, task);
    if (!metrics.empty()) {
      head.table = std::move(metrics.front().table);
      metrics.erase(metrics.begin());
    }
    page.sections.push_back(std::move(head));
    add_sections(page.sections, std::move(metrics));
    add_sections(page.sections, sample_sections(task, report.scan.tasks[i], 20));
  }
  page.sections.push_back(environment_section(run));
  return page;
}

Table tidy_table(const RunReport& report) {
  Table table;
  for (const char* name :
       {"run",     "model",    "task",      "dataset", "variant", "fingerprint", "partial",
        "scorer",  "metric",   "group",     "value",   "reason",  "low",         "high",
        "level",   "interval", "threshold", "used",    "skipped", "samples",     "answered",
        "refused", "failed",   "missing",   "unscored"})
    table.columns.push_back({.title = name});
  const auto number = [](const std::optional<double>& value) {
    return value ? Cell{.text = fixed(*value, 6), .number = value} : Cell{};
  };
  const auto count = [](std::int64_t value) { return Cell{.text = std::to_string(value)}; };
  const store::Summary& summary = report.run.summary;
  for (const store::TaskSummary& task : summary.tasks) {
    const store::Counts& n = task.counts;
    for (const store::Row& row : summary.rows) {
      if (row.task != task.task) continue;
      const auto& range = row.interval;
      const auto unscored = n.unscored.find(row.scorer);
      table.rows.push_back({{.text = summary.run},
                            {.text = model_name(report.run)},
                            {.text = task.task},
                            {.text = task.dataset},
                            {.text = task.variant},
                            {.text = task.fingerprint},
                            {.text = task.partial ? "yes" : "no"},
                            {.text = row.scorer},
                            {.text = row.metric},
                            {.text = row.group},
                            number(row.value),
                            {.text = row.value ? "" : row.reason},
                            range ? number(range->low) : Cell{},
                            range ? number(range->high) : Cell{},
                            range ? number(range->level) : Cell{},
                            {.text = range ? range->method : ""},
                            number(row.threshold),
                            count(row.used),
                            count(row.skipped),
                            count(n.samples),
                            count(n.answered),
                            count(n.refused),
                            count(n.failed),
                            count(n.missing),
                            count(unscored == n.unscored.end() ? 0 : unscored->second)});
    }
  }
  return table;
}

std::string render(const RunReport& report, Format format, const RenderOptions& options) {
  if (format == Format::csv) return render(tidy_table(report), Format::csv);
  if (format == Format::json) return json_of(report);
  return render(page_of(report), format, options);
}

}  // namespace looktwice::reports
