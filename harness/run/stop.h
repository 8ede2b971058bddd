// A wish to stop, from a signal handler or a test. Work in flight is finished or dropped, what is
// answered is kept.
#pragma once

#include <atomic>

namespace looktwice::run {
struct StopFlag {
  std::atomic<int> signal = 0;  // 0: go on; otherwise the signal that asked
  bool asked() const { return signal.load(std::memory_order_relaxed) != 0; }
};
}  // namespace looktwice::run
