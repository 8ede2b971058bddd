// Which row of a summary speaks for a whole task.
#pragma once

#include <cstdint>
#include <string>

#include "harness/store/summary.h"

namespace looktwice::reports {

// The headline metric of the task by that scorer: the mean over its categories where there are
// several, else all samples together, else its only category. Null: no such row.
const store::Row* headline_row(const store::Summary& summary, const store::TaskSummary& task,
                               const std::string& scorer);
// The same of another metric.
const store::Row* overall_row(const store::Summary& summary, const std::string& task,
                              const std::string& metric, const std::string& scorer);
// Of a mean over categories: those that have a value, and all.
struct CategoryCount {
  int with_value = 0, all = 0;
};
CategoryCount categories_in(const store::Summary& summary, const store::Row& headline);
// Samples in a headline value; of a mean over categories: in all of them together.
std::int64_t samples_used(const store::Summary& summary, const store::Row& headline);

}  // namespace looktwice::reports
