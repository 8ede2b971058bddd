#include "tests/support/faults.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace looktwice::testing {
namespace fs = std::filesystem;

bool Call::can(const std::string& fault) const {
  return std::find(faults.begin(), faults.end(), fault) != faults.end();
}

Command with_fault(Command command, const fs::path& under, const std::string& fault, long at,
                   long repeat) {
  command.environment["LD_PRELOAD"] = LOOKTWICE_FAULTS_LIBRARY;
  command.environment["FAULTS_UNDER"] = fs::absolute(under).string();
  command.environment["FAULTS_DO"] = fault;
  command.environment["FAULTS_AT"] = std::to_string(at);
  command.environment["FAULTS_FOR"] = std::to_string(repeat);
  // A sanitized program accepts a library before its own run-time only when told so.
  const char* options = std::getenv("ASAN_OPTIONS");
  command.environment["ASAN_OPTIONS"] =
      (options != nullptr ? std::string(options) + ":" : std::string()) +
      "verify_asan_link_order=0";
  return command;
}

Counted counted(const Command& command, const fs::path& under) {
  const fs::path log =
      fs::temp_directory_path() / ("looktwice-faults-" + std::to_string(getpid()) + ".log");
  fs::remove(log);
  Command watched = with_fault(command, under, "count", 0);
  watched.environment["FAULTS_LOG"] = log.string();
  Counted result{.finished = finished(watched)};
  std::ifstream in(log);
  for (std::string line; std::getline(in, line);) {
    std::istringstream fields(line);
    std::string number, bytes;
    Call call;
    if (!std::getline(fields, number, '\t') || !std::getline(fields, call.name, '\t') ||
        !std::getline(fields, bytes, '\t') || !std::getline(fields, call.path, '\t'))
      throw std::runtime_error("libfaults log: " + line);
    call.number = std::stol(number);
    call.bytes = std::stol(bytes);
    for (std::string word; fields >> word;) call.faults.push_back(word);
    result.calls.push_back(std::move(call));
  }
  fs::remove(log);
  return result;
}

}  // namespace looktwice::testing
