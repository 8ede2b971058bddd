#include "reports/plan.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "harness/core/error.h"
#include "metrics/stats/bootstrap.h"
#include "metrics/stats/delong.h"
#include "metrics/stats/power.h"
#include "reports/compare_flips.h"
#include "reports/compare_tests.h"
#include "reports/escape.h"
#include "reports/metric_names.h"
#include "reports/outcome_scan.h"
#include "reports/paired_outcomes.h"

namespace looktwice::reports {
namespace {

// What is assumed of one task, as fractions.
struct Assumed {
  std::string task = {};
  double auroc = 0.8, share = 0.5, disagree = 0.1, correlation = 0.5;
  std::int64_t positives = 0, negatives = 0;
  bool measured_pair = false;
  bool is_without_scores = false;  // of texts: what is planned comes from the pair alone
  // Of what is a mean of values per sample, exactly or to first order; or what varies like one, its
  // variance falling as 1 / n, with the same share of anomalous samples.
  struct Mean {
    std::string metric = {};
    double deviation = 0;  // of the differences between both models, as if of one sample
    std::int64_t samples = 0;
    std::int64_t measured = 0;  // samples that were drawn anew to tell; 0: none were
  };
  std::vector<Mean> means = {};
};

void require(bool holds, const std::string& name, const std::string& expected) {
  if (!holds) throw Error(Kind::usage, "--" + name + ": expected " + expected);
}

void refuse_bad(const PlanOptions& o) {
  require(o.level > 0.5 && o.level < 1, "level", "a number between 0.5 and 1, such as 0.95");
  require(o.power > 0 && o.power < 1, "power", "a number between 0 and 1, such as 0.8");
  require(!o.mde || (*o.mde > 0 && *o.mde < 100), "mde", "points of percent above 0, below 100");
  require(!o.samples || *o.samples >= 2, "samples", "a whole number from 2");
  require(!o.auroc || (*o.auroc > 0 && *o.auroc < 100), "auroc", "percent between 0 and 100");
  require(!o.share_anomalous || (*o.share_anomalous > 0 && *o.share_anomalous < 100),
          "share_anomalous", "percent between 0 and 100");
  require(!o.disagree || (*o.disagree > 0 && *o.disagree <= 100), "disagree",
          "percent above 0, at most 100");
  require(!o.deviation || (*o.deviation > 0 && *o.deviation <= 1000), "deviation",
          "points above 0, at most 1000");
  require(!o.correlation || (*o.correlation > -1 && *o.correlation < 1), "correlation",
          "a number between -1 and 1");
}

// The scores of one task of a run, as reports use them.
std::vector<Assumed> of_run(const RunView& run) {
  std::vector<Assumed> tasks;
  for (const TaskScan& scan : scan_outcomes(run, {.listed = 0, .worst = 0}).tasks) {
    Assumed assumed{.task = scan.task};
    std::vector<double> scores;
    std::vector<std::uint8_t> positive;
    for (const ScoredSample& sample : scan.scores) {
      scores.push_back(sample.score);
      positive.push_back(sample.anomalous);
      ++(sample.anomalous ? assumed.positives : assumed.negatives);
    }
    if (assumed.positives > 0 && assumed.negatives > 0) {
      assumed.auroc = metrics::delong(scores, positive)->value;
      assumed.share = static_cast<double>(assumed.positives) / static_cast<double>(scores.size());
    }
    tasks.push_back(assumed);
  }
  return tasks;
}

void add_mean(Assumed& assumed, const std::string& metric, const std::vector<double>& differences) {
  const double deviation = metrics::deviation_of(differences);
  if (deviation > 0)
    assumed.means.push_back(
        {.metric = metric, .deviation = deviation, .samples = std::ssize(differences)});
}

// Precision, recall and F1 of the decisions of both runs: ratios, so to first order.
void add_ratios(Assumed& assumed, const std::vector<PairedDecision>& decisions) {
  struct Ratio {
    const char* metric;
    double right, called, anomalous;  // what a hit adds to the top; a call, a defect to the bottom
  };
  for (const Ratio& ratio :
       {Ratio{"precision", 1, 1, 0}, Ratio{"recall", 1, 0, 1}, Ratio{"f1", 2, 1, 1}}) {
    const auto shares = [&](bool PairedDecision::*says) {
      std::vector<double> top, bottom;
      for (const PairedDecision& one : decisions) {
        top.push_back(one.anomalous && one.*says ? ratio.right : 0);
        bottom.push_back((one.*says ? ratio.called : 0) + (one.anomalous ? ratio.anomalous : 0));
      }
      return metrics::shares_in_ratio(top, bottom);
    };
    const std::vector<double> first = shares(&PairedDecision::first),
                              second = shares(&PairedDecision::second);
    if (first.empty() || second.empty()) continue;  // one of them called nothing anomalous
    std::vector<double> differences;
    for (std::size_t i = 0; i < first.size(); ++i) differences.push_back(second[i] - first[i]);
    add_mean(assumed, ratio.metric, differences);
  }
}

const Mark* scored_mark(const Outcome& outcome, const std::string& scorer) {
  if (outcome.status != Status::answered) return nullptr;
  for (const Mark& mark : outcome.marks)
    if (mark.scorer == scorer && mark.unscored_because.empty()) return &mark;
  return nullptr;
}

// ROUGE-L, SBERT and whatever else both runs have a number of per sample.
void add_values(Assumed& assumed, const PairedTask& pair, const std::string& scorer) {
  std::map<std::string, std::vector<double>> differences;
  for (const PairedTask::Sample& sample : pair.samples) {
    const Mark *first = scored_mark(sample.first, scorer),
               *second = scored_mark(sample.second, scorer);
    if (!first || !second) continue;
    for (const auto& [name, value] : first->values)
      if (const auto found = second->values.find(name); found != second->values.end())
        differences[name].push_back(found->second - value);
  }
  for (const auto& [name, values] : differences)
    if (metric_unit(name) == Unit::percent && name != kMapMaximum) add_mean(assumed, name, values);
}

// AP, F1-max and pixel metrics: by how much the difference varies when images are drawn anew, as
// `compare` tests it, over all samples together.
void add_resampled(Assumed& assumed, const PairedTask& pair, const RunView& run,
                   const RunView& other, const std::string& scorer) {
  const CompareOptions options{
      .scorer = scorer,
      .metrics = {"average_precision", "f1_max", "pixel_*", "aupro*", "au_spro_*"},
      .listed = 0};
  for (const Comparison::Row& row : task_tests(pair, run, other, options).rows)
    if (row.group == "pooled" && row.variance > 0)
      assumed.means.push_back(
          {.metric = row.metric,
           .deviation = std::sqrt(row.variance * static_cast<double>(row.compared)),
           .samples = row.compared,
           .measured = row.compared});
}

// How two runs go together: the share of samples that exactly one gets right, the correlation of
// their AUROCs.
void add_pair(std::vector<Assumed>& tasks, const RunView& run, const RunView& other,
              const std::string& wanted) {
  for (const PairedTask& pair : paired_tasks(run, other, {}, true)) {
    const auto found = std::find_if(tasks.begin(), tasks.end(), [&](const Assumed& assumed) {
      return assumed.task == pair.first.task;
    });
    if (found == tasks.end()) continue;
    std::string scorer = wanted;
    for (const store::Row& row : run.summary.rows)
      if (scorer.empty() && row.task == pair.first.task) scorer = row.scorer;
    const Comparison::Flips flips = flips_of(pair, run.summary, other.summary, scorer, 0);
    const std::int64_t all = flips.both_right + flips.both_wrong + flips.lost + flips.won;
    if (all > 0 && flips.lost + flips.won > 0) {
      found->disagree = static_cast<double>(flips.lost + flips.won) / static_cast<double>(all);
      found->measured_pair = true;
    }
    add_ratios(*found, paired_decisions(pair, run.summary, other.summary, scorer));
    add_values(*found, pair, scorer);
    add_resampled(*found, pair, run, other, wanted);
    std::vector<double> a, b;
    std::vector<std::uint8_t> positive;
    for (const PairedTask::Sample& sample : pair.samples) {
      const auto first = score_by(sample.first, scorer), second = score_by(sample.second, scorer);
      if (!first || !second || !sample.first.anomalous || !std::isfinite(*first) ||
          !std::isfinite(*second))
        continue;
      a.push_back(*first);
      b.push_back(*second);
      positive.push_back(*sample.first.anomalous);
    }
    const auto both = metrics::paired_delong(a, b, positive);
    if (!both) continue;
    const double of_a = metrics::delong(a, positive)->variance,
                 of_b = metrics::delong(b, positive)->variance;
    if (of_a > 0 && of_b > 0)
      found->correlation =
          std::clamp((of_a + of_b - both->variance) / 2 / std::sqrt(of_a * of_b), -0.999, 0.999);
  }
}

std::string percent(double share, int digits = 1) {
  return fixed(100 * share, digits) + " %";
}

template <class Body>
void reasoned(Plan::Row& row, Body body) {
  try {
    body();
  } catch (const std::invalid_argument& error) {
    row.reason = error.what();
  }
}

void add_mean_row(Plan& plan, const Assumed& assumed, const Assumed::Mean& mean,
                  const PlanOptions& options) {
  const metrics::Power power{.level = 1 - options.level, .power = options.power};
  Plan::Row row{.task = assumed.task, .metric = mean.metric};
  const bool is_ratio =
      mean.metric == "precision" || mean.metric == "recall" || mean.metric == "f1";
  row.assumed = std::string(is_ratio ? "what samples add to the difference" : "differences") +
                " deviate by " + fixed(100 * mean.deviation, 1) + " points";
  if (mean.measured > 0)
    row.assumed = "deviation of the difference falls as 1/sqrt(n) from " +
                  fixed(100 * mean.deviation / std::sqrt(static_cast<double>(mean.measured)), 2) +
                  " points at " + std::to_string(mean.measured);
  if (options.mde)
    reasoned(row, [&] {
      row.needed = metrics::samples_for_mean(*options.mde / 100, mean.deviation, power);
    });
  if (mean.samples > 0) {
    row.samples = mean.samples;
    reasoned(row, [&] {
      row.detectable = 100 * metrics::detectable_mean(mean.samples, mean.deviation, power);
    });
  }
  plan.rows.push_back(std::move(row));
}

void add_rows(Plan& plan, const Assumed& assumed, const PlanOptions& options) {
  const metrics::Power power{.level = 1 - options.level, .power = options.power};
  const std::int64_t all = assumed.positives + assumed.negatives;
  Plan::Row auroc{.task = assumed.task, .metric = "auroc"};
  auroc.assumed = "AUROC " + percent(assumed.auroc) + ", " + percent(assumed.share) +
                  " anomalous, correlation " + fixed(assumed.correlation, 2);
  Plan::Row rate{.task = assumed.task, .metric = "accuracy"};
  rate.assumed = "exactly one is right on " + percent(assumed.disagree) + " of the samples";
  if (options.mde) {
    const double difference = *options.mde / 100;
    // Away from the nearer end, where there is room.
    reasoned(auroc, [&] {
      if (assumed.auroc <= 0 || assumed.auroc >= 1)
        throw std::invalid_argument("the run's AUROC is 0 or 100: nothing to plan from; --auroc");
      if (difference >= std::max(assumed.auroc, 1 - assumed.auroc))
        throw std::invalid_argument("there is no room for this difference");
      auroc.needed = metrics::samples_for_auroc(
          assumed.auroc, assumed.auroc + difference < 1 ? difference : -difference, assumed.share,
          assumed.correlation, power);
    });
    reasoned(rate, [&] {
      if (difference > assumed.disagree)
        throw std::invalid_argument("models that disagree on " + percent(assumed.disagree) +
                                    " cannot differ by more");
      rate.needed = metrics::samples_for_paired_rates(difference, assumed.disagree, power);
    });
  }
  if (all > 0) {
    auroc.samples = rate.samples = all;
    reasoned(auroc, [&] {
      if (assumed.auroc <= 0 || assumed.auroc >= 1)
        throw std::invalid_argument("the run's AUROC is 0 or 100: nothing to plan from; --auroc");
      if (assumed.positives == 0 || assumed.negatives == 0)
        throw std::invalid_argument("one class only: nothing to rank");
      auroc.detectable =
          100 * metrics::detectable_auroc(assumed.auroc, assumed.positives, assumed.negatives,
                                          assumed.correlation, power);
      if (*auroc.detectable >= 100) {
        auroc.detectable.reset();
        auroc.reason = "no difference that is possible would show";
      }
    });
    reasoned(rate, [&] {
      rate.detectable = 100 * metrics::detectable_paired_rates(all, assumed.disagree, power);
      if (*rate.detectable >= 100 * assumed.disagree * (1 - 1e-9)) {
        rate.detectable.reset();
        rate.reason = "even if one model were right wherever they disagree, it would not show";
      }
    });
  }
  if (!assumed.is_without_scores) plan.rows.push_back(std::move(auroc));
  if (!assumed.is_without_scores || assumed.measured_pair) plan.rows.push_back(std::move(rate));
}

}  // namespace

Plan plan(const RunView* run, const RunView* other, const PlanOptions& options) {
  refuse_bad(options);
  if (!run && !options.mde && !options.samples)
    throw Error(
        Kind::usage,
        "plan: expected --mde POINTS (how many samples?), --samples N or a run folder (what "
        "can it show?)");
  Plan result{.level = options.level, .power = options.power, .mde = options.mde};
  std::vector<Assumed> tasks = run ? of_run(*run) : std::vector<Assumed>(1);
  if (run && other) add_pair(tasks, *run, *other, options.scorer);
  const auto has_scores = [](const Assumed& assumed) {
    return assumed.positives + assumed.negatives > 0;
  };
  if (run && std::none_of(tasks.begin(), tasks.end(), [&](const Assumed& assumed) {
        return has_scores(assumed) || !assumed.means.empty();
      }))
    throw Error(Kind::data, run->folder.string() +
                                ": no sample has a score to plan from; values per sample (ROUGE-L "
                                "and so on) need a second run");
  for (Assumed& assumed : tasks) {
    assumed.is_without_scores = run && !has_scores(assumed) && !assumed.means.empty();
    if (options.auroc) assumed.auroc = *options.auroc / 100;
    if (options.share_anomalous) assumed.share = *options.share_anomalous / 100;
    if (options.disagree) assumed.disagree = *options.disagree / 100;
    if (options.correlation) assumed.correlation = *options.correlation;
    if (options.samples || (options.share_anomalous && assumed.positives > 0)) {
      const std::int64_t all = options.samples.value_or(assumed.positives + assumed.negatives);
      assumed.positives = std::clamp<std::int64_t>(
          std::llround(assumed.share * static_cast<double>(all)), 1, all - 1);
      assumed.negatives = all - assumed.positives;
    }
    add_rows(result, assumed, options);
    for (Assumed::Mean& mean : assumed.means) {
      if (options.samples) mean.samples = *options.samples;
      add_mean_row(result, assumed, mean, options);
    }
    if (options.deviation)
      add_mean_row(result, assumed,
                   {.deviation = *options.deviation / 100,
                    .samples = options.samples.value_or(assumed.positives + assumed.negatives)},
                   options);
  }
  if (run && other)
    result.notes.push_back(
        "Disagreement, correlation and deviations are those of the two runs, unless given as "
        "options; for precision, recall and F1 to first order, over all samples together; for AP, "
        "F1-max "
        "and pixel metrics from images drawn anew.");
  else
    result.notes.push_back(
        "Disagreement and correlation are guesses unless given as options; a second run folder "
        "measures them, and adds precision, recall, F1, AP, F1-max, pixel metrics and values per "
        "sample (or --deviation).");
  return result;
}

Page page_of(const Plan& plan) {
  const bool by_task = !plan.rows.empty() && !plan.rows.front().task.empty();
  bool any_samples = false;
  for (const Plan::Row& row : plan.rows) any_samples = any_samples || row.samples;
  Table table;
  if (by_task) table.columns.push_back({.title = "Task", .key = "task"});
  table.columns.push_back({.title = "Metric", .key = "metric"});
  table.columns.push_back({.title = "Assumed", .may_shorten = true, .key = "assumed"});
  if (plan.mde)
    table.columns.push_back({.title = "Samples to see " + fixed(*plan.mde, 2) + " points",
                             .align = Align::right,
                             .key = "needed"});
  if (any_samples) {
    table.columns.push_back({.title = "Samples there", .align = Align::right, .key = "samples"});
    table.columns.push_back(
        {.title = "They show, points", .align = Align::right, .key = "detectable"});
  }
  for (const Plan::Row& row : plan.rows) {
    std::vector<Cell> cells;
    if (by_task) cells.push_back({.text = row.task});
    cells.push_back({.text = row.metric.empty() ? "a value per sample" : metric_title(row.metric)});
    cells.push_back({.text = row.assumed});
    if (plan.mde)
      cells.push_back({.text = row.needed ? std::to_string(*row.needed) : "-",
                       .tone = Tone::strong,
                       .note = row.needed ? "" : row.reason});
    if (any_samples) {
      cells.push_back({.text = row.samples ? std::to_string(*row.samples) : "-"});
      cells.push_back({.text = fixed(row.detectable, 2),
                       .tone = Tone::strong,
                       .note = row.detectable ? "" : row.reason,
                       .number = row.detectable});
    }
    table.rows.push_back(std::move(cells));
  }
  table.footnotes.push_back("Two models on the same samples; two-sided tests at the level " +
                            significant(1 - plan.level) + ", power " + fixed(100 * plan.power, 0) +
                            " %. Normal approximations: a plan, not a test.");
  for (const std::string& note : plan.notes) table.footnotes.push_back(note);
  return {.title = "Plan of a comparison", .sections = {{.table = std::move(table)}}};
}

std::string render(const Plan& plan, Format format, const RenderOptions& options) {
  if (format != Format::json) return render(page_of(plan), format, options);
  using Json = nlohmann::ordered_json;
  const auto or_null = [](const auto& value) { return value ? Json(*value) : Json(nullptr); };
  Json json = {{"schema", 1},         {"kind", "plan"},           {"level", plan.level},
               {"power", plan.power}, {"mde", or_null(plan.mde)}, {"rows", Json::array()},
               {"notes", plan.notes}};
  for (const Plan::Row& row : plan.rows)
    json["rows"].push_back({{"task", row.task},
                            {"metric", row.metric},
                            {"assumed", row.assumed},
                            {"needed", or_null(row.needed)},
                            {"samples", or_null(row.samples)},
                            {"detectable", or_null(row.detectable)},
                            {"reason", row.reason}});
  return without_commands(json.dump(1, ' ', true, Json::error_handler_t::replace)) + "\n";
}

}  // namespace looktwice::reports
