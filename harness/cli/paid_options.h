// The options of commands that may ask a server for money: `run` and `judge`. Not here: prices.
#pragma once

#include <filesystem>
#include <string>

#include "harness/cli/command.h"
#include "harness/core/adapter.h"
#include "harness/run/predict.h"

namespace looktwice::cli {

struct PaidOptions {
  std::string cache = "write";
  std::filesystem::path cache_file = {};
  double max_cost = 0;

  void add_to(Command& command);
  AnswerCache answer_cache() const;  // Kind::usage: a mode that is none
  void check() const;                // Kind::usage, before any work
};

// For the progress line: "3 failed  $0.12 of about $3.40".
std::string failures_and_money(const run::Progress& progress, const Spending& spending);

}  // namespace looktwice::cli
