// From names on the command line to parts: tasks, adapters, data sets.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "harness/core/adapter.h"
#include "harness/core/dataset.h"
#include "harness/run/task.h"

namespace looktwice::cli {

struct TaskName {
  std::string name = {}, variant = {};  // "zsad.elpv", "p>0"
};

// "visa_dr,zsad.*,zsad.elpv:all": names, prefixes ("zsad") and globs, in this order, each task
// once. Kind::usage with a suggestion for what is unknown.
std::vector<TaskName> tasks_named(const std::string& text);

// "aupro_*,pixel_f1_at": names and globs of values in the metric catalogue; the same refusal.
std::vector<std::string> metrics_named(const std::string& text);

struct TaskLoading {
  std::filesystem::path data_root = {};
  int num_fewshot = 0;
  std::uint64_t seed = 0;
  std::int64_t limit =
      0;  // 0: all; otherwise that many samples, drawn with the seed, in the order of the set
  int threads = 1;
  std::shared_ptr<const ImageCodec> codec = {};
};

run::Task loaded_task(const TaskName& name, const TaskLoading& loading);

AdapterEntry adapter_named(const std::string& name);
DatasetEntry dataset_named(const std::string& name);
// "elpv:all"; without a variant the first of the set, where it has any. Kind::usage as well.
struct DatasetChoice {
  DatasetEntry entry = {};
  std::string variant = {};
};
DatasetChoice dataset_with_variant(const std::string& text);

// $XDG_CACHE_HOME/looktwice/answers.sqlite, else ~/.cache/looktwice/answers.sqlite; empty: no home.
std::filesystem::path usual_answer_cache();

// "a,b" to its words, empty ones left out.
std::vector<std::string> list_of(const std::string& text);
// Kind::usage unless it is a level of confidence.
void refuse_bad_level(double level);

// The processors of this machine that the process may use.
int available_threads();
std::string utc_now();  // RFC 3339, seconds

}  // namespace looktwice::cli
