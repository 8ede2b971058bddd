#include "reports/paired_outcomes.h"

#include <fnmatch.h>

#include <algorithm>
#include <map>

#include "harness/core/error.h"
#include "harness/core/options.h"
#include "harness/core/text.h"

namespace looktwice::reports {
namespace {

constexpr std::size_t kTextKept = 400;  // bytes of an answer that a page may quote
constexpr std::size_t kNamed = 3;       // samples that a refusal names

using Outcomes = std::map<std::string, std::map<std::string, Outcome>>;  // task, sample

std::string base_name(const std::string& task) {
  return task.substr(0, task.find(':'));
}

std::string place_of(const RunView& run) {
  return printable(run.folder.string());
}

Outcomes outcomes_of(const RunView& run) {
  Outcomes all;
  const bool there = for_each_outcome(run, [&](const Outcome& outcome) {
    Outcome kept = outcome;
    if (kept.text.size() > kTextKept) kept.text = printable(kept.text, kTextKept);
    all[kept.task][kept.sample] = std::move(kept);
  });
  if (!there)
    throw Error(Kind::data, place_of(run) + ": no outcomes.jsonl; `looktwice score` writes it");
  for (const store::TaskSummary& task : run.summary.tasks)
    if (static_cast<std::int64_t>(all[task.task].size()) != task.counts.samples)
      throw Error(Kind::data, place_of(run) + ": outcomes.jsonl holds " +
                                  std::to_string(all[task.task].size()) + " samples of " +
                                  printable(task.task) + ", summary.json counts " +
                                  std::to_string(task.counts.samples) +
                                  "; run `looktwice score` again");
  return all;
}

std::string named(const std::vector<std::string>& ids) {
  std::string text;
  for (std::size_t i = 0; i < std::min(ids.size(), kNamed); ++i)
    text += (i ? ", '" : "'") + printable(ids[i], 120) + "'";
  return text + (ids.size() > kNamed ? ", ..." : "");
}

// "3 samples only in the first ('a', 'b', 'c')"
std::string only(const std::vector<std::string>& ids, const char* where) {
  return std::to_string(ids.size()) + (ids.size() == 1 ? " sample" : " samples") + " only in the " +
         where + " (" + named(ids) + ")";
}

void refuse_unequal(const PairedTask& task, const RunView& first, const RunView& second) {
  if (task.only_first.empty() && task.only_second.empty()) return;
  std::string text;
  if (!task.only_first.empty()) text = only(task.only_first, "first");
  if (!task.only_second.empty())
    text += (text.empty() ? "" : " and ") + only(task.only_second, "second");
  throw Error(Kind::usage, printable(task.name) + ": " + place_of(first) + " and " +
                               place_of(second) + " hold different samples: " + text +
                               "; --intersect compares the " + std::to_string(task.samples.size()) +
                               " that both have");
}

void refuse_other_truth(const PairedTask& task) {
  for (const PairedTask::Sample& sample : task.samples)
    if (sample.first.anomalous != sample.second.anomalous ||
        sample.first.category != sample.second.category ||
        sample.first.defect != sample.second.defect)
      throw Error(Kind::data, printable(task.name) +
                                  ": the runs saw different data: the truth of '" +
                                  printable(sample.first.sample, 120) + "' is not the same");
}

PairedTask paired_task(const store::TaskSummary& first, const store::TaskSummary& second,
                       Outcomes& of_first, Outcomes& of_second) {
  PairedTask task{.name = base_name(first.task), .first = first, .second = second};
  if (!first.variant.empty()) task.name += ":" + first.variant;
  std::map<std::string, Outcome>& theirs = of_second[second.task];
  for (auto& [id, outcome] : of_first[first.task]) {
    const auto found = theirs.find(id);
    if (found == theirs.end()) {
      task.only_first.push_back(id);
      continue;
    }
    task.samples.push_back({std::move(outcome), std::move(found->second)});
    theirs.erase(found);
  }
  for (const auto& [id, outcome] : theirs) task.only_second.push_back(id);
  return task;
}

const store::TaskSummary* same_task(const RunView& run, const store::TaskSummary& task) {
  for (const store::TaskSummary& one : run.summary.tasks)
    if (base_name(one.task) == base_name(task.task) && one.variant == task.variant) return &one;
  return nullptr;
}

// The same questions about another edition or other labels: told apart from a task that is missing.
void refuse_other_variant(const RunView& run, const store::TaskSummary& task) {
  for (const store::TaskSummary& one : run.summary.tasks)
    if (base_name(one.task) == base_name(task.task))
      throw Error(Kind::data, printable(base_name(task.task)) + ": variant '" +
                                  printable(task.variant) + "' of the first run and '" +
                                  printable(one.variant) + "' of " + place_of(run) +
                                  " do not compare");
}

}  // namespace

bool takes(const std::vector<std::string>& globs, const std::string& name) {
  return globs.empty() || std::any_of(globs.begin(), globs.end(), [&](const std::string& glob) {
           return glob == name || ::fnmatch(glob.c_str(), name.c_str(), 0) == 0;
         });
}

std::vector<PairedTask> paired_tasks(const RunView& first, const RunView& second,
                                     const std::vector<std::string>& tasks, bool intersect) {
  Outcomes of_first = outcomes_of(first), of_second = outcomes_of(second);
  std::vector<PairedTask> paired;
  std::vector<std::string> only_first, only_second, known;
  const auto wanted = [&](const store::TaskSummary& task) {
    return takes(tasks, base_name(task.task)) || takes(tasks, task.task);
  };
  for (const store::TaskSummary& task : first.summary.tasks) {
    known.push_back(base_name(task.task));
    if (!wanted(task)) continue;
    const store::TaskSummary* other = same_task(second, task);
    if (!other) {
      refuse_other_variant(second, task);
      only_first.push_back(task.task);
      continue;
    }
    paired.push_back(paired_task(task, *other, of_first, of_second));
    const PairedTask& pair = paired.back();
    if (!intersect) refuse_unequal(pair, first, second);
    refuse_other_truth(pair);
    const bool same_samples = pair.only_first.empty() && pair.only_second.empty();
    if (same_samples && task.fingerprint != other->fingerprint)
      throw Error(Kind::data, printable(pair.name) + ": " + place_of(first) + " and " +
                                  place_of(second) + " saw different data (fingerprints " +
                                  printable(task.fingerprint.substr(0, 12)) + " and " +
                                  printable(other->fingerprint.substr(0, 12)) + ")");
    if (task.dataset != other->dataset)
      throw Error(Kind::data, printable(pair.name) + ": different data sets, " +
                                  printable(task.dataset) + " and " + printable(other->dataset));
    if (pair.samples.empty())
      throw Error(Kind::usage, printable(pair.name) + ": " + place_of(first) + " and " +
                                   place_of(second) + " have no sample in common");
  }
  for (const store::TaskSummary& task : second.summary.tasks)
    if (wanted(task) && !same_task(first, task)) only_second.push_back(task.task);
  if (paired.empty()) {
    std::string message = place_of(first) + " and " + place_of(second) + " have no task in common";
    if (!tasks.empty()) {
      message += " that '" + printable(tasks.front(), 80) + "' takes";
      const std::string near = nearest(tasks.front(), known);
      if (!near.empty()) message += "; did you mean '" + near + "'?";
    }
    throw Error(Kind::usage, message);
  }
  if (!intersect && !(only_first.empty() && only_second.empty())) {
    std::string message = place_of(first) + " and " + place_of(second) + " hold different tasks:";
    if (!only_first.empty()) message += " only in the first " + named(only_first);
    if (!only_second.empty()) message += " only in the second " + named(only_second);
    throw Error(Kind::usage, message + "; --intersect or --tasks compares the others");
  }
  return paired;
}

}  // namespace looktwice::reports
