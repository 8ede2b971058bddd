#include "reports/outcome_scan.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace looktwice::reports {
namespace {

const Mark* mark_by(const Outcome& outcome, const std::string& scorer) {
  for (const Mark& mark : outcome.marks)
    if (mark.scorer == scorer) return &mark;
  return nullptr;
}

// The k samples of the largest key; equal keys: the earlier one.
class Largest {
 public:
  explicit Largest(int k) : k_(static_cast<std::size_t>(std::max(k, 0))) {}

  void add(double key, const Outcome& outcome) {
    if (kept_.size() == k_ && (k_ == 0 || key <= kept_.back().first)) return;
    const auto place = std::upper_bound(kept_.begin(), kept_.end(), key,
                                        [](double a, const auto& b) { return a > b.first; });
    kept_.insert(place, {key, outcome});
    if (kept_.size() > k_) kept_.pop_back();
  }
  std::vector<Outcome> taken() {
    std::vector<Outcome> outcomes;
    for (auto& [key, outcome] : kept_) outcomes.push_back(std::move(outcome));
    return outcomes;
  }

 private:
  std::size_t k_;
  std::vector<std::pair<double, Outcome>> kept_;
};

class TaskScanner {
 public:
  TaskScanner(const std::string& task, const ScanOptions& options)
      : options_(options), likest_anomalous_(options.worst), likest_normal_(options.worst) {
    scan_.task = task;
  }

  void add(const Outcome& outcome) {
    if (outcome.status == Status::failed) return list(scan_.failed, outcome, outcome.error);
    if (outcome.status == Status::refused) return list(scan_.refused, outcome, outcome.error);
    list_unscored(outcome);
    if (!outcome.anomalous) return;
    for (const Mark& mark : outcome.marks) add_decision(mark, *outcome.anomalous);
    add_score(outcome);
  }

  TaskScan taken() {
    scan_.likest_anomalous = likest_anomalous_.taken();
    scan_.likest_normal = likest_normal_.taken();
    return std::move(scan_);
  }

 private:
  void list(std::vector<ListedSample>& samples, const Outcome& outcome, const std::string& why) {
    if (samples.size() < static_cast<std::size_t>(options_.listed))
      samples.push_back({outcome.sample, outcome.category, why});
  }

  void list_unscored(const Outcome& outcome) {
    std::string why;
    for (const Mark& mark : outcome.marks)
      if (!mark.unscored_because.empty())
        why += (why.empty() ? "" : "; ") + mark.scorer + ": " + mark.unscored_because;
    if (!why.empty()) list(scan_.unscored, outcome, why);
  }

  void add_decision(const Mark& mark, bool anomalous) {
    if (!mark.decision || !mark.unscored_because.empty()) return;
    auto found = std::find_if(scan_.confusions.begin(), scan_.confusions.end(),
                              [&](const Confusion& c) { return c.scorer == mark.scorer; });
    if (found == scan_.confusions.end())
      found = scan_.confusions.insert(found, Confusion{.scorer = mark.scorer});
    if (*mark.decision)
      ++(anomalous ? found->true_positive : found->false_positive);
    else
      ++(anomalous ? found->false_negative : found->true_negative);
  }

  // The scorer is settled by the first sample with a score.
  void add_score(const Outcome& outcome) {
    if (scan_.scorer.empty()) {
      for (const Mark& mark : outcome.marks)
        if (mark.score && (scan_.scorer.empty() || mark.scorer == "official"))
          scan_.scorer = mark.scorer;
      if (scan_.scorer.empty()) return;
    }
    const std::optional<double> score = score_by(outcome, scan_.scorer);
    if (!score || !std::isfinite(*score)) return;
    const auto [category, is_new] = categories_.try_emplace(
        outcome.category, static_cast<std::uint32_t>(scan_.categories.size()));
    if (is_new) scan_.categories.push_back(outcome.category);
    const Mark* mark = mark_by(outcome, scan_.scorer);
    scan_.scores_are_decisions = (scan_.scores.empty() || scan_.scores_are_decisions) &&
                                 mark->values.contains("score_is_decision");
    scan_.scores.push_back({*score, category->second, *outcome.anomalous});
    if (*outcome.anomalous)
      likest_normal_.add(-*score, outcome);
    else
      likest_anomalous_.add(*score, outcome);
  }

  const ScanOptions& options_;
  TaskScan scan_;
  Largest likest_anomalous_, likest_normal_;
  std::map<std::string, std::uint32_t> categories_;
};

}  // namespace

std::optional<double> score_by(const Outcome& outcome, const std::string& scorer) {
  const Mark* mark = mark_by(outcome, scorer);
  return mark && mark->unscored_because.empty() ? mark->score : std::nullopt;
}

OutcomeScan scan_outcomes(const RunView& run, const ScanOptions& options) {
  OutcomeScan scan;
  std::vector<TaskScanner> scanners;
  std::map<std::string, std::size_t> places;
  for (const store::TaskSummary& task : run.summary.tasks) {
    places.emplace(task.task, scanners.size());
    scanners.emplace_back(task.task, options);
  }
  scan.has_outcomes = for_each_outcome(run, [&](const Outcome& outcome) {
    if (const auto place = places.find(outcome.task); place != places.end())
      scanners[place->second].add(outcome);
  });
  for (TaskScanner& scanner : scanners) scan.tasks.push_back(scanner.taken());
  return scan;
}

}  // namespace looktwice::reports
