// summary.json: the values of a run, as reports, comparisons and gates read them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace looktwice::store {

struct Interval {
  double low = 0, high = 0, level = 0.95;
  std::string method = {};
};

// One number: of one metric, read by one scorer, over one group of samples.
struct Row {
  std::string task = {}, scorer = {}, metric = {};
  std::string group = {};  // a category, "macro" (mean over categories) or "pooled"
  std::optional<double> value = {};
  std::string reason = {};  // why there is no value
  std::optional<Interval> interval = {};
  std::string no_interval = {};  // why there is a value but no interval, where that is known
  std::optional<double> threshold = {};
  std::int64_t used = 0;     // observations in the value; of "macro": categories with a value
  std::int64_t skipped = 0;  // observations without the field that the metric needs; of "macro":
                             // categories without a value
  bool higher_is_better = true;
};

struct Counts {
  std::int64_t samples = 0, answered = 0, refused = 0, failed = 0,
               missing = 0;                           // missing: no prediction yet
  std::map<std::string, std::int64_t> unscored = {};  // per scorer: answered, but no answer in it
};

struct TaskSummary {
  std::string task = {};                  // "zsad.elpv"
  std::string dataset = {};               // "ELPV"
  std::string variant = {};               // "inctrl"
  std::string headline = {};              // metric printed first
  std::vector<std::string> columns = {};  // metrics that leaderboards show beside it
  std::string published = {};             // published table to stand beside, empty: none
  // metric -> column of that table, where it is not called as the data set
  std::map<std::string, std::string> published_columns = {};
  std::string fingerprint = {};  // SHA-256 of the data set as read
  bool partial = false;          // --limit: not for leaderboards
  std::string limited = {};      // "first 100 of 1092 samples", empty: all
  Counts counts = {};
  std::vector<std::string> disagreements = {};  // samples that the scorers read differently
};

struct Summary {
  std::string run = {};                 // run id
  std::string model = {};               // "baseline"
  std::string label = {};               // what tables call it
  std::vector<std::string> flags = {};  // what every table must say of this run
  std::vector<TaskSummary> tasks = {};
  std::vector<Row> rows = {};
};

std::string json_of(const Summary& summary);
Summary read_summary(const std::filesystem::path& file);  // Kind::data names file and field

}  // namespace looktwice::store
