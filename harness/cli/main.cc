// looktwice: the command line. Turns every failure into one line on stderr and the exit code of
// harness/core/error.h.
#include <cxxabi.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <clocale>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <new>
#include <stdexcept>
#include <string_view>
#include <typeinfo>

#include "adapters/kernels/isa.h"
#include "harness/cli/command.h"
#include "harness/cli/print.h"
#include "harness/cli/signals.h"
#include "harness/core/error.h"

namespace looktwice::cli {
namespace {

Terminal terminal_facts() {
  Terminal terminal{.out_is_tty = ::isatty(STDOUT_FILENO) == 1,
                    .err_is_tty = ::isatty(STDERR_FILENO) == 1};
  const char* type = std::getenv("TERM");
  const char* refused = std::getenv("NO_COLOR");
  const bool dumb = type && std::string_view(type) == "dumb";
  terminal.colour = terminal.out_is_tty && !dumb && (!refused || !*refused);
  terminal.err_is_tty = terminal.err_is_tty && !dumb;
  winsize size{};
  if (terminal.out_is_tty && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    terminal.width = size.ws_col;
  return terminal;
}

constexpr std::string_view kOutOfMemory =
    "looktwice: out of memory; try fewer --threads or a smaller --batch_size, then run the same "
    "command again\n";

// Without std::string: there may be no memory for one.
void say(std::string_view message) {
  [[maybe_unused]] const auto ignored = ::write(STDERR_FILENO, message.data(), message.size());
}

// When memory is short, destructors of nlohmann/json and some noexcept calls of the standard
// library end here: the first with a bad_alloc, the second without an exception. What is journalled
// is safe however we die.
[[noreturn]] void end_without_core() noexcept {
  const std::type_info* type = abi::__cxa_current_exception_type();
  if (!type || *type == typeid(std::bad_alloc)) {
    say(kOutOfMemory);
    ::_exit(static_cast<int>(Kind::incomplete));
  }
  say("looktwice: internal: terminated by ");
  say(type->name());
  say("; please report this\n");
  ::_exit(static_cast<int>(Kind::internal));
}

// What the environment asks for and nothing can give is refused before anything begins.
void check_vector_code() {
  try {
    kernels::best_isa();
  } catch (const std::invalid_argument& error) {
    throw Error(Kind::usage, error.what());
  }
}

int exit_code_of(const std::vector<std::string>& words) {
  Context context{.terminal = terminal_facts(), .stop = &install_signal_handlers(), .words = words};
  try {
    check_vector_code();
    return command_line(words, context);
  } catch (const Error& error) {
    warn(error.what());
    return static_cast<int>(error.kind());
  } catch (const ClosedPipe&) {
    return 128 + SIGPIPE;
  } catch (const std::bad_alloc&) {
    say(kOutOfMemory);
    return static_cast<int>(Kind::incomplete);
  } catch (const std::exception& error) {
    warn(std::string("internal: ") + error.what() + "; please report this");
    return static_cast<int>(Kind::internal);
  }
}

}  // namespace
}  // namespace looktwice::cli

int main(int count, char** words) {
  // Numbers are written with '.' everywhere; the environment's locale is never taken over.
  std::setlocale(LC_ALL, "C");
  std::set_terminate(looktwice::cli::end_without_core);
  return looktwice::cli::exit_code_of({words + 1, words + count});
}
