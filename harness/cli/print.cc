#include "harness/cli/print.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <sstream>

#include "harness/core/error.h"
#include "harness/store/disk.h"
#include "reports/escape.h"

namespace looktwice::cli {

void print(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EPIPE) throw ClosedPipe{};
    if (written < 0) store::disk_failure("standard output", "write", errno);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

void warn(const std::string& message) {
  std::istringstream lines(message);
  std::string text;
  for (std::string line; std::getline(lines, line);)
    text += (text.empty() ? "looktwice: " : "") + reports::terminal_text(line) + "\n";
  std::fputs(text.c_str(), stderr);
}

}  // namespace looktwice::cli
