// Runs side by side, beside what papers print. A run that is partial, incomplete or without a value
// gets no place and is named with the reason; values of different data, variants, scorers or
// metrics never share a column. Not here: whether a difference is more than chance (compare).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "reports/metric_names.h"
#include "reports/run_view.h"
#include "reports/table.h"

namespace looktwice::reports {

struct LeaderboardOptions {
  std::string scorer =
      {};  // "official", "corrected"; empty: official where there is one, since papers use it
  bool published = true;  // with the rows of papers
};

struct Leaderboard {
  // All that must be equal for two values to stand in one column.
  struct Column {
    std::string title = {};  // "ELPV", with what tells it from its neighbours
    std::string task = {}, dataset = {}, variant = {}, fingerprint = {}, scorer = {}, metric = {};
    std::string group = {};             // "macro", "pooled" or the only category
    std::string published = {};         // table, empty: none
    std::string published_column = {};  // in it; empty: called as the data set
    Unit unit = Unit::percent;
    bool higher_is_better = true;
  };
  struct Place {
    std::optional<double> value = {};              // in the unit of the column
    std::optional<store::Interval> interval = {};  // in the same unit
    std::int64_t used = 0;                         // samples in the value
    store::Counts counts = {};
    std::int64_t unscored = 0;  // by this column's scorer
    int digits = 1;
    bool doubtful = false, inferred = false;  // published values only
    std::string note = {};
  };
  struct Row {
    std::optional<int> rank = {};  // 1 is best, equal values share it; nothing: no value to rank by
    std::string model = {};
    std::optional<int> shots = {};
    bool published = false;
    std::string source = {};            // of a paper's row
    std::string run = {}, folder = {};  // of our row
    // What the run says of itself ("ground truth shown to the model: ..."); a row that saw the
    // truth has no rank.
    std::vector<std::string> flags = {};
    std::vector<std::optional<Place>> places = {};  // one per column
    std::optional<Place> mean = {};                 // value only
  };
  struct Refused {
    std::string model = {}, folder = {}, task = {}, reason = {};
  };

  std::vector<Column> columns = {};
  std::string mean_title =
      {};  // "Average" as the paper defines it, "Mean of 2"; empty: no such column
  std::vector<Row> rows = {};  // best first
  std::vector<Refused> refused = {};
  std::vector<std::string> notes = {};  // of the published tables, and what could mislead
};

Leaderboard leaderboard(std::span<const RunView> runs, const LeaderboardOptions& options = {});

// For people: the ranking; with several columns also one line per value with interval and counts;
// then the refused runs.
Page page_of(const Leaderboard& board);
// For machines: one line per value.
Table tidy_table(const Leaderboard& board);

// CSV writes tidy_table, JSON everything, the others page_of.
std::string render(const Leaderboard& board, Format format, const RenderOptions& options = {});

}  // namespace looktwice::reports
