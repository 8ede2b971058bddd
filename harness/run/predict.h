// The first stage: every sample's questions to the adapter, every answer to the journal. Dialogues
// go turn by turn while a window of samples is open at once; an answered question is never asked
// again.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "harness/core/adapter.h"
#include "harness/run/marks.h"
#include "harness/run/stop.h"
#include "harness/run/task.h"
#include "harness/store/run_folder.h"
#include "harness/store/timing.h"

namespace looktwice::run {

struct Progress {
  std::int64_t samples = 0;                        // in all tasks
  std::int64_t done = 0, failed = 0, refused = 0;  // samples
  std::int64_t resumed = 0;                        // samples that were done before this start
};

struct PredictOptions {
  std::string journal = "predictions";  // which of the run folder: predictions, judgements, ...
  int batch_size = 0;                   // most requests an adapter gets at once; 0: as it likes
  int window = 256;                     // samples open at once
  bool half_maps = false;               // maps as float16
  bool all_maps = false;                // asks for a map with every question about a picture
  std::int64_t max_failed = -1;         // stop when more samples failed; negative: never
  const Marks* marks = nullptr;         // drawn on the samples' pictures, not on references
  const StopFlag* stop = nullptr;
  std::string picture_salt = {};  // into the names of pictures; other salt, other names
  std::function<void(const store::Timing&)> timed = {};  // of each answer, in the order they come
  std::function<void(const Progress&)> progress = {};    // at most ten times a second
};

struct PredictResult {
  Progress progress = {};
  std::int64_t dropped_records = 0;  // damaged or foreign journal records cut out at the start
  std::string stopped_because = {};  // the adapter's reason to end early (Kind::incomplete)
  bool complete = false;             // every question has an answer, a refusal or a failure
};

// run: the id that frames the records. The journal is sorted and compacted when all is answered.
PredictResult predict(std::span<const Task> tasks, Adapter& adapter,
                      const std::shared_ptr<const ImageCodec>& codec,
                      const store::RunFolder& folder, const std::string& run,
                      const PredictOptions& options);

// The sample id of a request, for adapters that look answers up by name.
std::function<std::string(const std::string& key)> sample_lookup(std::span<const Task> tasks);

}  // namespace looktwice::run
