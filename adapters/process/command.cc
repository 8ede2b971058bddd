#include "adapters/process/command.h"

#include <algorithm>
#include <array>

#include "harness/core/error.h"
#include "harness/core/text.h"

namespace looktwice::adapters {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

}  // namespace

std::vector<std::string> command_words(std::string_view command) {
  const auto refuse = [&](const std::string& why) {
    throw Error(Kind::usage, "command=" + printable(command) + ": " + why);
  };
  if (command.find('\0') != std::string_view::npos) refuse("a NUL byte");
  std::vector<std::string> words;
  for (std::size_t at = 0; at < command.size();) {
    if (is_blank(command[at])) {
      ++at;
      continue;
    }
    std::string word;
    while (at < command.size() && !is_blank(command[at])) {
      const char c = command[at++];
      if (c == '\'' || c == '"') {
        for (;; ++at) {
          if (at >= command.size()) refuse(std::string("the quote ") + c + " is not closed");
          if (command[at] == c) break;
          const bool escape = c == '"' && command[at] == '\\' && at + 1 < command.size() &&
                              (command[at + 1] == '"' || command[at + 1] == '\\');
          word += command[escape ? ++at : at];
        }
        ++at;
      } else if (c == '\\') {
        if (at >= command.size()) refuse("ends in a backslash");
        word += command[at++];
      } else if (std::string_view("|&;<>`").find(c) != std::string_view::npos ||
                 (c == '$' && at < command.size() && command[at] == '(')) {
        refuse(std::string("'") + c +
               "' means something to a shell, but none runs; quote it, or write sh -c '...'");
      } else {
        word += c;
      }
    }
    words.push_back(std::move(word));
  }
  if (words.empty()) refuse("expected a program and its arguments");
  if (words[0].empty()) refuse("the name of the program is empty");
  return words;
}

std::vector<std::string> names_in(std::string_view list) {
  std::vector<std::string> names;
  std::string name;
  for (const char c : list) {
    if (c != ',' && !is_blank(c)) {
      name += c;
    } else if (!name.empty()) {
      names.push_back(std::move(name));
      name.clear();
    }
  }
  if (!name.empty()) names.push_back(std::move(name));
  return names;
}

bool looks_secret(std::string_view variable) {
  static constexpr std::array<std::string_view, 5> kWithin = {"secret", "password", "passwd",
                                                              "credential", "private_key"};
  static constexpr std::array<std::string_view, 4> kAtEnd = {"api_key", "apikey", "access_key",
                                                             "token"};
  const std::string name = lower_ascii(variable);
  return std::ranges::any_of(kWithin,
                             [&](auto word) { return name.find(word) != std::string::npos; }) ||
         std::ranges::any_of(kAtEnd, [&](auto word) { return name.ends_with(word); });
}

std::vector<std::string> environment_for_child(const char* const* environment,
                                               const std::vector<std::string>& passed) {
  std::vector<std::string> kept;
  bool unbuffered = false;
  for (; *environment; ++environment) {
    const std::string_view entry = *environment;
    const std::string_view name = entry.substr(0, entry.find('='));
    if (looks_secret(name) && std::ranges::find(passed, name) == passed.end()) continue;
    unbuffered = unbuffered || name == "PYTHONUNBUFFERED";
    kept.emplace_back(entry);
  }
  if (!unbuffered) kept.emplace_back("PYTHONUNBUFFERED=1");
  return kept;
}

}  // namespace looktwice::adapters
