#include "harness/run/judge_audit.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <tuple>

#include "harness/core/error.h"
#include "harness/core/table.h"
#include "harness/core/text.h"
#include "metrics/stats/agreement.h"
#include "metrics/stats/correlation.h"
#include "metrics/stats/distributions.h"
#include "metrics/stats/proportion.h"
#include "metrics/stats/sum.h"

namespace looktwice::run {
namespace {

constexpr double kLevel = 0.95;
constexpr double kLeastPoints = 1, kMostPoints = 10;

using Key = std::tuple<std::string, std::string, std::size_t>;  // task, sample, question
using Points = std::map<Key, double>;

Key key_of(const Judged& one) {
  return {one.task, one.sample, one.question};
}

double mean_of(const std::vector<double>& values) {
  metrics::Sum sum;
  for (const double value : values) sum += value;
  return sum.value() / static_cast<double>(values.size());
}

// Divided by n - 1; 0 for one value.
double variance_of(const std::vector<double>& values) {
  if (values.size() < 2) return 0;
  const double mean = mean_of(values);
  metrics::Sum sum;
  for (const double value : values) sum += (value - mean) * (value - mean);
  return sum.value() / static_cast<double>(values.size() - 1);
}

// Mean points of each answer, over the judgements that `takes` wants.
template <class Takes>
Points points_of(std::span<const Judged> judged, const Takes& takes) {
  std::map<Key, std::vector<double>> all;
  for (const Judged& one : judged)
    if (one.points && takes(one)) all[key_of(one)].push_back(*one.points);
  Points means;
  for (const auto& [key, values] : all) means[key] = mean_of(values);
  return means;
}

Points all_points(std::span<const Judged> judged) {
  return points_of(judged, [](const Judged&) { return true; });
}

std::vector<double> picture_means(const Points& points) {
  std::map<std::pair<std::string, std::string>, std::vector<double>> by_picture;
  for (const auto& [key, value] : points)
    by_picture[{std::get<0>(key), std::get<1>(key)}].push_back(value);
  std::vector<double> means;
  for (const auto& [picture, values] : by_picture) means.push_back(mean_of(values));
  return means;
}

int grade(double points) {
  return std::clamp(static_cast<int>(std::lround(points)), 1, 10) - 1;
}

Agreement agreement(std::string name_a, std::string name_b, const Points& a, const Points& b) {
  Agreement found{.a = std::move(name_a), .b = std::move(name_b)};
  std::vector<double> x, y;
  for (const auto& [key, value] : a)
    if (const auto other = b.find(key); other != b.end())
      x.push_back(value), y.push_back(other->second);
  found.answers = static_cast<std::int64_t>(x.size());
  if (x.empty()) return found;
  std::vector<int> grades_x, grades_y;
  metrics::Sum difference, distance;
  for (std::size_t i = 0; i < x.size(); ++i) {
    grades_x.push_back(grade(x[i]));
    grades_y.push_back(grade(y[i]));
    difference += x[i] - y[i];
    distance += std::fabs(x[i] - y[i]);
  }
  const auto n = static_cast<double>(x.size());
  found.mean_difference = difference.value() / n;
  found.mean_absolute_difference = distance.value() / n;
  found.kappa = metrics::cohen_kappa(grades_x, grades_y, 10, metrics::KappaWeights::quadratic);
  found.alpha = metrics::krippendorff_alpha({x, y}, metrics::Scale::interval);
  if (const auto rank = metrics::spearman(x, y)) found.rank_correlation = rank->value;
  return found;
}

// Pairs of the two orders of one judgement.
void add_orders(std::span<const Judged> judged, JudgeQuality& quality) {
  std::map<std::pair<Key, int>, std::pair<const Judged*, const Judged*>> pairs;
  for (const Judged& one : judged) {
    auto& pair = pairs[{key_of(one), one.repeat}];
    if (one.points) (one.swapped ? pair.second : pair.first) = &one;
  }
  std::vector<double> gains;
  const auto better = [](const Judged& one) {  // 1 the answer, -1 the other, 0 neither
    const double off = *one.points - one.reference.value_or(0.5);
    return off > 0 ? 1 : off < 0 ? -1 : 0;
  };
  for (const auto& [key, pair] : pairs) {
    if (!pair.first || !pair.second) continue;
    ++quality.pairs;
    quality.flips += std::abs(better(*pair.first) - better(*pair.second)) / 2.0;
    gains.push_back(*pair.first->points - *pair.second->points);
  }
  if (quality.pairs == 0) return;
  quality.flip_rate = quality.flips / static_cast<double>(quality.pairs);
  quality.flip_interval =
      metrics::wilson(static_cast<std::int64_t>(std::lround(quality.flips)), quality.pairs, kLevel);
  // Points with a reference: the given order shows the answer second.
  const bool by_points =
      std::ranges::any_of(judged, [](const Judged& one) { return one.reference.has_value(); });
  quality.gain_of_second_place = by_points ? mean_of(gains) : -mean_of(gains);
}

metrics::Interval interval_about(double mean, double variance, double degrees, std::string method) {
  const double width =
      metrics::student_t_quantile(0.5 + kLevel / 2, std::max(1.0, degrees)) * std::sqrt(variance);
  return {.low = std::max(kLeastPoints, mean - width),
          .high = std::min(kMostPoints, mean + width),
          .level = kLevel,
          .method = std::move(method)};
}

JudgeQuality quality_of(const JudgedRun& run) {
  JudgeQuality quality{
      .run = run.run, .judge = run.judge, .name = run.name, .counts = counted(run.judged)};
  const Points points = all_points(run.judged);
  const std::vector<double> pictures = picture_means(points);
  if (pictures.empty()) return quality;
  quality.points = mean_of(pictures);
  quality.pictures = static_cast<std::int64_t>(pictures.size());
  quality.variance_of_pictures = variance_of(pictures);
  if (pictures.size() > 1) {
    const auto n = static_cast<double>(pictures.size());
    quality.of_pictures = interval_about(*quality.points, quality.variance_of_pictures / n, n - 1,
                                         "student, pictures");
  }
  std::map<std::string, std::map<std::string, std::vector<double>>> groups;
  std::vector<double> given, lengths;
  std::map<Key, std::size_t> bytes;
  for (const Judged& one : run.judged) {
    bytes[key_of(one)] = one.answer_bytes;
    if (one.points && points.contains(key_of(one)))
      groups[one.group][one.task + "\n" + one.sample].push_back(*one.points);
  }
  for (const auto& [group, by_picture] : groups) {
    std::vector<double> means;
    for (const auto& [picture, values] : by_picture) means.push_back(mean_of(values));
    quality.by_group[group] = mean_of(means);
  }
  for (const auto& [key, value] : points) {
    given.push_back(value);
    lengths.push_back(static_cast<double>(bytes.at(key)));
  }
  if (const auto rank = metrics::spearman(given, lengths)) {
    quality.rank_correlation_with_length = rank->value;
    quality.length_p_value = rank->p_value;
  }
  add_orders(run.judged, quality);
  const auto first = points_of(run.judged, [](const Judged& one) { return one.repeat == 0; });
  const auto second = points_of(run.judged, [](const Judged& one) { return one.repeat == 1; });
  if (!second.empty()) quality.again = agreement("first", "second", first, second);
  return quality;
}

// The mean over pictures as each rater (judge, repetition) gives it, over both orders; the variance
// between raters is the judge's noise. Satterthwaite's degrees of freedom; ends at the scale's.
void add_judge_noise(std::span<const JudgedRun> runs, std::vector<JudgeQuality>& judges) {
  std::map<std::string, std::vector<double>> raters;  // run -> mean points of each rater
  for (const JudgedRun& run : runs) {
    std::set<int> repeats;
    for (const Judged& one : run.judged)
      if (one.points) repeats.insert(one.repeat);
    for (const int repeat : repeats)
      raters[run.run].push_back(mean_of(picture_means(
          points_of(run.judged, [repeat](const Judged& one) { return one.repeat == repeat; }))));
  }
  for (JudgeQuality& quality : judges) {
    const std::vector<double>& means = raters[quality.run];
    if (means.size() < 2 || !quality.of_pictures) continue;
    const auto n = static_cast<double>(quality.pictures), j = static_cast<double>(means.size());
    const double of_pictures = quality.variance_of_pictures / n;
    const double of_raters = variance_of(means) / j;
    const double all = of_pictures + of_raters;
    if (all <= 0) continue;
    const double degrees =
        all * all / (of_pictures * of_pictures / (n - 1) + of_raters * of_raters / (j - 1));
    quality.with_judge_noise =
        interval_about(*quality.points, all, degrees, "student, pictures and raters");
  }
}

// Answers (task, sample, question) that every judge judged of every model.
void add_variance(std::span<const JudgedRun> runs, JudgeAudit& audit) {
  std::map<std::string, std::map<std::string, Points>> by_run;  // run -> judge -> points
  for (const JudgedRun& run : runs) by_run[run.run][run.judge] = all_points(run.judged);
  std::set<std::string> judges;
  for (const auto& [run, of_run] : by_run)
    for (const auto& [judge, points] : of_run) judges.insert(judge);
  std::erase_if(judges, [&](const std::string& judge) {
    return std::ranges::any_of(by_run,
                               [&](const auto& one) { return !one.second.contains(judge); });
  });
  if (judges.empty() || by_run.empty()) return;
  std::vector<double> layout;
  for (const auto& [key, ignored] : by_run.begin()->second.at(*judges.begin())) {
    std::vector<double> row;
    for (const auto& [run, of_run] : by_run)
      for (const std::string& judge : judges)
        if (const auto found = of_run.at(judge).find(key); found != of_run.at(judge).end())
          row.push_back(found->second);
    if (row.size() != by_run.size() * judges.size()) continue;
    layout.insert(layout.end(), row.begin(), row.end());
    ++audit.samples;
  }
  audit.models = static_cast<std::int64_t>(by_run.size());
  audit.raters = static_cast<std::int64_t>(judges.size());
  if (audit.samples > 0)
    audit.variance = metrics::variance_split(layout, static_cast<std::size_t>(audit.samples),
                                             by_run.size(), judges.size());
}

// Every answer of every run is a unit, every judge a rater.
std::optional<double> alpha_of(std::span<const JudgedRun> runs) {
  std::map<std::pair<std::string, Key>, std::size_t> units;
  std::map<std::string, std::vector<std::pair<std::size_t, double>>> by_judge;
  for (const JudgedRun& run : runs)
    for (const auto& [key, value] : all_points(run.judged)) {
      const auto unit = units.try_emplace({run.run, key}, units.size()).first->second;
      by_judge[run.judge].emplace_back(unit, value);
    }
  if (by_judge.size() < 2) return {};
  std::vector<std::vector<double>> ratings;
  for (const auto& [judge, values] : by_judge) {
    std::vector<double> row(units.size(), std::numeric_limits<double>::quiet_NaN());
    for (const auto& [unit, value] : values) row[unit] = value;
    ratings.push_back(std::move(row));
  }
  return metrics::krippendorff_alpha(ratings, metrics::Scale::interval);
}

}  // namespace

JudgedRun human_points(const std::filesystem::path& file, const std::string& run,
                       std::span<const Judged> known) {
  const Table table = table_of_file(file);
  for (const char* column : {"sample", "question", "points"})
    if (!table.column(column))
      table.refuse({1, 1}, "the columns sample, question and points were expected; '" +
                               std::string(column) + "' is missing");
  JudgedRun people{.run = run, .judge = "people", .name = "people"};
  for (const Row& row : table.rows) {
    const std::string& sample = table.at(row, "sample").text;
    const double question = table.number(row, "question"), points = table.number(row, "points");
    const Cell* task = table.find(row, "task");
    if (points < 1 || points > 10)
      table.refuse(table.at(row, "points").place, "points are from 1 to 10");
    const auto found = std::ranges::find_if(known, [&](const Judged& one) {
      return one.sample == sample && static_cast<double>(one.question) == question &&
             (!task || task->text == one.task);
    });
    if (found == known.end())
      table.refuse(row.place, "question " + table.at(row, "question").text + " of '" +
                                  printable(sample) + "' was not judged in this run");
    Judged one = *found;
    one.swapped = false;
    one.repeat = 0;
    one.points = points;
    one.reference.reset();
    one.why.clear();
    one.tries = 1;
    one.facts.clear();
    people.judged.push_back(std::move(one));
  }
  return people;
}

JudgeAudit audit(std::span<const JudgedRun> runs) {
  JudgeAudit result;
  for (const JudgedRun& run : runs) result.judges.push_back(quality_of(run));
  add_judge_noise(runs, result.judges);
  for (std::size_t i = 0; i < runs.size(); ++i)
    for (std::size_t j = i + 1; j < runs.size(); ++j)
      if (runs[i].run == runs[j].run)
        result.agreements.push_back(agreement(
            runs[i].name, runs[j].name, all_points(runs[i].judged), all_points(runs[j].judged)));
  result.alpha_of_all = alpha_of(runs);
  add_variance(runs, result);
  return result;
}

}  // namespace looktwice::run
