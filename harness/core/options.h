// Options of an adapter as a plain struct with `void visit(auto&& option)`; parsed, printed and
// logged from that one place. Not here: the command line itself (harness/cli).
#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace looktwice {

// name=value pairs as given: `--model_args reply=no,threads=2`. '-' and '_' in names are the same.
using Arguments = std::map<std::string, std::string>;

struct OptionInfo {
  std::string name = {}, type = {}, default_value = {}, help = {};
};

// Text to value; throws Error{Kind::usage} that names the option and what was expected.
void parse_option(std::string_view name, const std::string& text, bool& value);
void parse_option(std::string_view name, const std::string& text, int& value);
void parse_option(std::string_view name, const std::string& text, std::int64_t& value);
void parse_option(std::string_view name, const std::string& text, double& value);
void parse_option(std::string_view name, const std::string& text, std::string& value);
void parse_option(std::string_view name, const std::string& text, std::filesystem::path& value);
std::string option_text(bool value);
std::string option_text(int value);
std::string option_text(std::int64_t value);
std::string option_text(double value);
std::string option_text(const std::string& value);
std::string option_text(const std::filesystem::path& value);
const char* option_type(bool);
const char* option_type(int);
const char* option_type(std::int64_t);
const char* option_type(double);
const char* option_type(const std::string&);
const char* option_type(const std::filesystem::path&);

// Throws Error{Kind::usage} for names that `known` lacks, with the nearest known name as a
// suggestion.
void refuse_unknown(const std::string& owner, const Arguments& given,
                    const std::vector<OptionInfo>& known);

// The candidate nearest to `word` by edit distance, empty when none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

// "a=1,b=x" to pairs. A value may hold ',' when quoted: b="x,y". Throws Kind::usage.
Arguments arguments_of(const std::string& text);

template <class Options>
std::vector<OptionInfo> option_list() {
  std::vector<OptionInfo> list;
  Options defaults;
  defaults.visit([&](const char* name, auto& value, const char* help) {
    list.push_back({name, option_type(value), option_text(value), help});
  });
  return list;
}

template <class Options>
Options parsed(const std::string& owner, const Arguments& given) {
  refuse_unknown(owner, given, option_list<Options>());
  Options options;
  options.visit([&](const char* name, auto& value, const char*) {
    const auto found = given.find(name);
    if (found != given.end()) parse_option(name, found->second, value);
  });
  return options;
}

// The options as used, defaults included: for run.json.
template <class Options>
Arguments as_used(Options options) {
  Arguments used;
  options.visit(
      [&](const char* name, auto& value, const char*) { used[name] = option_text(value); });
  return used;
}

}  // namespace looktwice
