// timing.jsonl: how long each request took and what its parts did; one line per request, in the
// order in which they were answered. May lose lines in a crash; nothing is decided by it.
// Not here: percentiles (reports/latency.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "harness/core/sample.h"

namespace looktwice::store {

struct Timing {
  std::string key = {};
  int pass = 0;                 // of a profile, from 1; 0: warm-up, or a run
  std::int64_t taken_ns = 0;    // steady clock: when the adapter took it
  std::int64_t latency_ns = 0;  // from then until its answer was there
  Status status = Status::answered;
  Usage usage = {};
  std::vector<Span> spans = {};
};

// One line. Names of spans are reduced to a-z, 0-9 and _.
std::string json_of(const Timing& timing);

struct Timings {
  std::vector<Timing> lines = {};
  std::int64_t damaged = 0;  // lines that are none: torn, or not ours
};
// Kind::data when the file is missing or of another kind.
Timings read_timings(const std::filesystem::path& file);

}  // namespace looktwice::store
