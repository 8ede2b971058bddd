// One run told in full: per task the headline, every metric per category and over all, by every
// scorer, what was not scored and why, and how to do it again. Not here: pictures and curves
// (html_report.h).
#pragma once

#include <string>
#include <vector>

#include "reports/outcome_scan.h"
#include "reports/run_view.h"
#include "reports/table.h"

namespace looktwice::reports {

struct RunReport {
  RunView run = {};
  OutcomeScan scan = {};
};

// listed: how many samples of each kind (failed, refused, unscored, read differently by the
// scorers) are named.
RunReport report(const RunView& run, int listed = 20);

Page page_of(const RunReport& report);
// One line per value of the summary.
Table tidy_table(const RunReport& report);
// CSV writes tidy_table, JSON everything, the others page_of.
std::string render(const RunReport& report, Format format, const RenderOptions& options = {});

// Parts of the page, for html_report.
std::string headline_text(const store::Summary& summary, const store::TaskSummary& task);
std::string counts_text(const store::TaskSummary& task);
std::vector<Section> metric_sections(const store::Summary& summary, const store::TaskSummary& task);
std::vector<Section> sample_sections(const store::TaskSummary& task, const TaskScan& scan,
                                     int listed);
Section environment_section(const RunView& run);
// The command that made the run; nothing when the run does not say.
std::string command_of(const store::Manifest& manifest);

}  // namespace looktwice::reports
