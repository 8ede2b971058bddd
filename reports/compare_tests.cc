#include "reports/compare_tests.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <functional>
#include <map>
#include <utility>

#include "harness/store/frame.h"
#include "harness/store/replicates.h"
#include "metrics/stats/correlation.h"
#include "metrics/stats/paired_tests.h"
#include "reports/compare_flips.h"

namespace looktwice::reports {
namespace {

using metrics::PairedTest;
using Sample = PairedTask::Sample;

// What of a sample a metric looks at.
enum class Reads { scores, kinds, decisions, threshold, values, replicates, nothing };

const std::vector<std::string> kKinds = {"structural", "logical"};

bool is_one_of(const std::string& name, std::initializer_list<const char*> names) {
  return std::any_of(names.begin(), names.end(), [&](const char* one) { return name == one; });
}

Reads reads(const std::string& metric) {
  if (metric == "generated_image_accuracy") return Reads::values;
  if (metric.starts_with("joint_")) return Reads::nothing;
  if (is_one_of(metric, {"auroc_of_kinds", "map_max_auroc"})) return Reads::kinds;
  if (metric.starts_with("map_max_auroc_")) return Reads::scores;
  if (is_of_pixels(metric) || is_one_of(metric, {"auroc_mvtec", "average_precision_trapezoid"}))
    return Reads::replicates;
  if (metric.starts_with("auroc") || is_one_of(metric, {"average_precision", "f1_max"}))
    return Reads::scores;
  if (is_one_of(metric, {"accuracy", "precision", "recall", "f1"})) return Reads::decisions;
  if (is_one_of(metric, {"accuracy_at", "precision_at", "recall_at", "f1_at", "accuracy_at_half",
                         "precision_at_half", "recall_at_half", "f1_at_half"}))
    return Reads::threshold;
  return Reads::values;
}

const store::Row* row_of(const store::Summary& summary, const std::string& task,
                         const std::string& scorer, const std::string& metric,
                         const std::string& group) {
  for (const store::Row& row : summary.rows)
    if (row.task == task && row.scorer == scorer && row.metric == metric && row.group == group)
      return &row;
  return nullptr;
}

// "structural" of "auroc_structural": anomalies of that kind against all normal samples.
std::string kind_of(const std::string& metric) {
  for (const std::string& kind : kKinds)
    if (metric == "auroc_" + kind || metric == "map_max_auroc_" + kind) return kind;
  return {};
}

// Of all defects whose kind is `kind`, as the data set calls them: "structural_anomalies".
bool is_of(const Outcome& outcome, const std::string& kind) {
  return outcome.anomalous == true && outcome.defect.starts_with(kind);
}

// What a metric ranks samples by: the answer's score, or the maximum of the map.
std::optional<double> ranked_by(const std::string& metric, const Mark& mark) {
  if (!metric.starts_with(kMapMaximum)) return mark.score;
  const auto found = mark.values.find(kMapMaximum);
  return found == mark.values.end() ? std::optional<double>() : found->second;
}

// A metric's outcome over some samples: a test, or what values there are and why there is no test.
struct Result {
  std::optional<PairedTest> test = {};
  std::string reason = {};
};

class TaskComparer {
 public:
  TaskComparer(const PairedTask& task, const RunView& first, const RunView& second,
               const CompareOptions& options)
      : task_(task), first_(first), second_(second), options_(options) {
    for (std::size_t i = 0; i < task.samples.size(); ++i)
      categories_[task.samples[i].first.category].push_back(i);
    for (std::size_t i = 0; i < task.samples.size(); ++i) all_.push_back(i);
    read_replicates(first, task.first.task, first_drawn_);
    read_replicates(second, task.second.task, second_drawn_);
  }

  TaskTests tests() {
    TaskTests result;
    std::string without;
    for (const store::Row* row : metrics_in_order()) {
      scorer_ = row->scorer;
      metric_ = row->metric;
      if (!takes(options_.metrics, metric_) || find(result.rows)) continue;
      std::vector<Comparison::Row> rows = rows_of_metric(row->higher_is_better);
      const bool any = std::any_of(rows.begin(), rows.end(), [](const Comparison::Row& one) {
        return one.first || one.second || one.p_value;
      });
      if (any)
        for (Comparison::Row& one : rows) result.rows.push_back(std::move(one));
      else if (std::find(named_.begin(), named_.end(), metric_) == named_.end())
        without += (without.empty() ? "" : ", ") + metric_title(metric_), named_.push_back(metric_);
    }
    if (!without.empty())
      result.notes.push_back(task_.name + ": without a value in both runs: " + without + ".");
    scorer_ = scorer_of_task();
    result.counts = counts();
    result.flips = flips_of(task_, first_.summary, second_.summary, scorer_, options_.listed);
    return result;
  }

 private:
  // The headline first; of a metric that both scorers have, the scorer's that is asked for.
  std::vector<const store::Row*> metrics_in_order() const {
    std::vector<const store::Row*> rows;
    const std::string wanted = scorer_of_task();
    for (const store::Row& row : first_.summary.rows) {
      if (row.task != task_.first.task) continue;
      const bool better_there = row.scorer != wanted && row_of(first_.summary, task_.first.task,
                                                               wanted, row.metric, row.group);
      const bool seen = std::any_of(rows.begin(), rows.end(), [&](const store::Row* one) {
        return one->metric == row.metric;
      });
      if (!better_there && !seen) rows.push_back(&row);
    }
    std::stable_partition(rows.begin(), rows.end(), [&](const store::Row* row) {
      return row->metric == task_.first.headline;
    });
    return rows;
  }

  std::string scorer_of_task() const {
    if (!options_.scorer.empty()) return options_.scorer;
    std::string first;
    for (const store::Row& row : first_.summary.rows) {
      if (row.task != task_.first.task || row.metric != task_.first.headline) continue;
      if (row.scorer == "official") return row.scorer;
      if (first.empty()) first = row.scorer;
    }
    return first;
  }

  bool find(const std::vector<Comparison::Row>& rows) const {
    return std::any_of(rows.begin(), rows.end(),
                       [&](const Comparison::Row& row) { return row.metric == metric_; });
  }

  std::vector<Comparison::Row> rows_of_metric(bool higher_is_better) {
    std::vector<Comparison::Row> rows;
    std::vector<PairedTest> classes;
    std::int64_t compared = 0, left_out = 0;
    std::string missing;
    const auto add = [&](const std::string& group, const std::vector<std::size_t>& of_group) {
      const std::vector<std::size_t> members = of_kind(of_group);
      Comparison::Row row = empty_row(group, higher_is_better);
      const std::vector<std::size_t> used = usable(members);
      row.compared = std::ssize(used);
      row.left_out = std::ssize(members) - row.compared;
      Result result = result_of(group, used);
      fill(row, result);
      if (reads(metric_) == Reads::threshold) row.note = thresholds(group);
      rows.push_back(row);
      return result;
    };
    if (categories_.size() > 1) {
      for (const auto& [category, members] : categories_) {
        const Result result = add(category, members);
        if (!result.test || result.test->test.empty()) {
          missing = rows.back().reason;
          continue;
        }
        classes.push_back(*result.test);
        compared += rows.back().compared;
        left_out += rows.back().left_out;
      }
      Comparison::Row macro = empty_row("macro", higher_is_better);
      macro.compared = compared;
      macro.left_out = left_out;
      if (classes.empty()) {
        fill(macro, {.reason = missing});
        const bool any_value =
            std::any_of(rows.begin(), rows.end(),
                        [](const Comparison::Row& one) { return one.first.has_value(); });
        if (any_value) fill(macro, untested("macro", missing));
      } else {
        fill(macro, {.test = metrics::mean_of_tests(classes, options_.level)});
        if (macro.test.empty()) macro.reason = "a class has too few samples for an interval";
        if (classes.size() < categories_.size())
          macro.note = "over " + std::to_string(classes.size()) + " of " +
                       std::to_string(categories_.size()) + " classes";
      }
      rows.push_back(std::move(macro));
    }
    add("pooled", all_);
    return rows;
  }

  Comparison::Row empty_row(const std::string& group, bool higher_is_better) const {
    return {.task = task_.name,
            .scorer = scorer_,
            .metric = metric_,
            .group = group,
            .higher_is_better = higher_is_better};
  }

  static void fill(Comparison::Row& row, const Result& result) {
    row.reason = result.reason;
    if (!result.test) return;
    const PairedTest& test = *result.test;
    row.second = test.a;
    row.first = test.b;
    row.difference = test.difference;
    if (test.interval)
      row.interval = store::Interval{test.interval->low, test.interval->high, test.interval->level,
                                     test.interval->method};
    row.test = test.test;
    if (!test.test.empty()) {
      row.p_value = test.p_value;
      row.variance = test.variance;
    }
  }

  // Values as the summaries have them, where nothing can be tested.
  Result untested(const std::string& group, const std::string& reason) const {
    const store::Row* a = row_of(second_.summary, task_.second.task, scorer_, metric_, group);
    const store::Row* b = row_of(first_.summary, task_.first.task, scorer_, metric_, group);
    Result result{.reason = reason};
    if (!a || !b || !a->value || !b->value) {
      if (a && !a->value && !a->reason.empty()) result.reason = a->reason;
      if (b && !b->value && !b->reason.empty()) result.reason = b->reason;
      return result;
    }
    result.test = PairedTest{.a = *a->value, .b = *b->value, .difference = *a->value - *b->value};
    return result;
  }

  const Mark* mark(const Outcome& outcome) const {
    if (outcome.status != Status::answered) return nullptr;
    for (const Mark& one : outcome.marks)
      if (one.scorer == scorer_) return one.unscored_because.empty() ? &one : nullptr;
    return nullptr;
  }
  const Mark* first_mark(std::size_t i) const { return mark(task_.samples[i].first); }
  const Mark* second_mark(std::size_t i) const { return mark(task_.samples[i].second); }

  bool is_usable(const Mark& one, const Outcome& outcome) const {
    const std::optional<double> score = ranked_by(metric_, one);
    switch (reads(metric_)) {
      case Reads::scores:
      case Reads::kinds:
      case Reads::threshold:
        return score && std::isfinite(*score) && outcome.anomalous;
      case Reads::decisions:
        return one.decision && outcome.anomalous;
      case Reads::values:
        return one.values.contains(metric_);
      case Reads::replicates:
      case Reads::nothing:
        return true;
    }
    return false;
  }

  std::vector<std::size_t> of_kind(std::vector<std::size_t> members) const {
    std::vector<std::string> kinds;
    if (reads(metric_) == Reads::kinds) kinds = kKinds;
    if (const std::string kind = kind_of(metric_); !kind.empty()) kinds = {kind};
    if (!kinds.empty())
      std::erase_if(members, [&](std::size_t i) {
        const Outcome& outcome = task_.samples[i].first;
        return outcome.anomalous != false &&
               std::none_of(kinds.begin(), kinds.end(),
                            [&](const std::string& kind) { return is_of(outcome, kind); });
      });
    return members;
  }

  std::vector<std::size_t> usable(const std::vector<std::size_t>& members) const {
    std::vector<std::size_t> used;
    for (const std::size_t i : members) {
      const Mark *a = first_mark(i), *b = second_mark(i);
      if (a && b && is_usable(*a, task_.samples[i].first) && is_usable(*b, task_.samples[i].second))
        used.push_back(i);
    }
    return used;
  }

  Result result_of(const std::string& group, const std::vector<std::size_t>& used) {
    if (reads(metric_) == Reads::nothing)
      return untested(group, "no test: not drawn anew, since all categories share the threshold");
    if (reads(metric_) == Reads::replicates) return drawn(group);
    if (used.empty() && is_of_pixels(metric_))
      return untested(group, "no test: a run has no value per sample; `looktwice score` adds it");
    if (used.empty()) return {.reason = "no sample that both runs have this for"};
    Result result;
    switch (reads(metric_)) {
      case Reads::scores:
        result = ranking(group, used);
        break;
      case Reads::kinds:
        result = kinds(used);
        break;
      case Reads::decisions:
      case Reads::threshold:
        result = decisions(group, used);
        break;
      default:
        result = means(used);
    }
    return checked(group, used, std::move(result));
  }

  using DrawnValues = std::map<std::array<std::string, 3>, store::Replicates>;

  // By scorer, metric and group. A run that was scored before there were replicates has none.
  static void read_replicates(const RunView& run, const std::string& task, DrawnValues& drawn) {
    const std::filesystem::path file = run.folder / "replicates.jsonl";
    if (run.folder.empty() || !std::filesystem::exists(file)) return;
    store::for_each_record(file, "replicates", run.manifest.run,
                           [&](std::string_view object, std::uint64_t, std::uint64_t) {
                             store::Replicates one = store::replicates_of(object);
                             if (one.task != task) return;
                             const std::array key{one.scorer, one.metric, one.group};
                             drawn.insert_or_assign(key, std::move(one));
                           });
  }

  // Images drawn anew while the runs were scored: the same ones for both, so that replicates pair.
  Result drawn(const std::string& group) const {
    const store::Row* rows[] = {row_of(second_.summary, task_.second.task, scorer_, metric_, group),
                                row_of(first_.summary, task_.first.task, scorer_, metric_, group)};
    const DrawnValues* values[] = {&second_drawn_, &first_drawn_};
    const RunView* runs[] = {&second_, &first_};
    const store::Replicates* found[2] = {};
    for (std::size_t r = 0; r < 2; ++r) {
      if (!rows[r] || !rows[r]->value) return untested(group, "neither run has one");
      const auto at = values[r]->find({scorer_, metric_, group});
      if (at == values[r]->end())
        return untested(group, "no test: " + (!rows[r]->no_interval.empty()
                                                  ? rows[r]->no_interval
                                                  : "no replicates in " + model_name(*runs[r]) +
                                                        "'s folder; `looktwice score` makes them"));
      found[r] = &at->second;
      if (std::fabs(found[r]->value - *rows[r]->value) > 1e-9)
        return untested(group, "no test: replicates.jsonl of " + model_name(*runs[r]) +
                                   " is of another scoring; `looktwice score` makes it again");
    }
    const store::Replicates &a = *found[0], &b = *found[1];
    if (a.tag != b.tag) return untested(group, "no test: the values are of different images");
    if (a.seed != b.seed || a.deviations.size() != b.deviations.size() || a.deviations.size() < 2)
      return untested(group,
                      "no test: images were drawn with different seeds or another number of "
                      "times; `looktwice score` with --seed and --resamples draws them again");
    const auto values_of = [](const store::Replicates& one) {
      std::vector<double> all;
      for (const float deviation : one.deviations)
        all.push_back(one.value + static_cast<double>(deviation));
      return all;
    };
    const std::vector<double> of_a = values_of(a), of_b = values_of(b);
    const auto test = metrics::drawn_test(
        {.value = a.value, .replicates = of_a, .widening = a.widening, .degrees = a.degrees},
        {.value = b.value, .replicates = of_b, .widening = b.widening, .degrees = b.degrees},
        options_.level);
    if (!test) return untested(group, "no test: no resample of the images changes the difference");
    return {.test = test};
  }

  // The summaries must say the same about the same samples; if not, the metric has a rule that the
  // marks do not show.
  Result checked(const std::string& group, const std::vector<std::size_t>& used,
                 Result result) const {
    if (!result.test) return result;
    const auto fits = [&](const store::Summary& summary, const std::string& task, double value) {
      const store::Row* row = row_of(summary, task, scorer_, metric_, group);
      return !row || !row->value || row->used != std::ssize(used) ||
             std::fabs(*row->value - value) <= 1e-9;
    };
    if (fits(first_.summary, task_.first.task, result.test->b) &&
        fits(second_.summary, task_.second.task, result.test->a))
      return result;
    return untested(group, "no test: the summary's value is not made of the samples' own");
  }

  metrics::BootstrapOptions drawing(const std::vector<std::size_t>& used) const {
    std::uint64_t tag = 0;  // the same for any order, another for other samples
    for (const std::size_t i : used) tag += metrics::stream_tag(task_.samples[i].first.sample);
    return {.resamples = options_.resamples,
            .key = {.seed = options_.seed, .tag = tag},
            .threads = options_.threads};
  }

  Result ranking(const std::string& group, const std::vector<std::size_t>& used) {
    std::vector<double> a, b;
    std::vector<std::uint8_t> positive;
    for (const std::size_t i : used) {
      a.push_back(*ranked_by(metric_, *second_mark(i)));
      b.push_back(*ranked_by(metric_, *first_mark(i)));
      positive.push_back(*task_.samples[i].first.anomalous);
    }
    const auto anomalous = std::count(positive.begin(), positive.end(), 1);
    if (anomalous == 0 || anomalous == std::ssize(positive)) {
      const std::string why = std::string("only ") + (anomalous == 0 ? "normal" : "anomalous") +
                              " samples: nothing to rank";
      Result result = untested(group, why);  // auroc_adaclip has a value all the same
      result.reason = why;
      return result;
    }
    if (metric_.find("auroc") != std::string::npos)
      return {.test = metrics::auroc_test(a, b, positive, drawing(used), options_.level)};
    std::vector<PairedTest>& both = ranking_[group];
    if (both.empty()) both = metrics::ranking_tests(a, b, positive, drawing(used), options_.level);
    if (both.empty()) return untested(group, "no test: --resamples=0");
    Result result{.test = both[metric_ == "average_precision" ? 0 : 1]};
    if (!result.test->interval) result.reason = "one sample of a class: no interval";
    return result;
  }

  // Both kinds of anomaly, each against all normal samples.
  Result kinds(const std::vector<std::size_t>& used) const {
    std::vector<double> a, b;
    std::vector<int> kind;
    for (const std::size_t i : used) {
      a.push_back(*ranked_by(metric_, *second_mark(i)));
      b.push_back(*ranked_by(metric_, *first_mark(i)));
      kind.push_back(-1);
      for (std::size_t k = 0; k < kKinds.size(); ++k)
        if (is_of(task_.samples[i].first, kKinds[k])) kind.back() = static_cast<int>(k);
    }
    const auto test = metrics::kinds_test(a, b, kind, static_cast<int>(kKinds.size()),
                                          drawing(used), options_.level);
    if (!test) return {.reason = "a kind of anomaly or the normal samples are missing"};
    return {.test = test};
  }

  double threshold(const store::Summary& summary, const std::string& task,
                   const std::string& group) const {
    const store::Row* row = row_of(summary, task, scorer_, metric_, group);
    return row && row->threshold ? *row->threshold : 0.5;
  }

  // Equal thresholds on scores of different scales compare little.
  std::string thresholds(const std::string& group) const {
    return "at scores from " + significant(threshold(first_.summary, task_.first.task, group)) +
           " and " + significant(threshold(second_.summary, task_.second.task, group)) +
           "; says something of the models only where their scores share a scale";
  }

  Result decisions(const std::string& group, const std::vector<std::size_t>& used) {
    const bool at = reads(metric_) == Reads::threshold;
    const double limit_a = threshold(second_.summary, task_.second.task, group),
                 limit_b = threshold(first_.summary, task_.first.task, group);
    std::vector<std::uint8_t> a, b, positive;
    metrics::PairedCounts right, found;
    for (const std::size_t i : used) {
      const Mark &mark_a = *second_mark(i), &mark_b = *first_mark(i);
      a.push_back(at ? *mark_a.score >= limit_a : *mark_a.decision);
      b.push_back(at ? *mark_b.score >= limit_b : *mark_b.decision);
      positive.push_back(*task_.samples[i].first.anomalous);
      const bool right_a = a.back() == positive.back(), right_b = b.back() == positive.back();
      for (metrics::PairedCounts* counts : {&right, &found})
        if (counts == &right || positive.back())
          ++(right_a ? (right_b ? counts->both : counts->only_a)
                     : (right_b ? counts->only_b : counts->neither));
    }
    if (metric_.starts_with("accuracy")) return {.test = metrics::rate_test(right, options_.level)};
    if (metric_.starts_with("precision")) {
      const auto test = metrics::precision_test(a, b, positive, drawing(used), options_.level);
      if (test) return {.test = test};
      return {.reason = "no sample was called anomalous by one of the runs"};
    }
    if (found.all() == 0) return {.reason = "no anomalous sample"};
    if (metric_.starts_with("recall")) return {.test = metrics::rate_test(found, options_.level)};
    return {.test = metrics::f1_test(a, b, positive, drawing(used), options_.level)};
  }

  // Any value per sample: rights and wrongs as rates, all else as means.
  Result means(const std::vector<std::size_t>& used) const {
    std::vector<double> a, b;
    metrics::PairedCounts right;
    bool rates = true;
    for (const std::size_t i : used) {
      a.push_back(second_mark(i)->values.at(metric_));
      b.push_back(first_mark(i)->values.at(metric_));
      rates = rates && (a.back() == 0 || a.back() == 1) && (b.back() == 0 || b.back() == 1);
      ++(a.back() == 1 ? (b.back() == 1 ? right.both : right.only_a)
                       : (b.back() == 1 ? right.only_b : right.neither));
    }
    if (rates) return {.test = metrics::rate_test(right, options_.level)};
    if (a.size() < 2) return {.reason = "one sample: no interval"};
    return {.test = metrics::mean_test(a, b, options_.level)};
  }

  Comparison::Counts counts() const {
    Comparison::Counts counts{.task = task_.name,
                              .scorer = scorer_,
                              .samples = std::ssize(task_.samples),
                              .only_first = std::ssize(task_.only_first),
                              .only_other = std::ssize(task_.only_second)};
    const auto count = [&](const Outcome& outcome, Comparison::Counts::States& states) {
      if (outcome.status == Status::failed) ++states.failed;
      if (outcome.status == Status::refused) ++states.refused;
      if (outcome.status != Status::answered) return false;
      ++states.answered;
      const bool scored = mark(outcome) != nullptr;
      states.unscored += !scored;
      return scored;
    };
    for (const Sample& sample : task_.samples) {
      const bool first = count(sample.first, counts.first);
      const bool second = count(sample.second, counts.second);
      counts.compared += first && second;
    }
    return counts;
  }

  const PairedTask& task_;
  const RunView &first_, &second_;
  const CompareOptions& options_;
  std::string scorer_, metric_;
  std::map<std::string, std::vector<std::size_t>> categories_;
  std::vector<std::size_t> all_;
  std::map<std::string, std::vector<PairedTest>> ranking_;  // per group, AP and F1-max
  DrawnValues first_drawn_, second_drawn_;
  std::vector<std::string> named_;
};

}  // namespace

bool is_of_pixels(const std::string& metric) {
  for (const char* start : {"pixel_", "aupro", "au_spro", "joint_", "generated_", "map_max"})
    if (metric.starts_with(start)) return true;
  return false;
}

TaskTests task_tests(const PairedTask& task, const RunView& first, const RunView& second,
                     const CompareOptions& options) {
  return TaskComparer(task, first, second, options).tests();
}

}  // namespace looktwice::reports
