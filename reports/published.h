// The numbers that papers print, to stand beside ours. They are part of the program
// (published/*.json, index.json tells how they were checked). Never a gate: a paper's split, prompt
// and rounding are not ours (docs/reports.md).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reports/metric_names.h"

namespace looktwice::reports {

struct PublishedValue {
  std::string method = {}, params = {};  // "Anomaly-OV (anomaly expert)", "7B"
  std::optional<int> shots = {};         // nothing: does not apply
  std::optional<double> value = {};      // in the unit of the column; nothing: lost or not printed
  bool doubtful = false;                 // the paper's text left the digits or the cell uncertain
  bool inferred = false;                 // not printed; what the printed means imply
  std::string note = {};  // why doubtful or inferred, and what the row says of itself
};

struct PublishedColumn {
  std::string table = {}, column = {};  // "anomaly_ov_table2", "ELPV"
  std::string caption = {}, metric = {};
  std::string source = {};  // "Anomaly-OV, CVPR 2025, table 2 (arXiv 2502.07601)"
  Unit unit = Unit::percent;
  int digits = 1;  // decimals as printed (two decimals of a fraction are none of a percentage)
  std::vector<PublishedValue> values = {};  // in the order of the paper
  std::vector<std::string> notes = {};      // known defects of the table
};

// Ids of all tables: "anomaly_ov_table1" ...
std::vector<std::string> published_tables();
// Names of a table's columns; a part of a column stands behind a dot: "ELPV", "MVTec-AD.f1",
// "VisA.capsules", "mean.acc". An unknown table is Kind::usage.
std::vector<std::string> published_columns(std::string_view table);
// The column of that name, else "<column>.<metric>" ("detection" and "accuracy", "MVTec-AD" and
// "f1"); nothing when there is neither.
std::optional<PublishedColumn> published_column(std::string_view table, std::string_view column,
                                                std::string_view metric = {});
// A table of published/index.json as it stands there, for checks.
struct PublishedCount {
  std::string table = {};
  int rows = 0, numbers = 0, doubtful = 0, inferred = 0;
};
std::vector<PublishedCount> published_index();

}  // namespace looktwice::reports
