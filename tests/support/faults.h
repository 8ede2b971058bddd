// Lets one call of a program to the file system go wrong: the C++ side of libfaults.so (faults.c
// tells the words).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/process.h"

namespace looktwice::testing {

// One call that the program made below the watched folder.
struct Call {
  long number = 0;        // from 1
  std::string name = {};  // write, fsync, rename, open, unlink, ...
  long bytes = 0;
  std::string path = {};
  std::vector<std::string> faults =
      {};  // what can go wrong with it: kill_before, enospc, short, ...
  bool can(const std::string& fault) const;
};

// The command under libfaults.so: fault at call `at` below `under`, for `repeat` calls (0: from
// there on).
Command with_fault(Command command, const std::filesystem::path& under, const std::string& fault,
                   long at, long repeat = 1);

struct Counted {
  Finished finished = {};
  std::vector<Call> calls = {};
};
// The command undisturbed, and every call it made below `under`.
Counted counted(const Command& command, const std::filesystem::path& under);

}  // namespace looktwice::testing
