// The outcomes of two runs side by side, sample by sample. Refuses what does not compare.
#pragma once

#include <string>
#include <vector>

#include "harness/core/sample.h"
#include "reports/run_view.h"

namespace looktwice::reports {

// Among a sample's values a score of any scale: what map_max_auroc ranks (metrics/pixel/spro.cc).
inline constexpr const char* kMapMaximum = "map_max";

struct PairedTask {
  std::string name = {};  // "zsad.elpv", with its variant where it has one
  store::TaskSummary first = {}, second = {};
  struct Sample {
    Outcome first = {}, second = {};
  };
  std::vector<Sample> samples = {};                            // in both, by id; texts cut short
  std::vector<std::string> only_first = {}, only_second = {};  // by id
};

// The tasks that both runs have (and a glob of `tasks` takes; empty: all), in the order of the
// first. Kind::usage when the runs hold different samples or tasks and intersect is not asked, or
// when they share none; Kind::data when data or variants differ, or outcomes are missing.
std::vector<PairedTask> paired_tasks(const RunView& first, const RunView& second,
                                     const std::vector<std::string>& tasks, bool intersect);

// Does a glob of the list (or the text itself) take the name? An empty list takes all.
bool takes(const std::vector<std::string>& globs, const std::string& name);

}  // namespace looktwice::reports
