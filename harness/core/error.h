// The one exception that reaches a user, and the exit code that goes with it.
// Not here: printing; only harness/cli prints.
#pragma once

#include <stdexcept>
#include <string>

namespace looktwice {

// What went wrong, as the process tells it: the value is the exit code.
enum class Kind {
  gate = 1,        // a gate did not hold
  usage = 2,       // option, configuration, or a run folder in use
  incomplete = 3,  // some samples have no answer yet; the same command resumes
  data = 4,        // data set, predictions or run folder content
  model = 5,       // adapter, checkpoint or network
  disk = 6,        // a write failed
  internal = 70,   // our mistake
};

// message: which file, which field, what was expected. One line, no trailing full stop needed.
class Error : public std::runtime_error {
 public:
  Error(Kind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  Kind kind() const { return kind_; }

 private:
  Kind kind_;
};

[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace looktwice

// A promise of our own code; a broken one is Kind::internal.
#define LOOKTWICE_CHECK(condition) \
  ((condition) ? void() : ::looktwice::check_failed(#condition, __FILE__, __LINE__))
