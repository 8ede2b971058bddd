// The same requests again and again to one adapter, for their times: a warm-up pass, then passes
// until enough requests and time are together. The line of a run is walked (desk.h), so what is
// timed is what runs: there is no timed mode that could answer otherwise. Each pass shows its
// pictures under other names, so that nothing which an adapter keeps of a picture helps the next
// pass. Not here: percentiles, what makes a profile valid (reports/latency.h), the folder's
// reports.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "harness/core/adapter.h"
#include "harness/run/stop.h"
#include "harness/run/task.h"
#include "harness/store/profile_file.h"
#include "harness/store/run_folder.h"
#include "harness/store/timing.h"

namespace looktwice::run {

struct ProfileOptions {
  std::int64_t least_requests = 100;  // measured
  double least_seconds = 10, most_seconds = 600;
  int least_passes = 2;  // two: the first half of the time can be held against the second
  int warm_up_passes = 1;
  int at_once = 1;     // most requests in flight; 0: as the adapter likes
  int batch_size = 0;  // most requests an adapter gets at once; 0: as it likes
  const StopFlag* stop = nullptr;
  // pass: below 1 while warming up; measured: requests so far. At most ten times a second and pass.
  std::function<void(int pass, std::int64_t measured, std::int64_t least)> progress = {};
};

struct Profiled {
  std::vector<store::Timing> timings = {};  // of measured passes
  store::Profile profile = {};              // what was measured; who and what is the caller's
};

// folder: the answers of the warm-up stay there, as `predictions.jsonl`; work of the other passes
// is thrown away. Kind::data, Kind::model, Kind::disk as predict() throws them.
Profiled profile(std::span<const Task> tasks, Adapter& adapter,
                 const std::shared_ptr<const ImageCodec>& codec, const store::RunFolder& folder,
                 const std::string& run, const ProfileOptions& options);

}  // namespace looktwice::run
