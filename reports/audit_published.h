// Whether printed numbers can be true: an F1 and an accuracy of the same decisions must come from
// one confusion matrix, a mean must be the mean of what it stands beside, two tables that print the
// same number must agree. For the papers' tables (published/*.json) and for a user's own. Not here:
// judging a method; numbers of pixels, whose counts no paper gives.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "reports/table.h"

namespace looktwice::reports {

// [normal, anomalous] images of a category.
using SplitCounts = std::pair<std::int64_t, std::int64_t>;

// Whether some TP of `anomalous` and TN of `normal` give this F1 and this accuracy, both in percent
// and rounded to so many digits. F1 = 2TP / (2TP + FP + FN), 0 if TP = 0.
bool feasible(double f1, int f1_digits, double accuracy, int accuracy_digits, SplitCounts counts);

struct AuditFinding {
  std::string table = {}, row = {}, column = {};  // "omniad_table11", "OmniAD, 1-shot", "screw"
  std::string what = {};                          // "no confusion matrix", "mean", "other table"
  std::string printed = {}, detail = {};
};

struct Audit {
  std::int64_t pairs = 0, means = 0, repeats = 0;  // looked at
  std::int64_t unchecked_means = 0;                // a cell beside them is lost
  std::vector<AuditFinding> findings = {};         // in the order of the tables
};

Audit audit_published();

// A table of the user's: a file that table_of_file() reads, with the columns `category` (or class),
// `f1`, `accuracy` (or acc) in percent, and as one likes `method`, `normal` and `anomalous`
// (counts). The row of the category "mean" or "average" is the mean. dataset: where counts come
// from that the file does not have, a name of published/dataset_counts.json; empty: none.
// Kind::data and Kind::usage say what is wrong.
Audit audit_table(const std::filesystem::path& file, const std::string& dataset);

std::string render(const Audit& audit, Format format, const RenderOptions& options);

}  // namespace looktwice::reports
