// What a stretch of this process costs: time on the wall, time of the processors, memory.
// Not here: repeating and choosing among repetitions, output.
#pragma once

#include <sys/resource.h>
#include <time.h>

#include <chrono>

namespace looktwice::benchmarks {

// Of all threads of the process.
inline double processor_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// Since it was made.
class Stopwatch {
 public:
  double wall_s() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }
  double processor_s() const { return processor_seconds() - processor_start_; }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  double processor_start_ = processor_seconds();
};

// The most memory that the process has held so far, pages of mapped files among it.
inline double peak_mb() {
  rusage usage = {};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

}  // namespace looktwice::benchmarks
