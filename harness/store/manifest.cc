#include "harness/store/manifest.h"

#include "harness/store/json.h"

namespace looktwice::store {

std::string json_of(const Manifest& m) {
  Json tasks = Json::array();
  for (const TaskManifest& task : m.tasks)
    tasks.push_back({{"task", task.task},
                     {"variant", task.variant},
                     {"root", task.root.string()},
                     {"fingerprint", task.fingerprint},
                     {"references", task.references},
                     {"samples", task.samples},
                     {"warnings", task.warnings}});
  Json json = {{"schema", 1},
               {"kind", "run"},
               {"run", m.run},
               {"version", m.version},
               {"commit", m.commit},
               {"model", m.model},
               {"label", m.label},
               {"model_args_asked", m.model_args_asked},
               {"model_args_used", m.model_args_used},
               {"model_facts", m.model_facts},
               {"options_asked", m.options_asked},
               {"options_used", m.options_used},
               {"tasks", tasks},
               {"host", m.host},
               {"started", m.started},
               {"finished", m.finished},
               {"dropped_records", m.dropped_records},
               {"complete", m.complete},
               {"partial", m.partial}};
  if (!m.judges.empty()) json["judges"] = m.judges;
  if (!m.encoders.empty()) json["encoders"] = m.encoders;
  if (!m.trained_on.empty()) json["trained_on"] = m.trained_on;
  if (!m.flags.empty()) json["flags"] = m.flags;
  return pretty(json);
}

Manifest read_manifest(const std::filesystem::path& file) {
  const Json json = read_json_file(file, "run");
  const Fields fields(json, printable(file.string()));
  Manifest m;
  fields.read("run", m.run);
  fields.read("version", m.version);
  fields.read("commit", m.commit);
  fields.read("model", m.model);
  fields.read("label", m.label);
  fields.read("model_args_asked", m.model_args_asked);
  fields.read("model_args_used", m.model_args_used);
  fields.read("model_facts", m.model_facts);
  fields.read("options_asked", m.options_asked);
  fields.read("options_used", m.options_used);
  fields.each("tasks", [&](const Fields& entry) {
    TaskManifest task;
    std::string root;
    entry.read("task", task.task);
    entry.read("variant", task.variant);
    entry.read("root", root);
    task.root = root;
    entry.read("fingerprint", task.fingerprint);
    entry.read("references", task.references);
    entry.read("samples", task.samples);
    entry.read("warnings", task.warnings);
    m.tasks.push_back(std::move(task));
  });
  fields.read("host", m.host);
  fields.read("started", m.started);
  fields.read("finished", m.finished);
  fields.read("dropped_records", m.dropped_records);
  fields.read("complete", m.complete);
  fields.read("partial", m.partial);
  if (fields.has("judges")) fields.read("judges", m.judges);
  if (fields.has("encoders")) fields.read("encoders", m.encoders);
  if (fields.has("trained_on")) fields.read("trained_on", m.trained_on);
  if (fields.has("flags")) fields.read("flags", m.flags);
  return m;
}

}  // namespace looktwice::store
