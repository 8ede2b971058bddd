#include "harness/run/score.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "harness/core/error.h"
#include "harness/run/answers.h"
#include "harness/run/mark.h"
#include "harness/run/pixel_pass.h"
#include "harness/run/rows.h"
#include "harness/store/disk.h"
#include "harness/store/frame.h"
#include "harness/store/replicates.h"
#include "metrics/catalogue.h"
#include "metrics/measure.h"
#include "metrics/stats/mean_over.h"

namespace looktwice::run {
namespace {

using metrics::MetricEntry;
using metrics::Value;

constexpr const char* kMapScorer = "corrected";  // maps are read as they are: there is one scorer

bool wanted(const std::vector<std::string>& names, const metrics::ValueInfo& info) {
  return std::ranges::find(names, info.name) != names.end();
}

// values[group][i]: what the family gives, per category and pooled. Adds the mean over categories
// and turns all into rows.
void add_rows(std::vector<store::Row>& rows, const MetricEntry& family,
              const std::vector<std::string>& names, const std::string& task,
              const std::string& scorer,
              const std::map<std::string, std::vector<Value>>& per_category,
              const std::vector<Value>& pooled) {
  for (std::size_t i = 0; i < family.gives.size(); ++i) {
    const metrics::ValueInfo& info = family.gives[i];
    if (!wanted(names, info)) continue;
    std::vector<Value> values;
    for (const auto& [category, given] : per_category) {
      rows.push_back(row_of(given[i], info, task, scorer, category));
      values.push_back(given[i]);
    }
    rows.push_back(row_of(metrics::mean_over(values), info, task, scorer, kMacro));
    rows.push_back(row_of(pooled[i], info, task, scorer, kPooled));
  }
}

// Replicates of the values that the plan shows, but for means: those are made of these.
void add_replicates(std::vector<store::Replicates>& replicates, const MetricEntry& family,
                    const std::vector<std::string>& names, const std::string& task,
                    const std::string& scorer, const std::string& group,
                    const std::vector<Value>& values) {
  for (std::size_t i = 0; i < family.gives.size(); ++i) {
    const Value& value = values[i];
    if (!value.value || !value.drawing || !wanted(names, family.gives[i])) continue;
    store::Replicates one{.task = task,
                          .scorer = scorer,
                          .metric = family.gives[i].name,
                          .group = group,
                          .value = *value.value,
                          .seed = value.drawing->seed,
                          .tag = value.drawing->tag,
                          .widening = value.drawing->widening,
                          .degrees = value.drawing->degrees};
    for (const double replicate : value.replicates)
      one.deviations.push_back(static_cast<float>(replicate - *value.value));
    replicates.push_back(std::move(one));
  }
}

void add_image_rows(std::vector<store::Row>& rows, std::vector<store::Replicates>& replicates,
                    const Task& task, const std::vector<Marked>& marked, const Plan& plan,
                    const ScoreOptions& options) {
  for (const std::string& scorer : plan.scorers) {
    metrics::MetricOptions metric_options = options.metric;
    metric_options.zero_rates = plan.zero_rates && scorer == "official";
    for (const MetricEntry& family : metrics::metric_catalogue()) {
      if (family.pixel || std::ranges::none_of(family.gives, [&](const auto& info) {
            return wanted(plan.image_metrics, info);
          }))
        continue;
      std::map<std::string, std::unique_ptr<metrics::Metric>> per_category;
      const auto pooled = family.make(metric_options);
      pooled->begin_pass(0);
      for (const Marked& one : marked) {
        const Outcome& outcome = one.outcome;
        auto& metric = per_category[unit_of(outcome)];
        if (!metric) {
          metric = family.make(metric_options);
          metric->begin_pass(0);
        }
        const Mark* mark = outcome.status == Status::answered ? mark_by(outcome, scorer) : nullptr;
        if (!mark || !mark->unscored_because.empty()) continue;
        const metrics::Observation seen{.id = outcome.sample,
                                        .positive = outcome.anomalous,
                                        .score = mark->score,
                                        .predicted = mark->decision,
                                        .kind = outcome.defect,
                                        .category = outcome.category};
        metric->add(seen);
        pooled->add(seen);
      }
      std::map<std::string, std::vector<Value>> values;
      for (const auto& [category, metric] : per_category) values[category] = metric->values();
      const std::vector<Value> all = pooled->values();
      add_rows(rows, family, plan.image_metrics, task.full_name(), scorer, values, all);
      for (const auto& [category, own] : values)
        if (values.size() > 1)  // else the pooled ones say the same
          add_replicates(replicates, family, plan.image_metrics, task.full_name(), scorer, category,
                         own);
      add_replicates(replicates, family, plan.image_metrics, task.full_name(), scorer, kPooled,
                     all);
    }
  }
}

std::vector<MetricEntry> pixel_families(const std::vector<std::string>& names) {
  std::vector<MetricEntry> families;
  for (MetricEntry& family : metrics::metric_catalogue())
    if (family.pixel &&
        std::ranges::any_of(family.gives, [&](const auto& info) { return wanted(names, info); }))
      families.push_back(std::move(family));
  // Those that see all categories at once come last.
  std::ranges::stable_sort(families, {}, &MetricEntry::across);
  return families;
}

// Values of single samples that a pixel metric has, where the plan shows that metric or one that is
// made of them: "map_max" of "map_max_auroc".
void keep_values(std::vector<Marked>& marked, const metrics::Metric& metric, const Plan& plan) {
  for (const auto& [name, values] : metric.by_sample()) {
    if (std::ranges::none_of(plan.pixel_metrics,
                             [&](const std::string& shown) { return shown.starts_with(name); }))
      continue;
    for (Marked& one : marked) {
      const auto found = values.find(one.outcome.sample);
      if (found == values.end()) continue;
      for (Mark& mark : one.outcome.marks)
        if (mark.unscored_because.empty()) mark.values[name] = found->second;
    }
  }
}

// OmniAD's three rewards together, of samples with one answer.
void add_rewards(std::vector<Marked>& marked) {
  for (Marked& one : marked)
    for (Mark& mark : one.outcome.marks) {
      const auto mask = mark.values.find("reward_mask");
      if (mask == mark.values.end() || mark.answers.size() != 1) continue;
      std::map<std::string, double>& values = mark.answers[0].values;
      if (values.contains("reward_format") && values.contains("reward_answer"))
        values["reward"] = values["reward_format"] + values["reward_answer"] + mask->second;
    }
}

void add_pixel_rows(std::vector<store::Row>& rows, std::vector<store::Replicates>& replicates,
                    const Task& task, std::vector<Marked>& marked, const Plan& plan,
                    const ImageCodec& codec, const store::RunFolder& folder, ScoreOptions options) {
  options.metric.wanted = plan.pixel_metrics;
  if (options.map_side < 0) options.map_side = plan.map_side;
  if (plan.pixel_metrics.empty()) return;
  const PixelInput input{&task, &marked, &codec, &folder, plan.map_side > 0};
  const std::vector<std::size_t> samples = samples_with_maps(input);
  if (samples.empty()) return;
  std::map<std::string, std::vector<std::size_t>> by_category;
  for (const std::size_t i : samples) by_category[task.samples[i].category].push_back(i);
  const std::vector<MetricEntry> families = pixel_families(plan.pixel_metrics);
  const auto sharing = std::ranges::count(families, true, &MetricEntry::bounded);
  if (options.metric.memory > 0 && sharing > 1)
    options.metric.memory = std::max<std::int64_t>(1, options.metric.memory / sharing);
  const auto first_across = std::ranges::find(families, true, &MetricEntry::across);
  const std::span per_category(families.begin(), first_across);
  std::vector<std::map<std::string, std::vector<Value>>> values(families.size());
  const bool one_category = by_category.size() == 1;
  if (!one_category && !per_category.empty()) {
    std::int64_t done = 0;
    for (const auto& [category, members] : by_category) {
      const auto metrics = shown_maps(input, members, per_category, options);
      for (std::size_t f = 0; f < metrics.size(); ++f) values[f][category] = metrics[f]->values();
      if (options.progress)
        options.progress("pixel metrics of " + task.full_name(), ++done,
                         static_cast<std::int64_t>(by_category.size()));
    }
  }
  const auto pooled = shown_maps(input, samples, families, options);
  for (std::size_t f = 0; f < families.size(); ++f) {
    const std::vector<Value> all = pooled[f]->values();
    keep_values(marked, *pooled[f], plan);
    if (families[f].across)
      values[f] = pooled[f]->by_category();
    else if (one_category)
      values[f][by_category.begin()->first] = all;
    const auto has_value = [](const auto& given) {
      return std::ranges::any_of(given, [](const Value& one) { return one.value.has_value(); });
    };
    if (families[f].optional && !has_value(all) &&
        std::ranges::none_of(values[f], [&](const auto& one) { return has_value(one.second); }))
      continue;
    add_rows(rows, families[f], plan.pixel_metrics, task.full_name(), kMapScorer, values[f], all);
    for (const auto& [category, own] : values[f])
      if (!one_category)  // else the pooled ones say the same
        add_replicates(replicates, families[f], plan.pixel_metrics, task.full_name(), kMapScorer,
                       category, own);
    add_replicates(replicates, families[f], plan.pixel_metrics, task.full_name(), kMapScorer,
                   kPooled, all);
  }
}

// What the suite reports and what the user asked for beside it.
// With what else was asked for; and where values at a threshold of the user's are shown, those at
// 0.5 stay beside them.
Plan extended(Plan plan, const ScoreOptions& options) {
  std::vector<std::string> more = options.more_metrics;
  constexpr double kHalf = 0.5;
  if (options.metric.threshold != kHalf)
    for (const std::string& name : plan.image_metrics)
      if (name.ends_with("_at")) more.push_back(name + "_half");
  for (const MetricEntry& family : metrics::metric_catalogue()) {
    auto& names = family.pixel ? plan.pixel_metrics : plan.image_metrics;
    for (const metrics::ValueInfo& info : family.gives)
      if (wanted(more, info) && !wanted(names, info)) names.push_back(info.name);
  }
  // Of each group of answers.
  std::set<std::string> groups;
  for (const GroupMeasure& one : plan.measures) groups.insert(one.group);
  for (const metrics::Measure& measure : metrics::measure_catalogue())
    for (const std::string& group : groups) {
      const GroupMeasure asked{.group = group, .measure = measure.name};
      if (std::ranges::find(more, measure.name) != more.end() &&
          std::ranges::find(plan.measures, asked.name(), &GroupMeasure::name) ==
              plan.measures.end())
        plan.measures.push_back(asked);
    }
  return plan;
}

std::vector<Outcome> outcomes_of(const std::vector<Marked>& marked) {
  std::vector<Outcome> outcomes;
  for (const Marked& one : marked) outcomes.push_back(one.outcome);
  return outcomes;
}

store::TaskSummary task_summary(const Task& task, const std::vector<Marked>& marked,
                                const Plan& plan) {
  const auto shown = static_cast<std::int64_t>(task.samples.size());
  store::TaskSummary summary{.task = task.full_name(),
                             .dataset = plan.dataset,
                             .variant = plan.variant,
                             .headline = plan.headline,
                             .columns = plan.columns,
                             .published = plan.published,
                             .published_columns = plan.published_columns,
                             .fingerprint = task.fingerprint.data,
                             .partial = shown < task.samples_in_set};
  if (summary.partial)
    summary.limited =
        std::to_string(shown) + " of " + std::to_string(task.samples_in_set) + " samples";
  summary.counts = counted(marked);
  summary.disagreements = disagreements(marked);
  return summary;
}

// What the journals of a folder hold.
struct Recorded {
  Answers answers = {}, judgements = {}, embeddings = {};

  Recorded(const store::RunFolder& folder, const std::string& run, const ScoreOptions& options)
      : answers(recorded_answers(folder, run)) {
    if (options.judge) judgements = recorded_answers(folder, run, kJudgements);
    if (options.encoder || options.token_encoder)
      embeddings = recorded_answers(folder, run, kEmbeddings);
  }
};

// All outcomes of a task.
std::vector<Marked> read_task(const Task& task, const Recorded& recorded) {
  std::vector<Marked> all = marked(task, recorded.answers);
  std::vector<Outcome*> outcomes;
  for (Marked& one : all) outcomes.push_back(&one.outcome);
  task.suite->review(outcomes);
  return all;
}

// Adds what judge and encoder say of each answer.
WhyNone measure(std::vector<Marked>& all, const Recorded& recorded, const ScoreOptions& options) {
  WhyNone why_none;
  if (options.judge) {
    const Judging judging(*options.judge, outcomes_of(all));
    const std::vector<Judged> judged = judging.judged(recorded.judgements);
    add_points(all, judged, options.judge->both_orders);
    const JudgeCounts counts = counted(judged);
    if (counts.asked > 0) {
      std::string why = "the judge was asked, and of " + std::to_string(counts.asked) +
                        " judgements " + std::to_string(counts.missing) +
                        " have no verdict on the scale";
      if (counts.failed > 0) why += ", " + std::to_string(counts.failed) + " failed";
      for (const char* value : {"gpt_score", "gpt_reference"}) why_none[value] = why;
    }
  }
  if (options.encoder)
    add_similarities(all,
                     Embedding(*options.encoder, outcomes_of(all)).embeddings(recorded.embeddings));
  if (options.token_encoder)
    add_bert_scores(all,
                    Matching(*options.token_encoder, outcomes_of(all)).pairs(recorded.embeddings));
  return why_none;
}

// The suite's plan, with those optional scorers that marked something.
Plan plan_for(const Task& task, const std::vector<Marked>& marked) {
  Plan plan = task.suite->plan();
  for (const std::string& scorer : plan.optional_scorers)
    if (std::ranges::any_of(
            marked, [&](const Marked& one) { return mark_by(one.outcome, scorer) != nullptr; }))
      plan.scorers.push_back(scorer);
  return plan;
}

void add_all_rows(std::vector<store::Row>& rows, std::vector<store::Replicates>& replicates,
                  const Task& task, std::vector<Marked>& marked, const Plan& plan,
                  const ImageCodec& codec, const store::RunFolder& folder,
                  const ScoreOptions& options, const WhyNone& why_none) {
  // Pixels first: what they say of a sample is averaged with its answers.
  std::vector<store::Row> of_pixels;
  add_pixel_rows(of_pixels, replicates, task, marked, plan, codec, folder, options);
  add_rewards(marked);
  measure_answers(marked, plan, options.unicode_words);
  add_image_rows(rows, replicates, task, marked, plan, options);
  add_answer_rows(rows, task, marked, plan, options.metric, why_none);
  rows.insert(rows.end(), of_pixels.begin(), of_pixels.end());
}

// No file where nothing was drawn anew, nor one of an earlier scoring.
void write_replicates(const store::RunFolder& folder, const std::string& run,
                      const std::vector<store::Replicates>& replicates) {
  if (replicates.empty()) {
    std::error_code ignored;  // a reader compares the values with those of the summary
    std::filesystem::remove(folder.replicates(), ignored);
    return;
  }
  store::WholeFile file(folder.replicates());
  file.write(store::file_header("replicates", run) + "\n");
  for (const store::Replicates& one : replicates)
    file.write(store::framed(json_of(one), run) + "\n");
  file.commit();
}

store::Summary named_summary(const RunName& name) {
  return {.run = name.run, .model = name.model, .label = name.label, .flags = name.flags};
}

}  // namespace

store::Summary score(std::span<const Task> tasks, const ImageCodec& codec,
                     const store::RunFolder& folder, const RunName& name,
                     const ScoreOptions& options) {
  const Recorded recorded(folder, name.run, options);
  store::Summary summary = named_summary(name);
  std::vector<store::Replicates> replicates;
  store::WholeFile outcomes(folder.outcomes());
  outcomes.write(store::file_header("outcomes", name.run) + "\n");
  for (const Task& task : tasks) {
    std::vector<Marked> all = read_task(task, recorded);
    const Plan plan = extended(plan_for(task, all), options);
    summary.tasks.push_back(task_summary(task, all, plan));
    const WhyNone why_none = measure(all, recorded, options);
    add_all_rows(summary.rows, replicates, task, all, plan, codec, folder, options, why_none);
    for (const Marked& one : all)
      outcomes.write(store::framed(json_of(one.outcome), name.run) + "\n");
  }
  // A stopped pixel pass has seen only some maps: its values must not be written.
  if (options.stop && options.stop->asked()) return summary;
  outcomes.commit();
  write_replicates(folder, name.run, replicates);
  store::write_whole(folder.summary(), json_of(summary));
  return summary;
}

store::Summary score_part(std::span<Task> tasks, const ImageCodec& codec,
                          const store::RunFolder& folder, const RunName& name,
                          const ScoreOptions& options, const Part& part) {
  LOOKTWICE_CHECK(part.size() == tasks.size());
  const Recorded recorded(folder, name.run, options);
  store::Summary summary = named_summary(name);
  std::vector<store::Replicates> replicates;  // nothing is written here
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    Task& whole = tasks[t];
    LOOKTWICE_CHECK(part[t].size() == whole.samples.size());
    std::vector<Marked> all = read_task(whole, recorded);
    const Plan plan = extended(plan_for(whole, all), options);
    std::vector<Marked> kept;
    Task task{.name = whole.name,
              .variant = whole.variant,
              .root = whole.root,
              .fingerprint = whole.fingerprint,
              .samples_in_set = whole.samples_in_set};
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (!part[t][i]) continue;
      kept.push_back(std::move(all[i]));
      task.samples.push_back(whole.samples[i]);
    }
    task.suite = std::move(whole.suite);
    summary.tasks.push_back(task_summary(task, kept, plan));
    const WhyNone why_none = measure(kept, recorded, options);
    if (!kept.empty())
      add_all_rows(summary.rows, replicates, task, kept, plan, codec, folder, options, why_none);
    whole.suite = std::move(task.suite);
  }
  return summary;
}

std::int64_t incomplete_samples(const store::Summary& summary) {
  std::int64_t open = 0;
  for (const store::TaskSummary& task : summary.tasks)
    open += task.counts.failed + task.counts.missing;
  return open;
}

std::int64_t scored_samples(const store::Summary& summary) {
  std::int64_t most = 0;
  for (const store::TaskSummary& task : summary.tasks) {
    std::int64_t unscored = task.counts.answered;
    for (const auto& [scorer, count] : task.counts.unscored) unscored = std::min(unscored, count);
    if (task.counts.unscored.empty()) unscored = 0;
    most += task.counts.answered - unscored;
  }
  return most;
}

}  // namespace looktwice::run
