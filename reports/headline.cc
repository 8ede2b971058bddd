#include "reports/headline.h"

namespace looktwice::reports {
namespace {

bool is_category(const store::Row& row) {
  return row.group != "macro" && row.group != "pooled";
}

bool is_same_value(const store::Row& a, const store::Row& b) {
  return a.task == b.task && a.metric == b.metric && a.scorer == b.scorer;
}

}  // namespace

const store::Row* headline_row(const store::Summary& summary, const store::TaskSummary& task,
                               const std::string& scorer) {
  return overall_row(summary, task.task, task.headline, scorer);
}

const store::Row* overall_row(const store::Summary& summary, const std::string& task,
                              const std::string& metric, const std::string& scorer) {
  const store::Row *macro = nullptr, *pooled = nullptr, *category = nullptr;
  int categories = 0;
  for (const store::Row& row : summary.rows) {
    if (row.task != task || row.metric != metric || row.scorer != scorer) continue;
    if (is_category(row)) ++categories;
    (row.group == "macro" ? macro : row.group == "pooled" ? pooled : category) = &row;
  }
  if (macro && (categories != 1 || (!pooled && !category))) return macro;
  return pooled ? pooled : category;
}

CategoryCount categories_in(const store::Summary& summary, const store::Row& headline) {
  CategoryCount count;
  for (const store::Row& row : summary.rows) {
    if (!is_same_value(row, headline) || !is_category(row)) continue;
    ++count.all;
    count.with_value += row.value.has_value();
  }
  return count;
}

std::int64_t samples_used(const store::Summary& summary, const store::Row& headline) {
  if (headline.group != "macro") return headline.used;
  std::int64_t used = 0;
  for (const store::Row& row : summary.rows)
    if (is_same_value(row, headline) && is_category(row) && row.value) used += row.used;
  return used;
}

}  // namespace looktwice::reports
