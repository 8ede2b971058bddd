// One pass over the outcomes of a run: what tables, curves and galleries need, in bounded memory.
// Of a sample that is merely right, 16 bytes stay.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/core/sample.h"
#include "reports/run_view.h"

namespace looktwice::reports {

struct ScoredSample {
  double score = 0;
  std::uint32_t category = 0;  // index into TaskScan::categories
  bool anomalous = false;
};
static_assert(sizeof(ScoredSample) == 16);

// A sample to be listed, and why.
struct ListedSample {
  std::string id = {}, category = {}, why = {};
};

// Answers read as a decision, against the truth.
struct Confusion {
  std::string scorer = {};
  std::int64_t true_positive = 0, false_positive = 0, true_negative = 0, false_negative = 0;
  std::int64_t total() const {
    return true_positive + false_positive + true_negative + false_negative;
  }
};

struct ScanOptions {
  int listed = 20;  // of each kind, the first in file order
  int worst = 6;    // pictures of each kind; 0: none
};

struct TaskScan {
  std::string task = {};
  std::string scorer =
      {};  // whose scores these are: official where it has any, else the first that has
  bool scores_are_decisions = false;  // every score is a yes or no read as 1 or 0
  std::vector<std::string> categories = {};
  std::vector<ScoredSample> scores = {};  // in file order
  // Normal samples of the highest score, highest first; anomalous ones of the lowest, lowest first.
  // Equal scores: file order.
  std::vector<Outcome> likest_anomalous = {}, likest_normal = {};
  std::vector<ListedSample> failed = {}, refused = {}, unscored = {};
  std::vector<Confusion> confusions = {};  // of the scorers that read decisions
};

struct OutcomeScan {
  bool has_outcomes = false;         // false: there is no outcomes.jsonl, and all else is empty
  std::vector<TaskScan> tasks = {};  // one per task of the summary, in its order
};

OutcomeScan scan_outcomes(const RunView& run, const ScanOptions& options);

// The score that a scorer gave, if any.
std::optional<double> score_by(const Outcome& outcome, const std::string& scorer);

}  // namespace looktwice::reports
