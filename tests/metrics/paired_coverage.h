// How often the intervals of differences hold the true one, over simulated pairs of models. Scores
// are normal, N(0, 1) for normal samples and N(apart, 1) for anomalous ones; both models share a
// part of their noise. So the true values of coverage.h hold for each.
#pragma once

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "metrics/stats/distributions.h"
#include "metrics/stats/paired_tests.h"
#include "metrics/stats/parallel.h"
#include "metrics/stats/philox.h"
#include "tests/metrics/coverage.h"

namespace looktwice::metrics {

struct PairedDesign {
  std::string name = {};
  int positives = 60, negatives = 60;
  double auroc_a = 0.80, auroc_b = 0.74;
  double shared = 0.5;  // share of the variance that both models' scores have in common
  double threshold = 0.6;
  int classes = 1;  // more: the mean over so many independent classes
};

struct PairedCoverage {
  int sets = 0, below = 0, above = 0;  // truth below the interval, above it
  int alarms = 0;                      // p <= 0.05
  double percent() const { return 100.0 * (sets - below - above) / sets; }
};

struct PairedScores {
  std::vector<double> a = {}, b = {};
  std::vector<std::uint8_t> positive = {}, called_a = {}, called_b = {};
};

inline PairedScores paired_scores(const PairedDesign& design, RandomStream& random) {
  const auto normal = [&] { return normal_quantile(0x1p-54 + random.uniform()); };
  const double apart_a = std::sqrt(2.0) * normal_quantile(design.auroc_a),
               apart_b = std::sqrt(2.0) * normal_quantile(design.auroc_b);
  const double common = std::sqrt(design.shared), own = std::sqrt(1 - design.shared);
  PairedScores scores;
  for (int i = 0; i < design.positives + design.negatives; ++i) {
    const bool positive = i < design.positives;
    const double both = common * normal();
    scores.positive.push_back(positive);
    scores.a.push_back(both + own * normal() + (positive ? apart_a : 0));
    scores.b.push_back(both + own * normal() + (positive ? apart_b : 0));
    scores.called_a.push_back(scores.a.back() >= design.threshold);
    scores.called_b.push_back(scores.b.back() >= design.threshold);
  }
  return scores;
}

// Everything that a comparison prints. resamples 0: without AP and F1-max.
inline std::map<std::string, PairedTest> paired_tests(const PairedScores& s,
                                                      const BootstrapOptions& options) {
  std::map<std::string, PairedTest> tests;
  PairedCounts right, found;
  for (std::size_t i = 0; i < s.positive.size(); ++i) {
    const bool a = s.called_a[i] == s.positive[i], b = s.called_b[i] == s.positive[i];
    for (PairedCounts* counts : {&right, &found})
      if (counts == &right || s.positive[i])
        ++(a ? (b ? counts->both : counts->only_a) : (b ? counts->only_b : counts->neither));
  }
  tests["accuracy_at"] = rate_test(right);
  tests["recall_at"] = rate_test(found);
  tests["auroc"] = *auroc_test(s.a, s.b, s.positive, options);
  if (const auto f1 = f1_test(s.called_a, s.called_b, s.positive, options)) tests["f1_at"] = *f1;
  if (const auto precision = precision_test(s.called_a, s.called_b, s.positive, options))
    tests["precision_at"] = *precision;
  const std::vector<PairedTest> ranking = ranking_tests(s.a, s.b, s.positive, options);
  if (!ranking.empty()) tests["average_precision"] = ranking[0], tests["f1_max"] = ranking[1];
  return tests;
}

inline std::map<std::string, PairedCoverage> paired_coverage(const PairedDesign& design, int sets,
                                                             int resamples, std::uint64_t seed = 1,
                                                             int threads = 1) {
  const auto truths_of = [&](double auroc) {
    return truths({.positives = design.positives,
                   .negatives = design.negatives,
                   .apart = std::sqrt(2.0) * normal_quantile(auroc),
                   .threshold = design.threshold});
  };
  std::map<std::string, double> truth = truths_of(design.auroc_a);
  for (const auto& [name, value] : truths_of(design.auroc_b)) truth[name] -= value;
  // Of each data set: the classes' tests by metric.
  std::vector<std::map<std::string, std::vector<PairedTest>>> all(static_cast<std::size_t>(sets));
  in_parts(sets, threads, [&](int begin, int end) {
    for (int set = begin; set < end; ++set) {
      RandomStream random({.seed = seed, .tag = stream_tag(design.name)},
                          static_cast<std::uint32_t>(set));
      for (int c = 0; c < design.classes; ++c)
        for (auto& [name, test] : paired_tests(
                 paired_scores(design, random),
                 {.resamples = resamples,
                 .key = {.seed = seed, .tag = stream_tag(std::to_string(set * 1000 + c))}}))
          all[static_cast<std::size_t>(set)][name].push_back(std::move(test));
    }
  });
  std::map<std::string, PairedCoverage> result;
  for (const auto& classes : all)
    for (const auto& [name, tests] : classes) {
      const PairedTest test = design.classes == 1 ? tests.front() : mean_of_tests(tests);
      if (!test.interval) continue;
      PairedCoverage& of = result[name];
      ++of.sets;
      of.below += truth.at(name) < test.interval->low;
      of.above += truth.at(name) > test.interval->high;
      of.alarms += test.p_value <= 0.05;
    }
  return result;
}

}  // namespace looktwice::metrics
