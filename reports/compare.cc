#include "reports/compare.h"

#include <algorithm>
#include <map>
#include <set>

#include "harness/core/error.h"
#include "harness/core/options.h"
#include "harness/core/text.h"
#include "metrics/stats/holm.h"
#include "reports/compare_tests.h"
#include "reports/paired_outcomes.h"

namespace looktwice::reports {
namespace {

// Alike names are told apart by the run id, or by their place.
std::vector<std::string> distinct_names(std::span<const RunView> runs) {
  std::map<std::string, int> times;
  for (const RunView& run : runs) ++times[model_name(run)];
  std::vector<std::string> names;
  for (const RunView& run : runs) {
    std::string name = model_name(run);
    if (times[name] > 1) name += " (" + run.manifest.run.substr(0, 8) + ")";
    for (int n = 2; std::find(names.begin(), names.end(), name) != names.end(); ++n)
      name =
          model_name(run) + " (" + run.manifest.run.substr(0, 8) + ", " + std::to_string(n) + ")";
    names.push_back(std::move(name));
  }
  return names;
}

// What decides the numbers of a run, by name.
std::map<std::string, std::string> settings_of(const RunView& run) {
  const store::Manifest& m = run.manifest;
  std::map<std::string, std::string> all{
      {"model", m.model}, {"version", m.version}, {"commit", m.commit}};
  for (const auto& [name, value] : m.model_args_used) all["model_args." + name] = value;
  for (const auto& [name, value] : m.model_facts) all["model." + name] = value;
  for (const auto& [name, value] : m.options_used) all["--" + name] = value;
  for (const store::TaskManifest& task : m.tasks) {
    const std::string name = task.task + (task.variant.empty() ? "" : ":" + task.variant);
    all[name + " data"] = task.fingerprint;
    all[name + " references"] = task.references;
    all[name + " samples"] = std::to_string(task.samples);
  }
  return all;
}

std::vector<Comparison::Setting> different_settings(std::span<const RunView> runs) {
  std::vector<std::map<std::string, std::string>> all;
  std::set<std::string> names;
  for (const RunView& run : runs) {
    all.push_back(settings_of(run));
    for (const auto& [name, value] : all.back()) names.insert(name);
  }
  std::vector<Comparison::Setting> different;
  for (const std::string& name : names) {
    Comparison::Setting setting{.name = name};
    for (const auto& one : all) {
      const auto found = one.find(name);
      setting.values.push_back(found == one.end() ? "" : found->second);
    }
    if (std::any_of(setting.values.begin(), setting.values.end(),
                    [&](const std::string& value) { return value != setting.values.front(); }))
      different.push_back(std::move(setting));
  }
  return different;
}

bool has_pixel_rows(const RunView& run) {
  return std::any_of(run.summary.rows.begin(), run.summary.rows.end(),
                     [](const store::Row& row) { return row.value && is_of_pixels(row.metric); });
}

// Pixel values at another size, blur or limit are other metrics.
void refuse_other_scoring(const RunView& first, const RunView& other) {
  if (!has_pixel_rows(first) || !has_pixel_rows(other)) return;
  for (const char* name : {"map_side", "map_sigma", "fpr_limit"}) {
    const auto value = [&](const RunView& run) {
      const auto found = run.manifest.options_used.find(name);
      return found == run.manifest.options_used.end() ? std::string("?") : found->second;
    };
    if (value(first) != value(other))
      throw Error(Kind::data,
                  printable(first.folder.string()) + " and " + printable(other.folder.string()) +
                      " were scored differently: --" + name + "=" + printable(value(first), 40) +
                      " and " + printable(value(other), 40) +
                      "; `looktwice score` does one of them again");
  }
}

// Names that no metric has are a mistake, not an empty table.
void refuse_unknown_metrics(std::span<const RunView> runs,
                            const std::vector<std::string>& metrics) {
  std::vector<std::string> known;
  for (const RunView& run : runs)
    for (const store::Row& row : run.summary.rows)
      if (std::find(known.begin(), known.end(), row.metric) == known.end())
        known.push_back(row.metric);
  for (const std::string& glob : metrics) {
    if (std::any_of(known.begin(), known.end(),
                    [&](const std::string& name) { return takes({glob}, name); }))
      continue;
    const std::string near = nearest(glob, known);
    throw Error(Kind::usage, "no metric '" + printable(glob, 80) + "' in these runs" +
                                 (near.empty() ? "" : "; did you mean '" + near + "'?"));
  }
}

void adjust(std::vector<Comparison::Row>& rows) {
  std::vector<double> p_values;
  for (const Comparison::Row& row : rows)
    if (row.p_value) p_values.push_back(*row.p_value);
  const std::vector<double> adjusted = metrics::holm(p_values);
  auto next = adjusted.begin();
  for (Comparison::Row& row : rows)
    if (row.p_value) row.adjusted = *next++;
}

}  // namespace

Comparison compare(std::span<const RunView> runs, const CompareOptions& options) {
  if (runs.size() < 2) throw Error(Kind::usage, "compare needs at least two runs");
  refuse_unknown_metrics(runs, options.metrics);
  Comparison comparison{.level = options.level};
  const std::vector<std::string> names = distinct_names(runs);
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const RunState state = state_of(runs[i]);
    comparison.runs.push_back({.name = names[i],
                               .id = runs[i].manifest.run,
                               .folder = runs[i].folder.string(),
                               .state = state.text,
                               .incomplete = state.incomplete,
                               .partial = state.partial});
  }
  std::int64_t compared = 0;
  for (std::size_t i = 1; i < runs.size(); ++i) {
    refuse_other_scoring(runs[0], runs[i]);
    for (const PairedTask& task :
         paired_tasks(runs[0], runs[i], options.tasks, options.intersect)) {
      TaskTests tests = task_tests(task, runs[0], runs[i], options);
      tests.counts.other = tests.flips.other = i;
      compared += tests.counts.compared;
      for (Comparison::Row& row : tests.rows) {
        row.other = i;
        comparison.rows.push_back(std::move(row));
      }
      if (!task.only_first.empty() || !task.only_second.empty())
        tests.notes.push_back(task.name + ": " + comparison.runs[0].name + " and " + names[i] +
                              " hold different samples; compared are those that both have. The "
                              "truths agree; whether the pictures do is not known, since a "
                              "fingerprint is of a whole set.");
      comparison.counts.push_back(std::move(tests.counts));
      comparison.flips.push_back(std::move(tests.flips));
      for (std::string& note : tests.notes)
        if (std::find(comparison.notes.begin(), comparison.notes.end(), note) ==
            comparison.notes.end())
          comparison.notes.push_back(std::move(note));
    }
    if (runs[i].manifest.run == runs[0].manifest.run && !runs[0].manifest.run.empty())
      comparison.notes.push_back(names[i] + " has the run id of " + names[0] +
                                 ": the same configuration, so the same answers are expected.");
  }
  if (compared == 0)
    throw Error(Kind::model, "there is no sample that both runs answered and could be scored on");
  adjust(comparison.rows);
  comparison.settings = different_settings(runs);
  return comparison;
}

}  // namespace looktwice::reports
