// Runs as a harness would leave them, made in memory.
#pragma once

#include <string>
#include <vector>

#include "reports/run_view.h"

namespace looktwice::reports {

inline store::TaskSummary elpv_task() {
  store::TaskSummary task{.task = "zsad.elpv",
                          .dataset = "ELPV",
                          .variant = "inctrl",
                          .headline = "auroc",
                          .published = "anomaly_ov_table2",
                          .fingerprint = "3fa9c1d07e5b4a2290aa"};
  task.counts = {.samples = 1092,
                 .answered = 1090,
                 .refused = 0,
                 .failed = 2,
                 .missing = 0,
                 .unscored = {{"official", 1}, {"corrected", 1}}};
  return task;
}

inline store::TaskSummary headct_task() {
  store::TaskSummary task{.task = "zsad.headct",
                          .dataset = "HeadCT",
                          .variant = "all",
                          .headline = "auroc",
                          .published = "anomaly_ov_table2",
                          .fingerprint = "88d1e0aa00112233"};
  task.counts = {.samples = 200, .answered = 200, .unscored = {}};
  return task;
}

// A complete run of these tasks; every scorer reports `auroc` over its only category.
inline RunView example_run(const std::string& label, const std::string& id,
                           const std::vector<store::TaskSummary>& tasks, double auroc) {
  RunView run;
  run.folder = "runs/" + label;
  run.summary = {.run = id, .model = "baseline", .label = label, .tasks = tasks};
  for (const store::TaskSummary& task : tasks) {
    for (const char* scorer : {"official", "corrected"}) {
      store::Row row{.task = task.task,
                     .scorer = scorer,
                     .metric = "auroc",
                     .group = "pooled",
                     .value = auroc,
                     .used = task.counts.answered - 1};
      row.interval = store::Interval{auroc - 0.031, auroc + 0.029, 0.95, "delong"};
      run.summary.rows.push_back(row);
      row.metric = "average_precision";
      row.interval.reset();
      row.value = auroc + 0.05;
      run.summary.rows.push_back(row);
      row.metric = "f1_max";
      row.value = 0.8;
      row.threshold = 0.42134567;
      run.summary.rows.push_back(row);
      row = {.task = task.task,
             .scorer = scorer,
             .metric = "accuracy",
             .group = "pooled",
             .reason = "no sample has a decision",
             .skipped = task.counts.answered};
      run.summary.rows.push_back(row);
    }
  }
  run.manifest = {
      .run = id, .version = "0.1.0", .commit = "0123abc", .model = "baseline", .label = label};
  run.manifest.options_used = {{"num_fewshot", "0"}, {"seed", "0"}};
  run.manifest.options_asked = {{"1", "run"},
                                {"2", "--model"},
                                {"3", "baseline"},
                                {"4", "--tasks"},
                                {"5", "zsad.elpv"},
                                {"6", "--label"},
                                {"7", label},
                                {"8", "--data_root"},
                                {"9", "data/elpv"},
                                {"10", "--output_path"},
                                {"11", "runs/" + label},
                                {"12", "--fail_on_error=1%"}};
  run.manifest.tasks = {{.task = "zsad.elpv",
                         .root = "data/elpv",
                         .fingerprint = tasks.front().fingerprint,
                         .samples = 1092,
                         .warnings = {"two images are alike"}}};
  run.manifest.host = {{"system", "Linux 6.1"}, {"threads", "2"}};
  run.manifest.complete = true;
  run.manifest.started = "2026-01-02T03:04:05Z";
  run.manifest.finished = "2026-01-02T03:05:06Z";
  return run;
}

}  // namespace looktwice::reports
