#include "harness/store/summary.h"

#include "harness/store/json.h"

namespace looktwice::store {
namespace {

template <class Type>
Json or_null(const std::optional<Type>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json json_of(const Row& row) {
  Json json = {{"task", row.task},
               {"scorer", row.scorer},
               {"metric", row.metric},
               {"group", row.group},
               {"value", or_null(row.value)}};
  if (!row.value) json["reason"] = row.reason;
  if (row.interval)
    json["interval"] = {{"low", row.interval->low},
                        {"high", row.interval->high},
                        {"level", row.interval->level},
                        {"method", row.interval->method}};
  else if (!row.no_interval.empty())
    json["no_interval"] = row.no_interval;
  if (row.threshold) json["threshold"] = *row.threshold;
  json["used"] = row.used;
  json["skipped"] = row.skipped;
  json["higher_is_better"] = row.higher_is_better;
  return json;
}

Row row_of(const Fields& fields) {
  Row row;
  fields.read("task", row.task);
  fields.read("scorer", row.scorer);
  fields.read("metric", row.metric);
  fields.read("group", row.group);
  fields.read("value", row.value);
  if (!row.value) fields.read("reason", row.reason);
  if (fields.has("interval")) {
    const Fields interval = fields.object("interval");
    row.interval.emplace();
    interval.read("low", row.interval->low);
    interval.read("high", row.interval->high);
    interval.read("level", row.interval->level);
    interval.read("method", row.interval->method);
  }
  if (fields.has("no_interval")) fields.read("no_interval", row.no_interval);
  fields.read("threshold", row.threshold);
  fields.read("used", row.used);
  fields.read("skipped", row.skipped);
  fields.read("higher_is_better", row.higher_is_better);
  return row;
}

Json json_of(const TaskSummary& task) {
  const Counts& n = task.counts;
  Json json = {{"task", task.task},
               {"dataset", task.dataset},
               {"variant", task.variant},
               {"headline", task.headline},
               {"published", task.published},
               {"fingerprint", task.fingerprint},
               {"partial", task.partial},
               {"limited", task.limited},
               {"counts",
                {{"samples", n.samples},
                 {"answered", n.answered},
                 {"refused", n.refused},
                 {"failed", n.failed},
                 {"missing", n.missing},
                 {"unscored", n.unscored}}},
               {"disagreements", task.disagreements}};
  if (!task.columns.empty()) json["columns"] = task.columns;
  if (!task.published_columns.empty()) json["published_columns"] = task.published_columns;
  return json;
}

TaskSummary task_of(const Fields& fields) {
  TaskSummary task;
  fields.read("task", task.task);
  fields.read("dataset", task.dataset);
  fields.read("variant", task.variant);
  fields.read("headline", task.headline);
  fields.read("published", task.published);
  fields.read("fingerprint", task.fingerprint);
  fields.read("partial", task.partial);
  fields.read("limited", task.limited);
  const Fields counts = fields.object("counts");
  counts.read("samples", task.counts.samples);
  counts.read("answered", task.counts.answered);
  counts.read("refused", task.counts.refused);
  counts.read("failed", task.counts.failed);
  counts.read("missing", task.counts.missing);
  counts.read("unscored", task.counts.unscored);
  fields.read("disagreements", task.disagreements);
  if (fields.has("columns")) fields.read("columns", task.columns);
  if (fields.has("published_columns")) fields.read("published_columns", task.published_columns);
  return task;
}

}  // namespace

std::string json_of(const Summary& summary) {
  Json json = {{"schema", 1},
               {"kind", "summary"},
               {"run", summary.run},
               {"model", summary.model},
               {"label", summary.label},
               {"tasks", Json::array()},
               {"rows", Json::array()}};
  if (!summary.flags.empty()) json["flags"] = summary.flags;
  for (const TaskSummary& task : summary.tasks) json["tasks"].push_back(json_of(task));
  for (const Row& row : summary.rows) json["rows"].push_back(json_of(row));
  return pretty(json);
}

Summary read_summary(const std::filesystem::path& file) {
  const Json json = read_json_file(file, "summary");
  const Fields fields(json, printable(file.string()));
  Summary summary;
  fields.read("run", summary.run);
  fields.read("model", summary.model);
  fields.read("label", summary.label);
  if (fields.has("flags")) fields.read("flags", summary.flags);
  fields.each("tasks", [&](const Fields& task) { summary.tasks.push_back(task_of(task)); });
  fields.each("rows", [&](const Fields& row) { summary.rows.push_back(row_of(row)); });
  return summary;
}

}  // namespace looktwice::store
