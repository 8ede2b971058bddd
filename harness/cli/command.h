// A command of the program: its options on a CLI11 app, and what it does.
// Not here: anything a library should do; commands only wire parts and print.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "harness/run/stop.h"

namespace looktwice::cli {

struct Terminal {
  bool out_is_tty = false, err_is_tty = false;
  bool colour = false;  // NO_COLOR and TERM=dumb obeyed
  int width = 100;      // columns of stdout
};

// What all commands share. Lives as long as the process.
struct Context {
  Terminal terminal = {};
  run::StopFlag* stop = nullptr;
  std::function<int()> action = {};  // set by the command that was named; its exit code
  std::vector<std::string> words = {};  // the command line as given, for the manifest
};

void add_run(CLI::App& app, Context& context);
void add_score(CLI::App& app, Context& context);
void add_report(CLI::App& app, Context& context);
void add_leaderboard(CLI::App& app, Context& context);
void add_list(CLI::App& app, Context& context);
void add_data(CLI::App& app, Context& context);
void add_doctor(CLI::App& app, Context& context);

}  // namespace looktwice::cli
