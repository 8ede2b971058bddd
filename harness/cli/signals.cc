#include "harness/cli/signals.h"

#include <unistd.h>
#include <csignal>

namespace looktwice::cli {
namespace {

run::StopFlag flag;

void ask_to_stop(int signal) {
  if (flag.signal.exchange(signal) != 0) ::_exit(128 + signal);
}

}  // namespace

run::StopFlag& install_signal_handlers() {
  struct sigaction action {};
  action.sa_handler = ask_to_stop;
  sigemptyset(&action.sa_mask);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    // A parent that ignores hang-ups (nohup) wants them ignored.
    struct sigaction before {};
    sigaction(signal, nullptr, &before);
    if (before.sa_handler != SIG_IGN) sigaction(signal, &action, nullptr);
  }
  std::signal(SIGPIPE, SIG_IGN);
  return flag;
}

}  // namespace looktwice::cli
