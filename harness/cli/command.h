// A command of the program: its options, and what it does. CLI11 stays behind this header (it costs
// 15 s a file). Not here: anything a library should do; commands only wire parts and print.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "harness/run/stop.h"

namespace CLI {
class App;
}

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
  std::vector<std::string> words = {};  // the command line as given, for the manifest
  std::function<int()> action = {};     // of the command that was named; gives the exit code
};

// Declares options on variables that must live until the action is done. The value that a variable
// has is the default that help shows; of an option given twice the last one counts.
class Command {
 public:
  enum class Need { optional, required };
  using Path = std::filesystem::path;

  Command& option(const char* name, std::string& value, const std::string& help,
                  Need need = Need::optional);
  Command& option(const char* name, Path& value, const std::string& help,
                  Need need = Need::optional);
  Command& option(const char* name, int& value, const std::string& help,
                  Need need = Need::optional);
  Command& option(const char* name, std::int64_t& value, const std::string& help,
                  Need need = Need::optional);
  Command& option(const char* name, std::uint64_t& value, const std::string& help,
                  Need need = Need::optional);
  Command& option(const char* name, double& value, const std::string& help,
                  Need need = Need::optional);
  Command& flag(const char* name, bool& value, const std::string& help);
  // Words without a name.
  Command& word(const char* name, std::string& value, const std::string& help,
                Need need = Need::optional);
  Command& word(const char* name, Path& value, const std::string& help, Need need = Need::optional);
  Command& words(const char* name, std::vector<Path>& values, const std::string& help,
                 Need need = Need::required);
  Command add(const char* name, const std::string& help);  // a command below this one
  void action(std::function<int()> act);

 private:
  friend int command_line(const std::vector<std::string>& words, Context& context);
  Command(CLI::App& app, Context& context) : app_(app), context_(context) {}
  CLI::App& app_;
  Context& context_;
};

void add_run(Command& program, Context& context);
void add_score(Command& program, Context& context);
void add_embed(Command& program, Context& context);
void add_judge(Command& program, Context& context);
void add_report(Command& program, Context& context);
void add_leaderboard(Command& program, Context& context);
void add_compare(Command& program, Context& context);
void add_gate(Command& program, Context& context);
void add_maps(Command& program, Context& context);
void add_plan(Command& program, Context& context);
void add_profile(Command& program, Context& context);
void add_list(Command& program, Context& context);
void add_data(Command& program, Context& context);
void add_masks(Command& data, Context& context);  // data masks
void add_audit(Command& program, Context& context);
void add_bench(Command& program, Context& context);
void add_contamination(Command& audit, Context& context);  // audit contamination, audit manifest
void add_doctor(Command& program, Context& context);

// Parses (configuration file included) and acts. Kind::usage with a suggestion for what is wrong.
int command_line(const std::vector<std::string>& words, Context& context);

}  // namespace looktwice::cli
