// The options of `run`, and what of them decides the answers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "harness/cli/command.h"
#include "harness/cli/marks_options.h"
#include "harness/cli/paid_options.h"
#include "harness/core/options.h"
#include "harness/run/score.h"
#include "harness/run/task.h"
#include "harness/store/manifest.h"

namespace looktwice::cli {

// Options of the scoring stage; `run` and `score` have them.
struct ScoringOptions {
  std::string metrics = {}, memory = {}, pixel_threshold = "auto";
  double threshold = 0.5, fpr_limit = 0.3, map_sigma = 0;
  int resamples = 1000, map_side = -1;
  std::uint64_t seed = 0;
  int threads = 0;

  void add_to(Command& command);
  run::ScoreOptions score_options() const;
  std::map<std::string, std::string> as_used() const;
};

struct RunOptions {
  std::string model = {}, model_args = {}, tasks = {}, label = {}, device = "cpu";
  std::filesystem::path data_root = ".", output_path = {};
  std::string batch_size = "auto", fail_on_error = {}, map_dtype = "float32", maps = "auto";
  std::string trained_on = {};
  std::int64_t limit = 0;
  int num_fewshot = 0;
  bool json = false, quiet = false;
  PaidOptions paid = {};
  ScoringOptions scoring = {};
  MarksOptions marks = {};

  void add_to(Command& command);
  int batch() const;  // 0: auto
  // Failed samples that are tolerated; negative: no limit was set.
  std::int64_t tolerated(std::int64_t samples) const;
};

// The options that decide the answers; two runs that agree in them, in the model's options and in
// the data are the same run.
std::map<std::string, std::string> deciding_options(const RunOptions& options);

// 16 hex digits over all that decides the answers: model, its options and facts, deciding options,
// tasks and data.
std::string run_id(const store::Manifest& manifest);

// What differs, one line each, for the refusal to mix two runs in one folder.
std::vector<std::string> differences(const store::Manifest& there, const store::Manifest& here);

}  // namespace looktwice::cli
