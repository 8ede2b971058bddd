// Scores and answers that somebody recorded: rows of CSV, TSV, JSON or JSON Lines, or the
// predictions.jsonl of another run. Not here: which row belongs to which sample (name_index.h),
// maps (map_files.h).
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "adapters/predictions/name_index.h"
#include "harness/core/codec.h"
#include "harness/core/json_value.h"
#include "harness/core/sample.h"

namespace looktwice::adapters {

// Names of columns; an empty one is guessed from the usual names.
struct RecordColumns {
  std::string id = {}, score = {}, text = {}, question = {}, turn = {};
};

struct Record {
  Place place = {};
  Status status = Status::answered;
  std::string text = {};
  bool has_text = false;  // also where it is empty: a model that said nothing answered
  std::optional<double> score = {};
  std::string error = {};  // why the recorded answer failed or was refused
  std::string flaw = {};   // why this record cannot be used: a score that is no finite number
  std::string question = {};
  std::optional<std::size_t> turn = {};
  StoredMap map = {};  // only of another run
};

class Records {
 public:
  // file: a table, a predictions.jsonl, or a run folder that holds one. Throws Kind::data with file
  // and line: unreadable, no column for ids, neither scores nor texts, an empty id, two records for
  // the same id (and question or turn), whose lines are both named.
  Records(const std::filesystem::path& file, const RecordColumns& columns);

  // The record of a request: of its key in another run, else of its sample and, where the records
  // tell them apart, its turn or question. Null: there is none. Kind::data: several fit.
  const Record* find(const std::string& key, const std::string& sample, std::size_t turn,
                     const std::string& question);
  // To be called with every sample before the first find(): see NameIndex.
  void expect(const std::string& sample) { index_.find(sample); }

  // What was read, what was left out and why: for run.json.
  std::map<std::string, std::string> facts() const;
  const std::string& file() const { return file_; }  // as messages name it
  // Where the maps of another run lie; empty for tables.
  const std::filesystem::path& run_folder() const { return run_folder_; }

 private:
  void read_journal(std::string_view text);
  void read_table(const std::filesystem::path& path, std::string_view text,
                  const RecordColumns& columns);
  void add(const std::string& name, Record record);

  std::string file_;
  std::filesystem::path run_folder_;
  std::string hash_, ignored_columns_;
  std::size_t damaged_ = 0;
  std::vector<std::vector<Record>> groups_;  // one group per id
  std::map<std::string, std::size_t> group_of_;
  std::map<std::string, std::pair<std::size_t, std::size_t>> by_key_;  // group and place in it
  NameIndex index_{"record"};
};

}  // namespace looktwice::adapters
