#include "adapters/predictions/name_index.h"

#include <algorithm>

#include "harness/core/error.h"
#include "harness/core/text.h"

namespace looktwice::adapters {
namespace {

std::string_view last_part(std::string_view name) {
  const std::size_t slash = name.rfind('/');
  return slash == std::string_view::npos ? name : name.substr(slash + 1);
}

// A suffix is 1 to 5 letters or digits, not all of them digits: "crop.12" keeps its end.
std::string_view without_suffix(std::string_view name) {
  const std::string_view last = last_part(name);
  const std::size_t dot = last.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return name;
  const std::string_view suffix = last.substr(dot + 1);
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  if (suffix.empty() || suffix.size() > 5 || std::ranges::none_of(suffix, letter) ||
      !std::ranges::all_of(suffix, [&](char c) { return letter(c) || digit(c); }))
    return name;
  return name.substr(0, name.size() - suffix.size() - 1);
}

// Whole folder names only: "s/000" does not end "parts/000".
bool ends_with_path(std::string_view whole, std::string_view end) {
  return whole.ends_with(end) && (whole.size() == end.size() || end.front() == '/' ||
                                  whole[whole.size() - end.size() - 1] == '/');
}

}  // namespace

std::string tidy_name(std::string_view name) {
  std::string tidy;
  for (const char c : name) {
    const char next = c == '\\' ? '/' : c;
    if (next == '/' && tidy.ends_with('/')) continue;
    if (next == '/' && tidy == ".") {
      tidy.clear();
      continue;
    }
    tidy += next;
  }
  return tidy;
}

void NameIndex::add(const std::string& name, std::size_t thing) {
  const std::size_t entry = entries_.size();
  const std::string tidy = tidy_name(name);
  entries_.push_back({.name = tidy, .thing = thing});
  by_name_.emplace(tidy, entry);
  const std::string_view bare = without_suffix(tidy);
  by_bare_name_.emplace(bare, entry);
  by_stem_.emplace(last_part(bare), entry);
}

std::optional<std::size_t> NameIndex::entry_for(const std::string& sample) const {
  const std::string name = tidy_name(sample);
  const std::string_view bare = without_suffix(name);
  const auto only = [&](const std::vector<std::size_t>& fitting) -> std::optional<std::size_t> {
    if (fitting.empty()) return {};
    if (fitting.size() == 1) return fitting[0];
    throw Error(Kind::data, "sample '" + printable(sample) + "' fits the " + what_ + "s '" +
                                printable(entries_[fitting[0]].name) + "' and '" +
                                printable(entries_[fitting[1]].name) + "'" +
                                (fitting.size() > 2 ? " and more" : ""));
  };
  const auto all = [](const auto& index, std::string_view key) {
    std::vector<std::size_t> fitting;
    for (auto [at, end] = index.equal_range(key); at != end; ++at) fitting.push_back(at->second);
    return fitting;
  };
  if (const auto exact = only(all(by_name_, name))) return exact;
  if (const auto exact = only(all(by_bare_name_, bare))) return exact;
  std::vector<std::size_t> fitting = all(by_stem_, last_part(bare));
  std::erase_if(fitting, [&](std::size_t entry) {
    const std::string_view recorded = without_suffix(entries_[entry].name);
    return !ends_with_path(recorded, bare) && !ends_with_path(bare, recorded);
  });
  return only(fitting);
}

std::optional<std::size_t> NameIndex::find(const std::string& sample) {
  const auto known = found_.find(sample);
  if (known != found_.end()) return known->second;
  std::optional<std::size_t> thing;
  if (const auto number = entry_for(sample)) {
    Entry& entry = entries_[*number];
    if (entry.owner)
      throw Error(Kind::data, "the " + what_ + " '" + printable(entry.name) +
                                  "' fits the samples '" + printable(*entry.owner) + "' and '" +
                                  printable(sample) + "'; record more of the path");
    entry.owner = sample;
    thing = entry.thing;
  }
  found_.emplace(sample, thing);
  return thing;
}

std::vector<std::string> NameIndex::unused() const {
  std::vector<std::string> names;
  for (const Entry& entry : entries_)
    if (!entry.owner) names.push_back(entry.name);
  std::ranges::sort(names);
  return names;
}

}  // namespace looktwice::adapters
