// The stages after the adapter: answers to outcomes (Suite::mark), outcomes to values (metrics).
// Reads the run folder and the data set, writes outcomes.jsonl and summary.json; may be repeated at
// will.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>

#include "harness/core/suite.h"
#include "harness/run/embed.h"
#include "harness/run/judge.h"
#include "harness/run/stop.h"
#include "harness/run/task.h"
#include "harness/store/run_folder.h"
#include "harness/store/summary.h"
#include "metrics/metric.h"
#include "metrics/text/rouge_words.h"

namespace looktwice::run {

struct ScoreOptions {
  metrics::MetricOptions metric = {};  // threads and seed too
  // Evaluation size of pixel metrics: side x side; 0: the size of the mask; -1: as the task has it.
  int map_side = -1;
  double map_sigma = 0;  // Gaussian blur of the up-sampled map, in pixels; 0: none
  std::vector<std::string> more_metrics = {};      // values beside those of the task, by name
  std::optional<JudgeSetup> judge = {};            // whose points are read; empty: nobody's
  std::optional<EncoderSetup> encoder = {};        // whose embeddings are read; empty: nobody's
  std::optional<EncoderSetup> token_encoder = {};  // who compared tokens; empty: nobody
  metrics::WordCutter unicode_words = {};          // for measures called "_icu"
  const StopFlag* stop = nullptr;
  std::function<void(const std::string& what, std::int64_t done, std::int64_t of)> progress = {};
};

// What names a run in its summary.
struct RunName {
  std::string run = {}, model = {}, label = {};
  std::vector<std::string> flags = {};  // Manifest::flags
};

store::Summary score(std::span<const Task> tasks, const ImageCodec& codec,
                     const store::RunFolder& folder, const RunName& name,
                     const ScoreOptions& options);

// Of each task the samples of one part, in their order; task t has samples.size() of them.
using Part = std::vector<std::vector<bool>>;

// The same numbers over a part of the samples; nothing is written. What a suite makes of all
// outcomes together (Suite::review) is made of all. Tasks without a sample in the part have no
// rows.
store::Summary score_part(std::span<Task> tasks, const ImageCodec& codec,
                          const store::RunFolder& folder, const RunName& name,
                          const ScoreOptions& options, const Part& part);

// Samples without a usable answer: failed, refused or not asked yet. 0: the run is complete.
std::int64_t incomplete_samples(const store::Summary& summary);
// Samples that some scorer could score. 0: the run says nothing.
std::int64_t scored_samples(const store::Summary& summary);

}  // namespace looktwice::run
