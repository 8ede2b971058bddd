// What the machine does besides the measured work, as Linux tells it: time of the processors that
// we may use, our own, frequency, heat. What a system does not tell stays empty. Not here: judging.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "harness/store/profile_file.h"

namespace looktwice::run {

// Sums over some processors, in ticks since the start of the system.
struct ProcessorTicks {
  std::int64_t busy = 0, idle = 0, stolen = 0;
};
// text: /proc/stat. Nothing when none of the processors is in it.
std::optional<ProcessorTicks> processor_ticks(std::string_view text, const std::set<int>& of);

// A process in /proc/PID/stat, whose second field may hold spaces and brackets.
struct ProcessTicks {
  int pid = 0, parent = 0;
  std::int64_t ticks = 0;  // user and system
};
std::optional<ProcessTicks> process_ticks(std::string_view text);

struct Snapshot {
  std::optional<ProcessorTicks> processors = {};
  std::int64_t own = 0;  // ticks of this process and all below it
  std::optional<std::int64_t> throttled = {};
};

class Machine {
 public:
  Machine();
  Snapshot snapshot() const;
  std::optional<double> mhz() const;  // mean over our processors, now
  // Facts of now, and of the time between both.
  store::MachineFacts facts(const Snapshot& before, const Snapshot& after) const;

 private:
  std::set<int> processors_;
  std::optional<double> load_before_;
  std::int64_t clock_ns_ = 0;
};

}  // namespace looktwice::run
