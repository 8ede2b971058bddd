// looktwice: the command line. Turns every failure into one line on stderr and the exit code of harness/core/error.h.
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <clocale>
#include <csignal>
#include <cstdlib>
#include <new>

#include "harness/cli/command.h"
#include "harness/cli/print.h"
#include "harness/cli/signals.h"
#include "harness/cli/version.h"
#include "harness/cli/words.h"
#include "harness/core/error.h"
#include "harness/core/options.h"
#include "harness/core/text.h"

namespace looktwice::cli {
namespace {

Terminal terminal_facts() {
  Terminal terminal{.out_is_tty = ::isatty(STDOUT_FILENO) == 1, .err_is_tty = ::isatty(STDERR_FILENO) == 1};
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

// The command that was named, or the program itself.
const CLI::App& innermost(const CLI::App& app) {
  const CLI::App* found = &app;
  for (std::vector<CLI::App*> next; !(next = found->get_subcommands()).empty();) found = next.front();
  return *found;
}

// CLI11 says what is wrong; what was meant is ours to guess.
std::string with_suggestion(const CLI::App& app, const std::vector<std::string>& words, const std::string& message) {
  std::vector<std::string> known;
  const CLI::App& command = innermost(app);
  for (const CLI::Option* option : command.get_options())
    for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  for (const CLI::App* sub : command.get_subcommands([](CLI::App*) { return true; })) known.push_back(sub->get_name());
  for (const std::string& word : words) {
    const std::string name = word.substr(0, word.find('='));
    if (message.find(name) == std::string::npos || std::ranges::find(known, name) != known.end()) continue;
    if (const std::string near = nearest(name, known); !near.empty())
      return message + "; did you mean '" + near + "'?";
  }
  return message + "; see `looktwice " + (&command == &app ? "" : command.get_name() + " ") + "--help`";
}

int command_line(const std::vector<std::string>& given) {
  Context context{.terminal = terminal_facts(), .stop = &install_signal_handlers(), .words = given};
  CLI::App app("LookTwice " + std::string(kVersion) + ": benchmark and evaluation of visual anomaly detection", "looktwice");
  app.set_version_flag("--version", std::string(kVersion) + " (" + commit() + ")");
  app.require_subcommand(1);
  add_run(app, context);
  add_score(app, context);
  add_report(app, context);
  add_leaderboard(app, context);
  add_list(app, context);
  add_data(app, context);
  add_doctor(app, context);
  std::vector<std::string> words = with_config(normalised(given));
  try {
    std::vector<std::string> reversed(words.rbegin(), words.rend());
    app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    print(innermost(app).help());
    return 0;
  } catch (const CLI::CallForVersion&) {
    print(std::string(kVersion) + " (" + commit() + ")\n");
    return 0;
  } catch (const CLI::ParseError& error) {
    throw Error(Kind::usage, with_suggestion(app, words, error.what()));
  }
  return context.action();
}

int guarded(const std::vector<std::string>& words) {
  try {
    return command_line(words);
  } catch (const Error& error) {
    warn(error.what());
    return static_cast<int>(error.kind());
  } catch (const ClosedPipe&) {
    return 128 + SIGPIPE;
  } catch (const std::bad_alloc&) {
    warn("out of memory; try fewer --threads or a smaller --batch_size, then run the same command again");
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
  return looktwice::cli::guarded({words + 1, words + count});
}
