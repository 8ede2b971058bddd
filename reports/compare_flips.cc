#include "reports/compare_flips.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "metrics/stats/correlation.h"

namespace looktwice::reports {
namespace {

using Sample = PairedTask::Sample;

const Mark* mark_by(const Outcome& outcome, const std::string& scorer) {
  if (outcome.status != Status::answered) return nullptr;
  for (const Mark& mark : outcome.marks)
    if (mark.scorer == scorer) return mark.unscored_because.empty() ? &mark : nullptr;
  return nullptr;
}

// The F1-max threshold of a run for a category, else over all samples.
std::optional<double> own_threshold(const store::Summary& summary, const std::string& task,
                                    const std::string& scorer, const std::string& category) {
  std::optional<double> pooled;
  for (const store::Row& row : summary.rows) {
    if (row.task != task || row.scorer != scorer || row.metric != "f1_max") continue;
    if (row.group == category && row.threshold) return row.threshold;
    if (row.group == "pooled") pooled = row.threshold;
  }
  return pooled;
}

// What a run says of a sample: anomalous or not, or, without a truth to hold it against, right or
// wrong.
using Says = std::function<std::optional<bool>(const Outcome&, bool is_first)>;

struct Judged {
  const Sample* sample = nullptr;
  bool first_says = false, second_says = false;
  bool first_right = false, second_right = false;
};

std::vector<Judged> judged(const PairedTask& task, const Says& says, bool against_truth) {
  std::vector<Judged> all;
  for (const Sample& sample : task.samples) {
    const auto first = says(sample.first, true), second = says(sample.second, false);
    if (!first || !second || (against_truth && !sample.first.anomalous)) continue;
    const bool truth = !against_truth || *sample.first.anomalous;
    all.push_back({&sample, *first, *second, *first == truth, *second == truth});
  }
  return all;
}

// How far apart the runs rank a sample, each among its own scores; the clearest flips come first.
std::vector<double> disagreement(const std::vector<Judged>& flips, const PairedTask& task,
                                 const std::string& scorer) {
  std::vector<double> first, second, apart(flips.size(), 0);
  std::vector<std::size_t> place(flips.size());
  std::size_t next = 0;
  for (const Sample& sample : task.samples) {
    const Mark *a = mark_by(sample.first, scorer), *b = mark_by(sample.second, scorer);
    if (!a || !b || !a->score || !b->score) continue;
    if (!std::isfinite(*a->score) || !std::isfinite(*b->score)) continue;
    while (next < flips.size() && flips[next].sample < &sample) place[next++] = first.size() + 1;
    if (next < flips.size() && flips[next].sample == &sample) place[next++] = first.size();
    first.push_back(*a->score);
    second.push_back(*b->score);
  }
  if (first.empty()) return apart;
  const std::vector<double> of_first = metrics::midranks(first),
                            of_second = metrics::midranks(second);
  for (std::size_t i = 0; i < next; ++i)
    if (place[i] < first.size()) apart[i] = std::fabs(of_first[place[i]] - of_second[place[i]]);
  return apart;
}

Comparison::Flip flip_of(const Judged& one, const std::string& scorer) {
  Comparison::Flip flip{.first = one.sample->first,
                        .second = one.sample->second,
                        .first_says = one.first_says,
                        .second_says = one.second_says};
  if (const Mark* mark = mark_by(flip.first, scorer)) flip.first_score = mark->score;
  if (const Mark* mark = mark_by(flip.second, scorer)) flip.second_score = mark->score;
  return flip;
}

void keep(const std::vector<Judged>& flips, const PairedTask& task, const std::string& scorer,
          int listed, std::vector<Comparison::Flip>& samples, std::vector<std::string>& ids) {
  const std::vector<double> apart = disagreement(flips, task, scorer);
  std::vector<std::size_t> order(flips.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t i, std::size_t j) { return apart[i] > apart[j]; });
  for (const std::size_t i : order) {
    ids.push_back(flips[i].sample->first.sample);
    if (std::ssize(samples) < listed) samples.push_back(flip_of(flips[i], scorer));
  }
}

// Against the truth; and the rule in words.
std::vector<Judged> decided(const PairedTask& task, const store::Summary& first,
                            const store::Summary& second, const std::string& scorer,
                            std::string& rule) {
  std::vector<Judged> all = judged(
      task,
      [&](const Outcome& outcome, bool) {
        const Mark* mark = mark_by(outcome, scorer);
        return mark ? mark->decision : std::nullopt;
      },
      true);
  if (!all.empty()) {
    rule = "decisions as generated";
    return all;
  }
  all = judged(
      task,
      [&](const Outcome& outcome, bool is_first) -> std::optional<bool> {
        const Mark* mark = mark_by(outcome, scorer);
        if (!mark || !mark->score) return {};
        const auto threshold =
            own_threshold(is_first ? first : second, is_first ? task.first.task : task.second.task,
                          scorer, outcome.category);
        if (!threshold) return {};
        return *mark->score >= *threshold;
      },
      true);
  if (!all.empty())
    rule =
        "the answers are scores, so each run's own F1-max threshold decides (per category where "
        "it has one)";
  return all;
}

}  // namespace

std::vector<PairedDecision> paired_decisions(const PairedTask& task, const store::Summary& first,
                                             const store::Summary& second,
                                             const std::string& scorer) {
  std::string rule;
  std::vector<PairedDecision> decisions;
  for (const Judged& one : decided(task, first, second, scorer, rule))
    decisions.push_back({.anomalous = *one.sample->first.anomalous,
                         .first = one.first_says,
                         .second = one.second_says});
  return decisions;
}

Comparison::Flips flips_of(const PairedTask& task, const store::Summary& first,
                           const store::Summary& second, const std::string& scorer, int listed) {
  Comparison::Flips flips{.task = task.name, .scorer = scorer};
  std::vector<Judged> all = decided(task, first, second, scorer, flips.rule);
  if (all.empty()) {
    const std::string& metric = task.first.headline;
    all = judged(
        task,
        [&](const Outcome& outcome, bool) -> std::optional<bool> {
          const Mark* mark = mark_by(outcome, scorer);
          if (!mark) return {};
          const auto found = mark->values.find(metric);
          if (found == mark->values.end()) return {};
          if (found->second != 0 && found->second != 1) return {};
          return found->second == 1;
        },
        false);
    if (!all.empty()) flips.rule = metric_title(metric) + " of the sample is 1 or 0";
  }
  std::vector<Judged> lost, won;
  for (const Judged& one : all) {
    if (one.first_right && one.second_right)
      ++flips.both_right;
    else if (!one.first_right && !one.second_right)
      ++flips.both_wrong;
    else
      (one.first_right ? lost : won).push_back(one);
  }
  flips.lost = std::ssize(lost);
  flips.won = std::ssize(won);
  keep(lost, task, scorer, listed, flips.lost_samples, flips.lost_ids);
  keep(won, task, scorer, listed, flips.won_samples, flips.won_ids);
  return flips;
}

}  // namespace looktwice::reports
