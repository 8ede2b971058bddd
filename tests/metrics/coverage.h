// How often the intervals that the families print hold the truth, over simulated data sets.
// Scores are normal: N(0, 1) for normal samples, N(apart, spread) for anomalous ones, rounded to 1
// / levels if asked; so the true AUROC, AP, F1-max and rates are known.
#pragma once

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "metrics/catalogue.h"
#include "metrics/stats/distributions.h"
#include "metrics/stats/mean_over.h"
#include "metrics/stats/parallel.h"
#include "metrics/stats/philox.h"

namespace looktwice::metrics {

struct Design {
  std::string name = {};
  int positives = 60, negatives = 60;
  double apart = 1.19, spread = 1;  // AUROC = Phi(apart / sqrt(1 + spread^2))
  int levels = 0;                   // 0: continuous
  double threshold = 0.6;
  int classes = 1;             // more: the mean over so many independent classes of this design
  double hidden = 0;           // share of the anomalous that score like normal ones
  bool random_labels = false;  // each sample is anomalous with probability positives / all
};

struct Coverage {
  int sets = 0, below = 0, above = 0, none = 0;  // truth below the interval, above it; no interval
  double width = 0, bias = 0;                    // sums
  double percent() const { return 100.0 * (sets - none - below - above) / (sets - none); }
};

inline double recall_at(const Design& design, double t) {
  return (1 - design.hidden) * normal_cdf((design.apart - t) / design.spread) +
         design.hidden * normal_cdf(-t);
}

inline std::map<std::string, double> truths(const Design& design) {
  const double p = design.positives, n = design.negatives;
  std::map<std::string, double> truth;
  double recall_before = 0, alarms_before = 0, auroc = 0, precision = 0, f1_max = 0;
  const double step = design.levels > 0 ? 1.0 / design.levels : 0.001;
  for (int k = static_cast<int>(14 / step); k >= static_cast<int>(-14 / step); --k) {
    const double t = (k - 0.5) * step;
    const double recall = recall_at(design, t), alarms = normal_cdf(-t);
    auroc += (alarms - alarms_before) * (recall + recall_before) / 2;
    if (recall > 0)
      precision += (recall - recall_before) * (recall * p / (recall * p + alarms * n));
    f1_max = std::max(f1_max, 2 * recall * p / (recall * p + alarms * n + p));
    recall_before = recall;
    alarms_before = alarms;
  }
  truth["auroc"] = auroc;
  truth["average_precision"] = precision;
  truth["f1_max"] = f1_max;
  double t = design.threshold;
  if (design.levels > 0) t = (std::ceil(t * design.levels) - 0.5) / design.levels;
  const double recall = recall_at(design, t), alarms = normal_cdf(-t);
  truth["accuracy_at"] = (recall * p + (1 - alarms) * n) / (p + n);
  truth["precision_at"] = recall * p / (recall * p + alarms * n);
  truth["recall_at"] = recall;
  truth["f1_at"] = 2 * recall * p / (recall * p + alarms * n + p);
  return truth;
}

// One data set's values, both families.
inline std::vector<Value> simulated(const Design& design, StreamKey key, std::uint32_t set,
                                    int resamples) {
  RandomStream random(key, set);
  std::vector<std::vector<Value>> by_class;
  std::vector<std::unique_ptr<Metric>> families;
  for (int c = 0; c < design.classes; ++c) {
    families.clear();
    for (const MetricEntry& entry : metric_catalogue())
      if (entry.name == "ranking" || entry.name == "threshold")
        families.push_back(
            entry.make({.threshold = design.threshold, .seed = key.seed, .resamples = resamples}));
    for (int i = 0; i < design.positives + design.negatives; ++i) {
      const bool positive =
          design.random_labels
              ? random.uniform() * (design.positives + design.negatives) < design.positives
              : i < design.positives;
      double score = normal_quantile(0x1p-54 + random.uniform());
      if (positive && !(design.hidden > 0 && random.uniform() < design.hidden))
        score = design.apart + design.spread * score;
      if (design.levels > 0) score = std::round(score * design.levels) / design.levels;
      const std::string id =
          std::to_string(set) + "/" + std::to_string(c) + "/" + std::to_string(i);
      for (const auto& family : families)
        family->add({.id = id, .positive = positive, .score = score});
    }
    by_class.emplace_back();
    for (const auto& family : families)
      for (Value& value : family->values()) by_class.back().push_back(std::move(value));
  }
  if (design.classes == 1) return by_class.front();
  std::vector<Value> means;
  for (std::size_t v = 0; v < by_class.front().size(); ++v) {
    std::vector<Value> classes;
    for (const auto& values : by_class) classes.push_back(values[v]);
    means.push_back(mean_over(classes));
  }
  return means;
}

inline std::map<std::string, Coverage> coverage(const Design& design, int sets, int resamples,
                                                std::uint64_t seed = 1, int threads = 1) {
  const std::map<std::string, double> truth = truths(design);
  std::vector<std::vector<Value>> all(static_cast<std::size_t>(sets));
  in_parts(sets, threads, [&](int begin, int end) {
    for (int set = begin; set < end; ++set) {
      auto& values = all[static_cast<std::size_t>(set)];
      values = simulated(design, {.seed = seed, .tag = stream_tag(design.name)},
                         static_cast<std::uint32_t>(set), resamples);
      for (Value& value : values) value.replicates = {};
    }
  });
  std::map<std::string, Coverage> result;
  for (const auto& values : all)
    for (const Value& value : values) {
      Coverage& of = result[value.name];
      ++of.sets;
      if (!value.interval) {
        ++of.none;
        continue;
      }
      const double target = truth.at(value.name);
      of.below += target < value.interval->low;
      of.above += target > value.interval->high;
      of.width += value.interval->high - value.interval->low;
      of.bias += *value.value - target;
    }
  return result;
}

}  // namespace looktwice::metrics
