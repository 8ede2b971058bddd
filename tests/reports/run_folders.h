// Run folders on disk, as a harness leaves them, made from a list of outcomes.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "harness/core/codec.h"
#include "harness/store/frame.h"
#include "reports/run_view.h"

namespace looktwice::reports {

struct FolderOptions {
  std::string label = "run", id = "0123456789abcdef", task = "zsad.example", variant = {};
  std::string fingerprint = "3fa9c1d07e5b4a22";
  double threshold = 0.5;
};

// Writes outcomes.jsonl, summary.json (rows without values: a comparison computes its own) and
// run.json; the scorer is "official".
inline RunView write_run(const std::filesystem::path& folder, const std::vector<Outcome>& outcomes,
                         const std::vector<std::string>& metrics, const FolderOptions& options) {
  std::filesystem::create_directories(folder);
  RunView run{.folder = folder};
  const std::string full = options.task + (options.variant.empty() ? "" : ":" + options.variant);
  store::TaskSummary task{.task = full,
                          .dataset = "Example",
                          .variant = options.variant,
                          .headline = metrics.front(),
                          .fingerprint = options.fingerprint};
  std::vector<std::string> groups;
  {
    std::ofstream file(folder / "outcomes.jsonl", std::ios::binary);
    file << store::file_header("outcomes", options.id) << "\n";
    for (Outcome outcome : outcomes) {
      outcome.task = full;
      file << store::framed(json_of(outcome), options.id) << "\n";
      ++task.counts.samples;
      ++(outcome.status == Status::answered  ? task.counts.answered
         : outcome.status == Status::refused ? task.counts.refused
                                             : task.counts.failed);
      if (std::find(groups.begin(), groups.end(), outcome.category) == groups.end())
        groups.push_back(outcome.category);
    }
  }
  groups.push_back("macro");
  groups.push_back("pooled");
  run.summary = {.run = options.id, .model = "baseline", .label = options.label, .tasks = {task}};
  for (const std::string& metric : metrics)
    for (const std::string& group : groups)
      run.summary.rows.push_back({.task = full,
                                  .scorer = "official",
                                  .metric = metric,
                                  .group = group,
                                  .reason = "left to the comparison",
                                  .threshold = options.threshold});
  run.manifest = {.run = options.id,
                  .version = "0.1.0",
                  .commit = "0123abc",
                  .model = "baseline",
                  .label = options.label,
                  .options_used = {{"seed", "0"}, {"fail_on_error", "1%"}},
                  .tasks = {{.task = options.task,
                             .variant = options.variant,
                             .root = folder.parent_path() / "data",
                             .fingerprint = options.fingerprint,
                             .samples = task.counts.samples}},
                  .host = {},
                  .started = "2026-01-02T03:04:05Z",
                  .finished = "2026-01-02T03:05:06Z",
                  .complete = true};
  std::ofstream(folder / "summary.json") << store::json_of(run.summary);
  std::ofstream(folder / "run.json") << store::json_of(run.manifest);
  return run;
}

}  // namespace looktwice::reports
