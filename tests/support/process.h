// Runs a program to its end and keeps what it said: for tests of exit codes, signals and faults.
// Not here: talking to it while it runs.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

namespace looktwice::testing {

struct Command {
  std::vector<std::string> arguments = {};              // arguments[0] is looked up on PATH
  std::map<std::string, std::string> environment = {};  // added to this process's own
  std::string folder = {};                              // working folder; empty: this process's
  std::string input = {};                               // what it finds on stdin
  std::chrono::milliseconds limit = std::chrono::minutes(1);  // then SIGKILL
  // SIGKILL or another signal after so long; 0 = none. For deaths at random times.
  std::chrono::microseconds signal_after = std::chrono::microseconds(0);
  int signal = 9;
};

struct Finished {
  int code = -1;      // exit code; -1 when a signal ended it
  int signal = 0;     // the signal that ended it
  bool late = false;  // killed at the limit
  std::string out = {};
  std::string err = {};
};

// As in a shell, 127 is a program that was not found. Throws std::runtime_error when there is no
// process to be had.
Finished finished(const Command& command);

}  // namespace looktwice::testing
