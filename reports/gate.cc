#include "reports/gate.h"

#include <algorithm>
#include <map>
#include <set>

#include "harness/core/error.h"
#include "harness/core/options.h"
#include "harness/core/text.h"
#include "reports/paired_outcomes.h"

namespace looktwice::reports {
namespace {

std::string base_name(const std::string& task) {
  return task.substr(0, task.find(':'));
}

bool matches(const std::string& glob, const std::string& name) {
  return takes({glob}, name);
}

bool task_matches(const GateRule& rule, const store::TaskSummary& task) {
  return matches(rule.task, base_name(task.task)) || matches(rule.task, task.task) ||
         matches(rule.task, base_name(task.task) + ":" + task.variant);
}

bool is_category(const std::string& group) {
  return group != "macro" && group != "pooled";
}

// The value's limit with as many digits as it was given.
std::string number_text(double value) {
  std::string text = fixed(value, 4);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

class Judge {
 public:
  Judge(Gate& gate, const RunView& run, const RunView* baseline, const GateRules& rules,
        const GateOptions& options)
      : gate_(gate), run_(run), baseline_(baseline), rules_(rules), options_(options) {}

  void check_all() {
    for (std::size_t i = 0; i < rules_.rules.size(); ++i) {
      rule_ = &rules_.rules[i];
      index_ = i;
      check_rule();
    }
  }

 private:
  std::string place() const {
    return printable(rules_.file) + ": line " + std::to_string(rule_->line);
  }

  [[noreturn]] void matches_nothing(const char* what, const std::string& glob,
                                    const std::set<std::string>& known) const {
    const std::string near = nearest(glob, {known.begin(), known.end()});
    std::string message = place() + ": no " + what + " '" + printable(glob, 80) + "' in " +
                          printable(run_.folder.string());
    if (!near.empty() && near != glob)
      message += "; did you mean '" + printable(near, 80) + "'?";
    else if (!known.empty())
      message += "; there is '" + printable(*known.begin(), 80) + "'" +
                 (known.size() > 1 ? " and others" : "");
    throw Error(Kind::usage, message);
  }

  void check_rule() {
    std::vector<const store::TaskSummary*> tasks;
    std::set<std::string> known;
    for (const store::TaskSummary& task : run_.summary.tasks) {
      known.insert(base_name(task.task));
      if (task_matches(*rule_, task)) tasks.push_back(&task);
    }
    if (tasks.empty()) matches_nothing("task", rule_->task, known);
    if (rule_->coverage) {
      check_coverage(tasks);
    }
    if (rule_->metric.empty()) return;
    if (rule_->margin && !baseline_)
      throw Error(Kind::usage, place() + ": 'margin' needs a run to compare with: --baseline");
    std::set<std::string> metrics, groups;
    bool any = false;
    for (const store::TaskSummary* task : tasks)
      for (const store::Row* row : chosen_rows(*task)) {
        metrics.insert(row->metric);
        if (!matches(rule_->metric, row->metric)) continue;
        groups.insert(row->group);
        if (!group_matches(*task, row->group)) continue;
        any = true;
        check_value(*task, *row);
      }
    if (any) return;
    if (groups.empty()) matches_nothing("metric", rule_->metric, metrics);
    groups.insert("overall");
    matches_nothing("class", rule_->group, groups);
  }

  int categories(const store::TaskSummary& task) const {
    std::set<std::string> names;
    for (const store::Row& row : run_.summary.rows)
      if (row.task == task.task && is_category(row.group)) names.insert(row.group);
    return static_cast<int>(names.size());
  }

  // overall: the mean over several categories, else all samples. A glob takes one of the rows that
  // say the same when there is only one category.
  bool group_matches(const store::TaskSummary& task, const std::string& group) const {
    const bool several = categories(task) > 1;
    if (rule_->group == "overall") return group == (several ? "macro" : "pooled");
    if (rule_->group == group) return true;
    if (!several && group != "pooled") return false;
    return matches(rule_->group, group);
  }

  // By the scorer that is asked for; by the other one where that has not this metric.
  std::vector<const store::Row*> chosen_rows(const store::TaskSummary& task) const {
    const auto has = [&](const store::Row& like, const std::string& scorer) {
      return std::any_of(run_.summary.rows.begin(), run_.summary.rows.end(),
                         [&](const store::Row& row) {
                           return row.task == like.task && row.metric == like.metric &&
                                  row.group == like.group && row.scorer == scorer;
                         });
    };
    const std::string wanted = rule_->scorer.empty() ? "official" : rule_->scorer;
    std::vector<const store::Row*> rows;
    for (const store::Row& row : run_.summary.rows)
      if (row.task == task.task && (row.scorer == wanted || !has(row, wanted)))
        rows.push_back(&row);
    return rows;
  }

  GateCheck begun(const char* kind, const store::TaskSummary& task, const store::Row& row,
                  double limit) const {
    return {.rule = index_,
            .kind = kind,
            .task = task.task,
            .group = row.group,
            .metric = row.metric,
            .scorer = row.scorer,
            .limit = limit};
  }

  void add(GateCheck check, bool holds, const std::string& message) {
    check.verdict = holds ? Verdict::passed : Verdict::failed;
    check.message = message;
    gate_.checks.push_back(std::move(check));
  }

  void add_undefined(GateCheck check, const std::string& reason) {
    check.verdict = rule_->skip_undefined ? Verdict::skipped : Verdict::failed;
    check.message = "no value: " + (reason.empty() ? "no reason given" : reason);
    gate_.checks.push_back(std::move(check));
  }

  void check_value(const store::TaskSummary& task, const store::Row& row) {
    if (rule_->floor) check_limit(task, row, *rule_->floor, true);
    if (rule_->ceiling) check_limit(task, row, *rule_->ceiling, false);
    if (rule_->margin) check_margin(task, row);
  }

  void check_limit(const store::TaskSummary& task, const store::Row& row, double limit,
                   bool is_floor) {
    GateCheck check = begun(is_floor ? "floor" : "ceiling", task, row, limit);
    if (!row.value) return add_undefined(std::move(check), row.reason);
    const auto printed = [&](double value) { return printed_value(row.metric, value); };
    check.value = printed(*row.value);
    if (row.interval) {
      check.low = printed(row.interval->low);
      check.high = printed(row.interval->high);
    }
    double held = *check.value;
    std::string what = fixed(held, 2);
    if (rule_->of_interval) {
      if (!row.interval) return add_undefined(std::move(check), "the value has no interval");
      held = is_floor ? *check.low : *check.high;
      what = std::string(is_floor ? "low" : "high") + " end of the interval " + fixed(held, 2);
    }
    // The limit itself passes, also where binary fractions miss it.
    const bool holds = is_floor ? held >= limit - 1e-9 : held <= limit + 1e-9;
    add(std::move(check), holds,
        what +
            (holds ? (is_floor ? " is at least " : " is at most ")
                   : (is_floor ? " is below " : " is above ")) +
            number_text(limit));
  }

  void check_margin(const store::TaskSummary& task, const store::Row& row) {
    GateCheck check = begun("margin", task, row, *rule_->margin);
    const Comparison::Row* paired = paired_row(task, row);
    if (!paired) {
      add_undefined(std::move(check), "neither run has one");
      return;
    }
    const auto printed = [&](double value) { return printed_value(row.metric, value); };
    if (paired->first) check.baseline = printed(*paired->first);
    if (paired->second) check.value = printed(*paired->second);
    if (!paired->difference) return add_undefined(std::move(check), paired->reason);
    if (!paired->interval) {
      check.message = "no paired interval: " + paired->reason;
      check.verdict = Verdict::failed;
      gate_.checks.push_back(std::move(check));
      return;
    }
    check.low = printed(paired->interval->low);
    check.high = printed(paired->interval->high);
    const double worst = row.higher_is_better ? *check.low : -*check.high;
    const bool holds = worst >= -*rule_->margin - 1e-9;
    std::string text = "difference " + fixed(printed(*paired->difference), 2) + ", interval " +
                       fixed(*check.low, 2) + " to " + fixed(*check.high, 2) +
                       (holds ? ": not worse by more than " : ": may be worse by more than ") +
                       number_text(*rule_->margin);
    if (paired->left_out > 0) text += "; " + std::to_string(paired->left_out) + " samples left out";
    add(std::move(check), holds, text);
  }

  const Comparison::Row* paired_row(const store::TaskSummary& task, const store::Row& row) {
    const std::string scorer = rule_->scorer;
    const auto [found, is_new] = comparisons_.try_emplace(scorer);
    if (is_new) {
      const RunView both[] = {*baseline_, run_};
      found->second = compare(both, {.scorer = scorer,
                                     .intersect = options_.intersect,
                                     .level = rules_.level,
                                     .resamples = options_.resamples,
                                     .seed = options_.seed,
                                     .threads = options_.threads,
                                     .listed = 0});
    }
    const bool several = categories(task) > 1;
    const std::string group = several ? row.group : "pooled";
    for (const Comparison::Row& one : found->second.rows)
      if (base_name(one.task) == base_name(task.task) && one.metric == row.metric &&
          one.scorer == row.scorer && one.group == group)
        return &one;
    return nullptr;
  }

  // Samples with a score (answered, and read by the scorer) of all, per class or over all.
  void check_coverage(const std::vector<const store::TaskSummary*>& tasks) {
    if (shares_.empty()) count_shares();
    std::set<std::string> known{"overall"};
    bool any = false;
    for (const store::TaskSummary* task : tasks) {
      const std::string scorer = coverage_scorer(*task);
      for (const auto& [group, share] : shares_[task->task]) {
        known.insert(group);
        const bool overall = group == "pooled";
        const bool wanted = overall ? rule_->group == "overall" || rule_->group == "macro" ||
                                          rule_->group == "pooled" || rule_->group == "*"
                                    : rule_->group != "overall" && matches(rule_->group, group);
        if (!wanted) continue;
        any = true;
        const auto scored = share.scored.find(scorer);
        const std::int64_t have = scored == share.scored.end() ? 0 : scored->second;
        GateCheck check{.rule = index_,
                        .kind = "coverage",
                        .task = task->task,
                        .group = group,
                        .scorer = scorer,
                        .limit = *rule_->coverage};
        check.value = 100 * static_cast<double>(have) / static_cast<double>(share.samples);
        const bool holds = *check.value >= check.limit - 1e-9;
        add(std::move(check), holds,
            std::to_string(have) + " of " + std::to_string(share.samples) +
                " samples have a score, " +
                fixed(100 * static_cast<double>(have) / static_cast<double>(share.samples), 2) +
                " %: " + (holds ? "at least " : "below ") + number_text(*rule_->coverage) + " %");
      }
    }
    if (!any) matches_nothing("class", rule_->group, known);
  }

  std::string coverage_scorer(const store::TaskSummary& task) const {
    if (!rule_->scorer.empty()) return rule_->scorer;
    for (const store::Row& row : run_.summary.rows)
      if (row.task == task.task && row.scorer == "official") return row.scorer;
    for (const store::Row& row : run_.summary.rows)
      if (row.task == task.task) return row.scorer;
    return {};
  }

  void count_shares() {
    const bool there = for_each_outcome(run_, [&](const Outcome& outcome) {
      for (const std::string& group : {outcome.category, std::string("pooled")}) {
        Share& share = shares_[outcome.task][group];
        ++share.samples;
        if (outcome.status != Status::answered) continue;
        for (const Mark& mark : outcome.marks)
          if (mark.unscored_because.empty()) ++share.scored[mark.scorer];
      }
    });
    if (!there)
      throw Error(Kind::data, printable(run_.folder.string()) +
                                  ": no outcomes.jsonl; `looktwice score` writes it");
  }

  struct Share {
    std::int64_t samples = 0;
    std::map<std::string, std::int64_t> scored = {};  // by scorer
  };

  Gate& gate_;
  const RunView& run_;
  const RunView* baseline_;
  const GateRules& rules_;
  const GateOptions& options_;
  const GateRule* rule_ = nullptr;
  std::size_t index_ = 0;
  std::map<std::string, Comparison> comparisons_;               // by scorer
  std::map<std::string, std::map<std::string, Share>> shares_;  // by task and class
};

}  // namespace

int Gate::count(Verdict verdict) const {
  return static_cast<int>(std::count_if(checks.begin(), checks.end(), [&](const GateCheck& check) {
    return check.verdict == verdict;
  }));
}

Gate gate(const RunView& run, const RunView* baseline, const GateRules& rules,
          const GateOptions& options) {
  Gate result{.run = model_name(run),
              .run_id = run.manifest.run,
              .folder = run.folder.string(),
              .finished = run.manifest.finished,
              .level = rules.level};
  const auto look_at = [&](const RunView& one) {
    const RunState state = state_of(one);
    if (!state.text.empty()) result.states.push_back(model_name(one) + ": " + state.text);
    result.incomplete =
        result.incomplete || state.incomplete || (state.partial && !options.allow_partial);
  };
  look_at(run);
  if (baseline) {
    look_at(*baseline);
    result.baseline = model_name(*baseline);
    result.baseline_folder = baseline->folder.string();
  }
  Judge(result, run, baseline, rules, options).check_all();
  return result;
}

}  // namespace looktwice::reports
