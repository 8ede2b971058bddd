// Progress on stderr: one line that is redrawn on a terminal, plain lines now and then when piped.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace looktwice::cli {

class ProgressLine {
 public:
  ProgressLine(bool tty, bool quiet) : tty_(tty), quiet_(quiet) {}
  ~ProgressLine() { finish(); }
  // done and of count from the start of the whole task; resumed of them were there before and do
  // not count for the rate.
  void show(const std::string& what, std::int64_t done, std::int64_t of, std::int64_t resumed,
            const std::string& extra);
  void finish();  // ends the line

 private:
  using Clock = std::chrono::steady_clock;
  const bool tty_, quiet_;
  std::string what_;
  Clock::time_point started_ = {}, printed_ = {};
  bool open_ = false;
};

}  // namespace looktwice::cli
