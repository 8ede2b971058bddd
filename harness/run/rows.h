// Values of metrics as rows of the summary. Private to this folder's .cc files.
#pragma once

#include <string>

#include "harness/store/summary.h"
#include "metrics/metric.h"

namespace looktwice::run {

inline constexpr const char* kMacro = "macro";
inline constexpr const char* kPooled = "pooled";

inline store::Row row_of(const metrics::Value& value, const metrics::ValueInfo& info,
                         const std::string& task, const std::string& scorer,
                         const std::string& group) {
  store::Row row{.task = task,
                 .scorer = scorer,
                 .metric = info.name,
                 .group = group,
                 .value = value.value,
                 .reason = value.reason,
                 .no_interval = value.no_interval,
                 .threshold = value.threshold,
                 .used = value.used,
                 .skipped = value.skipped,
                 .higher_is_better = info.higher_is_better};
  if (value.interval)
    row.interval = store::Interval{value.interval->low, value.interval->high, value.interval->level,
                                   value.interval->method};
  return row;
}

}  // namespace looktwice::run
