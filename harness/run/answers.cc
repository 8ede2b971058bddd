#include "harness/run/answers.h"

#include <algorithm>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include "harness/core/error.h"
#include "harness/run/rows.h"
#include "metrics/measure.h"
#include "metrics/stats/mean_over.h"

namespace looktwice::run {
namespace {

using metrics::ClusterMean;
using metrics::Measure;
using metrics::Value;

Measure measure_named(const std::string& name) {
  for (Measure& measure : metrics::measure_catalogue())
    if (measure.name == name) return std::move(measure);
  throw Error(Kind::internal, "no measure '" + name + "'");
}

// A sample's values of a measure over the answers of a group, in the order of the questions.
std::vector<double> values_of(const Outcome& outcome, const Mark& mark, const std::string& group,
                              const std::string& value) {
  std::vector<double> values;
  for (std::size_t i = 0; i < mark.answers.size(); ++i) {
    if (outcome.answers[i].group != group) continue;
    const auto found = mark.answers[i].values.find(value);
    if (found != mark.answers[i].values.end()) values.push_back(found->second);
  }
  return values;
}

// One measure, group and scorer over all samples: by class and over all.
struct Means {
  std::map<std::string, ClusterMean> by_class = {};
  std::map<std::string, ClusterMean> by_category = {};  // where a class is a source of several
  ClusterMean pooled;
  bool any = false;

  explicit Means(const Measure& measure) : pooled(measure.pooling, measure.range) {}
};

// Samples that show one picture: their answers are not independent.
using Cluster = std::vector<const Outcome*>;

std::vector<Cluster> clusters_of(const std::vector<Marked>& marked) {
  std::vector<Cluster> clusters;
  std::unordered_map<std::string, std::size_t> places;
  for (const Marked& one : marked) {
    const Outcome& outcome = one.outcome;
    std::size_t place = clusters.size();
    if (!outcome.image.empty()) {
      std::string picture = outcome.image;
      if (const auto& part = outcome.region)
        picture += "#" + std::to_string(part->x) + "," + std::to_string(part->y) + "," +
                   std::to_string(part->width) + "," + std::to_string(part->height);
      place = places.try_emplace(std::move(picture), place).first->second;
    }
    if (place == clusters.size()) clusters.emplace_back();
    clusters[place].push_back(&outcome);
  }
  return clusters;
}

Means means_of(const std::vector<Cluster>& clusters, const std::string& scorer,
               const GroupMeasure& asked, const Measure& measure) {
  Means means(measure);
  for (const Cluster& cluster : clusters) {
    const Outcome& first = *cluster.front();
    const auto [mean, is_new] =
        means.by_class.try_emplace(unit_of(first), measure.pooling, measure.range);
    std::vector<double> values;
    for (const Outcome* outcome : cluster) {
      const Mark* mark = outcome->status == Status::answered ? mark_by(*outcome, scorer) : nullptr;
      if (!mark) continue;
      const std::vector<double> more = values_of(*outcome, *mark, asked.group, measure.value());
      values.insert(values.end(), more.begin(), more.end());
    }
    mean->second.add(first.sample, first.anomalous, values);
    means.pooled.add(first.sample, first.anomalous, values);
    if (!first.source.empty())
      means.by_category
          .try_emplace(first.source + "/" + first.category, measure.pooling, measure.range)
          .first->second.add(first.sample, first.anomalous, values);
    means.any = means.any || !values.empty();
  }
  return means;
}

// One column of the summary, on the scale of 0 to 1.
struct Column {
  std::map<std::string, Value> by_class = {}, by_category = {};
  Value pooled = {};
};

class Rows {
 public:
  Rows(std::vector<store::Row>& rows, const Task& task, const std::vector<Marked>& marked,
       const metrics::MetricOptions& options, const WhyNone& why_none)
      : rows_(rows),
        task_(task),
        clusters_(clusters_of(marked)),
        options_(options),
        why_none_(why_none) {}

  void add_measure(const std::string& scorer, const GroupMeasure& asked, bool zero_rates) {
    const Measure measure = measure_named(asked.measure);
    const Means means = means_of(clusters_, scorer, asked, measure);
    const auto why = why_none_.find(measure.value());
    // A class without any answer of the group is 0 for the scorers that take it so.
    const auto value_of = [&](const ClusterMean& mean, bool is_class) {
      Value value = mean.value(options_);
      if (is_class && zero_rates && !value.value && means.any) {
        value.value = 0;
        value.reason.clear();
      }
      if (!means.any && why != why_none_.end())
        value.reason = why->second;
      else if (!means.any && !measure.missing.empty())
        value.reason = measure.missing;
      return value;
    };
    Column& column = columns_[scorer + "\n" + asked.name()];
    for (const auto& [name, mean] : means.by_class) column.by_class[name] = value_of(mean, true);
    for (const auto& [name, mean] : means.by_category)
      column.by_category[name] = value_of(mean, false);
    column.pooled = value_of(means.pooled, false);
    add({.name = asked.name(), .higher_is_better = measure.higher_is_better}, scorer, column,
        [&](Value value) { return means.pooled.on_range(std::move(value)); });
  }

  void add_average(const std::string& scorer, const Average& average) {
    Column column;
    std::vector<Value> pooled;
    std::map<std::string, std::vector<Value>> by_class;
    for (const std::string& name : average.of) {
      const auto found = columns_.find(scorer + "\n" + name);
      LOOKTWICE_CHECK(found != columns_.end());
      for (const auto& [unit, value] : found->second.by_class) by_class[unit].push_back(value);
      pooled.push_back(found->second.pooled);
    }
    for (const auto& [unit, values] : by_class) column.by_class[unit] = metrics::average_of(values);
    column.pooled = metrics::average_of(pooled);
    add({.name = average.name}, scorer, column, [](Value value) { return value; });
  }

 private:
  template <class OnRange>
  void add(const metrics::ValueInfo& info, const std::string& scorer, const Column& column,
           const OnRange& on_range) {
    const auto row = [&](const Value& value, const std::string& group) {
      rows_.push_back(row_of(on_range(value), info, task_.full_name(), scorer, group));
    };
    std::vector<Value> classes;
    for (const auto& [name, value] : column.by_class) {
      row(value, name);
      classes.push_back(value);
    }
    for (const auto& [name, value] : column.by_category) row(value, name);
    Value macro = metrics::mean_over(classes);
    if (!macro.value && !column.pooled.value) macro.reason = column.pooled.reason;
    row(macro, kMacro);
    row(column.pooled, kPooled);
  }

  std::vector<store::Row>& rows_;
  const Task& task_;
  const std::vector<Cluster> clusters_;
  const metrics::MetricOptions& options_;
  const WhyNone& why_none_;
  std::map<std::string, Column> columns_ = {};
};

}  // namespace

void measure_answers(std::vector<Marked>& marked, const Plan& plan,
                     const metrics::WordCutter& unicode_words) {
  std::vector<std::pair<GroupMeasure, std::string>> asked_values;  // with the value that it reads
  std::map<std::string, metrics::TextMeasure> of_texts;
  for (const GroupMeasure& asked : plan.measures) {
    const Measure measure = measure_named(asked.measure);
    asked_values.emplace_back(asked, measure.value());
    if (measure.make) of_texts.try_emplace(measure.name, measure.make(unicode_words));
  }
  for (Marked& one : marked) {
    Outcome& outcome = one.outcome;
    for (Mark& mark : outcome.marks) {
      LOOKTWICE_CHECK(mark.answers.empty() || mark.answers.size() == outcome.answers.size());
      for (std::size_t i = 0; i < mark.answers.size(); ++i) {
        const Answer& answer = outcome.answers[i];
        // Without a reference there is nothing to measure against.
        if (!mark.answers[i].unscored_because.empty() || answer.reference.empty()) continue;
        for (const auto& [asked, name] : asked_values)
          if (asked.group == answer.group && of_texts.contains(name))
            mark.answers[i].values[name] = of_texts.at(name)(answer.reference, answer.text);
      }
      for (const auto& [asked, name] : asked_values) {
        const std::vector<double> values = values_of(outcome, mark, asked.group, name);
        if (values.empty()) continue;
        double sum = 0;
        for (const double value : values) sum += value;
        mark.values[asked.name()] = sum / static_cast<double>(values.size());
      }
    }
  }
}

void add_answer_rows(std::vector<store::Row>& rows, const Task& task,
                     const std::vector<Marked>& marked, const Plan& plan,
                     const metrics::MetricOptions& options, const WhyNone& why_none) {
  Rows made(rows, task, marked, options, why_none);
  for (const std::string& scorer : plan.scorers) {
    for (const GroupMeasure& asked : plan.measures)
      made.add_measure(scorer, asked, plan.zero_rates && scorer == "official");
    for (const Average& average : plan.averages) made.add_average(scorer, average);
  }
}

}  // namespace looktwice::run
