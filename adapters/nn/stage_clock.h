// Where the time of one request goes, stage by stage. On the CPU by the steady clock; on a GPU by
// events in LibTorch's queue, since a call there returns before its work is done: nothing waits for
// the device until spans() is asked, so what is computed and in which order stays the same.
// Not here: statistics (reports/latency.h).
#pragma once

#include <c10/core/Device.h>
#include <c10/core/Event.h>

#include <cstdint>
#include <vector>

#include "harness/core/sample.h"

namespace looktwice::nn {

std::int64_t steady_ns();

class StageClock {
 public:
  // The first stage begins now.
  explicit StageClock(at::Device device);
  // This stage ends with what is in the queue now, and the next one begins.
  void end(const char* name);
  // In order, each where the one before ends. A GPU is waited for.
  std::vector<Span> spans() const;

 private:
  struct Mark {
    const char* name = "";
    std::int64_t host_ns = 0;
    std::vector<c10::Event> event = {};  // one on a GPU, else none
  };
  void mark(const char* name);

  at::Device device_;
  std::vector<Mark> marks_;  // the first is the beginning
};

}  // namespace looktwice::nn
