// How many samples a comparison of two models needs, and how small a difference a data set can
// show. Plans, not tests: what a run or a pair of runs tells (AUROC, classes, how often both
// disagree, how alike they rank, how far values of the same sample are apart) goes into normal
// approximations (metrics/stats/power.h). Precision, recall, F1 and values per sample need two runs
// or a deviation; AP, F1-max and pixel metrics two runs, whose images are drawn anew.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "reports/run_view.h"
#include "reports/table.h"

namespace looktwice::reports {

struct PlanOptions {
  std::optional<double> mde = {};              // difference to be seen, in points of percent
  std::optional<std::int64_t> samples = {};    // of a data set that has no run yet
  std::optional<double> auroc = {};            // percent; default: the run's, else 80
  std::optional<double> share_anomalous = {};  // percent; default: the run's, else 50
  std::optional<double> disagree = {};     // percent of samples that exactly one model gets right;
                                           // default: as two runs do, else 10
  std::optional<double> correlation = {};  // of both AUROCs; default: as of two runs, else 0.5
  // Standard deviation of the differences of a value per sample (ROUGE-L, SBERT), in points;
  // default: as of two runs, else no such row.
  std::optional<double> deviation = {};
  double level = 0.95, power = 0.8;
  std::string scorer = {};
};

struct Plan {
  struct Row {
    std::string task = {},
                metric = {};  // "auroc", "accuracy", "f1", "low_level.rouge_l"; empty: any value
    std::string assumed = {};
    std::optional<std::int64_t> needed = {};  // samples in all
    std::optional<std::int64_t> samples = {};
    std::optional<double> detectable = {};  // points, with these samples
    std::string reason = {};                // why a number is missing
  };
  double level = 0.95, power = 0.8;
  std::optional<double> mde = {};
  std::vector<Row> rows = {};
  std::vector<std::string> notes = {};
};

// run, other: null where there is none; with both, what they disagree on is measured. Kind::usage
// for numbers outside their range.
Plan plan(const RunView* run, const RunView* other, const PlanOptions& options);

Page page_of(const Plan& plan);
std::string render(const Plan& plan, Format format, const RenderOptions& options = {});

}  // namespace looktwice::reports
