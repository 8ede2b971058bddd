// The rows of one task of two runs: every metric per category, over categories and over all
// samples. Private to reports/.
#pragma once

#include <string>
#include <vector>

#include "reports/compare.h"
#include "reports/paired_outcomes.h"

namespace looktwice::reports {

struct TaskTests {
  std::vector<Comparison::Row> rows = {};  // without Holm
  Comparison::Counts counts = {};
  Comparison::Flips flips = {};
  std::vector<std::string> notes = {};
};

// Is it measured on maps or masks?
bool is_of_pixels(const std::string& metric);

TaskTests task_tests(const PairedTask& task, const RunView& first, const RunView& second,
                     const CompareOptions& options);

}  // namespace looktwice::reports
