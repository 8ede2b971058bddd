#include "harness/cli/wiring.h"

#include <fnmatch.h>
#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <set>
#include <sstream>

#include "adapters/catalogue.h"
#include "harness/core/error.h"
#include "harness/core/fingerprint.h"
#include "harness/core/random.h"
#include "harness/core/text.h"
#include "metrics/catalogue.h"
#include "metrics/measure.h"
#include "suites/catalogue.h"
#include "suites/datasets/catalogue.h"

namespace looktwice::cli {
namespace {

[[noreturn]] void refuse_name(const char* what, const std::string& name,
                              const std::vector<std::string>& known) {
  std::string message = std::string("no ") + what + " '" + printable(name, 80) + "'";
  const std::string near = nearest(name, known);
  message +=
      near.empty() ? "; `looktwice list` shows what there is" : "; did you mean '" + near + "'?";
  throw Error(Kind::usage, message);
}

template <class Entry>
Entry entry_named(const char* what, const std::string& name, std::vector<Entry> catalogue) {
  std::vector<std::string> known;
  for (Entry& entry : catalogue) {
    if (entry.name == name) return std::move(entry);
    known.push_back(entry.name);
  }
  refuse_name(what, name, known);
}

bool takes(const std::string& pattern, const std::string& task) {
  return pattern == task || task.starts_with(pattern + ".") ||
         ::fnmatch(pattern.c_str(), task.c_str(), 0) == 0;
}

// "qwen", "qwen+blind+similar", "blind".
void refuse_unknown_variant(const TaskInfo& task, const std::string& variant) {
  std::vector<std::string> known = task.variants;
  std::istringstream in(variant);
  for (std::string word; std::getline(in, word, '+');) {
    if (std::ranges::find(known, word) == known.end() &&
        std::ranges::find(task.modifiers, word) == task.modifiers.end()) {
      known.insert(known.end(), task.modifiers.begin(), task.modifiers.end());
      refuse_name(("variant of " + task.name).c_str(), word, known);
    }
    known.clear();  // a variant comes first
  }
  if (variant.ends_with('+') || (variant.empty() ? false : variant.front() == '+'))
    refuse_name(("variant of " + task.name).c_str(), variant, task.variants);
}

// Drawn, not cut from the front: a sorted set begins with one defect type.
void limit_samples(run::Task& task, std::int64_t limit, std::uint64_t seed) {
  const auto n = static_cast<std::uint32_t>(task.samples.size());
  if (limit <= 0 || limit >= n) return;
  std::vector<std::uint32_t> kept = permutation(n, static_cast<std::uint32_t>(seed));
  kept.resize(static_cast<std::size_t>(limit));
  std::ranges::sort(kept);
  std::vector<Sample> samples;
  for (const std::uint32_t i : kept) samples.push_back(std::move(task.samples[i]));
  task.samples = std::move(samples);
}

}  // namespace

std::vector<TaskName> tasks_named(const std::string& text) {
  std::vector<TaskName> tasks;
  std::set<std::string> seen;
  std::vector<std::string> known;
  for (const SuiteEntry& suite : suites::suite_catalogue())
    for (const TaskInfo& task : suite.tasks) known.push_back(task.name);
  std::istringstream in(text);
  for (std::string word; std::getline(in, word, ',');) {
    if (word.empty()) continue;
    const std::size_t colon = word.find(':');
    const std::string pattern = word.substr(0, colon);
    const std::string variant = colon == std::string::npos ? "" : word.substr(colon + 1);
    bool found = false;
    for (const SuiteEntry& suite : suites::suite_catalogue())
      for (const TaskInfo& task : suite.tasks) {
        if (!takes(pattern, task.name)) continue;
        found = true;
        refuse_unknown_variant(task, variant);
        if (seen.insert(task.name + ":" + variant).second) tasks.push_back({task.name, variant});
      }
    if (!found) refuse_name("task", pattern, known);
  }
  if (tasks.empty())
    throw Error(Kind::usage, "--tasks: expected at least one task; `looktwice list` shows them");
  return tasks;
}

std::vector<std::string> metrics_named(const std::string& text) {
  std::vector<std::string> names, known;
  for (const metrics::MetricEntry& family : metrics::metric_catalogue())
    for (const metrics::ValueInfo& info : family.gives) known.push_back(info.name);
  for (const metrics::Measure& measure : metrics::measure_catalogue())
    known.push_back(measure.name);
  std::istringstream in(text);
  for (std::string word; std::getline(in, word, ',');) {
    if (word.empty()) continue;
    const std::size_t before = names.size();
    for (const std::string& name : known)
      if (::fnmatch(word.c_str(), name.c_str(), 0) == 0) names.push_back(name);
    if (names.size() == before) refuse_name("metric", word, known);
  }
  return names;
}

run::Task loaded_task(const TaskName& name, const TaskLoading& loading) {
  run::Task task{.name = name.name, .variant = name.variant};
  for (const SuiteEntry& suite : suites::suite_catalogue())
    if (std::ranges::find(suite.tasks, name.name, &TaskInfo::name) != suite.tasks.end())
      task.suite = suite.make(name.name, name.variant);
  if (!task.suite) throw Error(Kind::usage, "no task '" + printable(name.name, 80) + "'");
  Loaded loaded = task.suite->load({.data_root = loading.data_root,
                                    .codec = loading.codec,
                                    .num_fewshot = loading.num_fewshot,
                                    .seed = loading.seed});
  task.root = std::move(loaded.root);
  task.samples = std::move(loaded.samples);
  task.warnings = std::move(loaded.warnings);
  task.samples_in_set = static_cast<std::int64_t>(task.samples.size());
  if (task.samples.empty())
    throw Error(Kind::data,
                printable(task.root.string()) + ": no test samples for " + task.full_name());
  limit_samples(task, loading.limit, loading.seed);
  task.fingerprint = fingerprint(task.samples, task.root, loading.threads);
  return task;
}

AdapterEntry adapter_named(const std::string& name) {
  return entry_named("model", name, adapters::adapter_catalogue());
}

DatasetEntry dataset_named(const std::string& name) {
  return entry_named("data set", name, datasets::dataset_catalogue());
}

DatasetChoice dataset_with_variant(const std::string& text) {
  const std::size_t colon = text.find(':');
  DatasetChoice made{.entry = dataset_named(text.substr(0, colon)),
                     .variant = colon == std::string::npos ? "" : text.substr(colon + 1)};
  const std::vector<std::string>& known = made.entry.variants;
  if (made.variant.empty() && !known.empty()) made.variant = known.front();
  if (made.variant.empty() || std::ranges::find(known, made.variant) != known.end()) return made;
  std::string message = made.entry.name + ": no variant '" + printable(made.variant, 40) + "'; ";
  message += known.empty() ? "it has none" : "it has";
  for (const std::string& one : known) message += " " + one;
  throw Error(Kind::usage, message);
}

std::filesystem::path usual_answer_cache() {
  const auto variable = [](const char* name) -> std::filesystem::path {
    const char* value = std::getenv(name);
    return value ? value : "";
  };
  const std::filesystem::path below = std::filesystem::path("looktwice") / "answers.sqlite";
  if (const auto cache = variable("XDG_CACHE_HOME"); cache.is_absolute()) return cache / below;
  if (const auto home = variable("HOME"); !home.empty()) return home / ".cache" / below;
  return {};
}

std::vector<std::string> list_of(const std::string& text) {
  std::vector<std::string> list;
  std::istringstream in(text);
  for (std::string word; std::getline(in, word, ',');)
    if (!word.empty()) list.push_back(word);
  return list;
}

void refuse_bad_level(double level) {
  if (!(level > 0.5 && level < 1))
    throw Error(Kind::usage, "--level: expected a number between 0.5 and 1, such as 0.95");
}

int available_threads() {
  cpu_set_t processors;
  CPU_ZERO(&processors);
  if (::sched_getaffinity(0, sizeof processors, &processors) != 0) return 1;
  return std::max(1, CPU_COUNT(&processors));
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

}  // namespace looktwice::cli
