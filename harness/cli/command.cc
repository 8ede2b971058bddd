#include "harness/cli/command.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "harness/cli/print.h"
#include "harness/cli/version.h"
#include "harness/cli/words.h"
#include "harness/core/error.h"
#include "harness/core/options.h"

namespace looktwice::cli {
namespace {

template <class Type>
void add_option(CLI::App& app, const char* name, Type& value, const std::string& help,
                Command::Need need) {
  CLI::Option* option = app.add_option(std::string("--") + name, value, help)->take_last();
  if (need == Command::Need::required)
    option->required();
  else
    option->capture_default_str();
}

// Paths as text: CLI11 of Ubuntu 22.04 shows std::filesystem::path with quotes in its help.
CLI::Option* add_path(CLI::App& app, const std::string& name, std::filesystem::path& value,
                      const std::string& help) {
  return app.add_option_function<std::string>(
      name, [&value](const std::string& text) { value = text; }, help);
}

// The command that was named, or the program itself.
CLI::App& innermost(CLI::App& app) {
  CLI::App* found = &app;
  for (std::vector<CLI::App*> next; !(next = found->get_subcommands()).empty();)
    found = next.front();
  return *found;
}

// CLI11 says what is wrong; which word was meant otherwise is ours to guess. It complains of a
// missing option before an unknown one, though the unknown one is often the missing one misspelt:
// unknown words are looked for first.
std::string with_suggestion(CLI::App& app, const std::vector<std::string>& words,
                            const std::string& message) {
  CLI::App& command = innermost(app);
  std::vector<std::string> options, commands;
  for (const CLI::Option* option : command.get_options())
    for (const std::string& name : option->get_lnames()) options.push_back("--" + name);
  for (const CLI::App* sub : command.get_subcommands([](CLI::App*) { return true; }))
    commands.push_back(sub->get_name());
  const std::string prefix = &command == &app ? "" : command.get_name() + ": ";
  for (const std::string& word : words) {
    const std::string name = word.substr(0, word.find('='));
    const std::vector<std::string>* known = name.starts_with("--") ? &options
                                            : commands.empty()     ? nullptr
                                                                   : &commands;
    if (!known || word == command.get_name() || std::ranges::find(*known, name) != known->end())
      continue;
    const std::string near = nearest(name, *known);
    return prefix + (known == &options ? "no option '" : "no command '") + name + "'" +
           (near.empty() ? "" : "; did you mean '" + near + "'?");
  }
  return prefix + message + "; see `looktwice " + (prefix.empty() ? "" : command.get_name() + " ") +
         "--help`";
}

}  // namespace

Command& Command::option(const char* name, std::string& value, const std::string& help, Need need) {
  add_option(app_, name, value, help, need);
  return *this;
}
Command& Command::option(const char* name, int& value, const std::string& help, Need need) {
  add_option(app_, name, value, help, need);
  return *this;
}
Command& Command::option(const char* name, std::int64_t& value, const std::string& help,
                         Need need) {
  add_option(app_, name, value, help, need);
  return *this;
}
Command& Command::option(const char* name, std::uint64_t& value, const std::string& help,
                         Need need) {
  add_option(app_, name, value, help, need);
  return *this;
}
Command& Command::option(const char* name, double& value, const std::string& help, Need need) {
  add_option(app_, name, value, help, need);
  return *this;
}
Command& Command::option(const char* name, Path& value, const std::string& help, Need need) {
  CLI::Option* option = add_path(app_, std::string("--") + name, value, help)->take_last();
  if (need == Need::required) option->required();
  return *this;
}

Command& Command::flag(const char* name, bool& value, const std::string& help) {
  app_.add_flag(std::string("--") + name, value, help);
  return *this;
}

Command& Command::word(const char* name, std::string& value, const std::string& help, Need need) {
  app_.add_option(name, value, help)->required(need == Need::required);
  return *this;
}

Command& Command::word(const char* name, Path& value, const std::string& help, Need need) {
  add_path(app_, name, value, help)->required(need == Need::required);
  return *this;
}

Command& Command::words(const char* name, std::vector<Path>& values, const std::string& help,
                        Need need) {
  app_.add_option_function<std::vector<std::string>>(
          name,
          [&values](const std::vector<std::string>& texts) {
            values.assign(texts.begin(), texts.end());
          },
          help)
      ->required(need == Need::required);
  return *this;
}

Command Command::add(const char* name, const std::string& help) {
  app_.require_subcommand(1);
  return {*app_.add_subcommand(name, help), context_};
}

void Command::action(std::function<int()> act) {
  Context& context = context_;
  app_.callback([&context, act = std::move(act)] { context.action = act; });
}

int command_line(const std::vector<std::string>& given, Context& context) {
  const std::string version_line = version() + " (" + commit() + ")";
  CLI::App app("LookTwice " + version() +
                   ": benchmark and evaluation of visual anomaly detection and reasoning",
               "looktwice");
  app.set_version_flag("--version", version_line);
  app.set_help_flag("-h,--help", "this text; also behind each command");
  Command program(app, context);
  for (const auto add : {add_run, add_score, add_embed, add_judge, add_report, add_maps,
                         add_leaderboard, add_compare, add_gate, add_plan, add_profile, add_audit,
                         add_list, add_data, add_bench, add_doctor})
    add(program, context);
  app.footer("Any command takes its options from a file too: --config run.yaml");
  const std::vector<std::string> words = with_config(normalised(given));
  try {
    std::vector<std::string> reversed(words.rbegin(), words.rend());
    app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    print(innermost(app).help());
    return 0;
  } catch (const CLI::CallForVersion&) {
    print(version_line + "\n");
    return 0;
  } catch (const CLI::ParseError& error) {
    throw Error(Kind::usage, with_suggestion(app, words, error.what()));
  }
  return context.action();
}

}  // namespace looktwice::cli
