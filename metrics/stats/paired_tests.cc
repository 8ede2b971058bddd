#include "metrics/stats/paired_tests.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <stdexcept>

#include "metrics/binary/confusion.h"
#include "metrics/binary/decision_metrics.h"
#include "metrics/binary/ranked_scores.h"
#include "metrics/binary/ranking_bias.h"
#include "metrics/binary/reranking.h"
#include "metrics/stats/correlation.h"
#include "metrics/stats/delong.h"
#include "metrics/stats/distributions.h"
#include "metrics/stats/logit_interval.h"
#include "metrics/stats/mcnemar.h"
#include "metrics/stats/permutation.h"
#include "metrics/stats/shared_normals.h"
#include "metrics/stats/sum.h"

namespace looktwice::metrics {
namespace {

constexpr int kPermutations = 9999;
constexpr double kNoVariance = 1e-24;  // what rounding may leave

double two_sided(const PairedTest& test, std::optional<double> degrees) {
  if (test.variance <= kNoVariance) return 1;
  const double strength = test.difference / std::sqrt(test.variance);
  return degrees ? student_t_two_sided(strength, *degrees) : normal_two_sided(strength);
}

// Distances to each bound are added like correlated deviations.
Interval mover(const PairedTest& test, const Interval& a, const Interval& b, double correlation,
               double level, const std::string& method) {
  const auto distance = [&](double x, double y) {
    return std::sqrt(std::max(0.0, x * x - 2 * correlation * x * y + y * y));
  };
  return {.low = std::max(-1.0, test.difference - distance(test.a - a.low, b.high - test.b)),
          .high = std::min(1.0, test.difference + distance(a.high - test.a, test.b - b.low)),
          .level = level,
          .method = method};
}

// From the variances of both values and of their difference.
double correlation_of(double of_a, double of_b, double of_difference) {
  if (of_a <= kNoVariance || of_b <= kNoVariance) return 0;
  return std::clamp((of_a + of_b - of_difference) / 2 / std::sqrt(of_a * of_b), -1.0, 1.0);
}

void set_same(PairedTest& test, double level) {
  test.variance = 0;
  test.p_value = 1;
  test.interval = Interval{.level = level, .method = test.test};
}

// What the interval is worth, where there is no other estimate.
double variance_of(const Interval& interval) {
  const double half = (interval.high - interval.low) / 2;
  return std::pow(half / normal_quantile(0.5 + interval.level / 2), 2);
}

// How much more a value less its estimated bias varies than the value: the estimate runs against
// the value. On the logit scale both vary alike.
double widened(double value, double bias) {
  const double corrected = value - std::clamp(bias, 0.0, value / 2);
  return value > 0 && value < 1 ? corrected * (1 - corrected) / (value * (1 - value)) : 1;
}

// The p value of a statistic of one model's results when they are exchanged sample by sample.
template <class Result>
double exchange_p(std::vector<Result> a, std::vector<Result> b, const BootstrapOptions& options,
                  const std::function<double(std::span<const Result>)>& value) {
  BootstrapOptions many = options;
  many.resamples = std::max(options.resamples, kPermutations);
  return paired_permutation(a.size(), many,
                            [&](std::span<const std::uint8_t> swapped) {
                              std::vector<Result> x = a, y = b;
                              for (std::size_t i = 0; i < swapped.size(); ++i)
                                if (swapped[i]) std::swap(x[i], y[i]);
                              return value(x) - value(y);
                            })
      .p_value;
}

// Is every sample ranked the same against the other class by both? Equal placements follow from
// equal midranks; the reverse does not hold, so placements are compared.
bool places_alike(std::span<const double> a, std::span<const double> b,
                  std::span<const std::uint8_t> positive) {
  const auto placed = [&](std::span<const double> scores) {
    // Rank among all minus rank within the own class: how many of the other class lie below.
    std::vector<double> place = midranks(scores);
    for (const bool of : {false, true}) {
      std::vector<double> own;
      std::vector<std::size_t> at;
      for (std::size_t i = 0; i < scores.size(); ++i)
        if ((positive[i] != 0) == of) own.push_back(scores[i]), at.push_back(i);
      const std::vector<double> within = midranks(own);
      for (std::size_t k = 0; k < at.size(); ++k) place[at[k]] -= within[k];
    }
    return place;
  };
  return placed(a) == placed(b);
}

std::array<std::size_t, 2> class_sizes(std::span<const std::uint8_t> positive) {
  const auto n = static_cast<std::size_t>(
      std::count_if(positive.begin(), positive.end(), [](std::uint8_t y) { return y != 0; }));
  return {n, positive.size() - n};
}

// Of a mean over the samples of both classes, each class with its own mean. weights[n]: what each
// sample moves the difference by.
double stratified_variance(std::span<const double> weights,
                           std::span<const std::uint8_t> positive) {
  double variance = 0;
  for (const bool of : {false, true}) {
    Sum sum, squares;
    double n = 0;
    for (std::size_t i = 0; i < weights.size(); ++i)
      if ((positive[i] != 0) == of) sum += weights[i], ++n;
    if (n < 2) continue;
    const double mean = sum.value() / n;
    for (std::size_t i = 0; i < weights.size(); ++i)
      if ((positive[i] != 0) == of) squares += (weights[i] - mean) * (weights[i] - mean);
    variance += n / (n - 1) * squares.value();
  }
  return variance;
}

// A rate made of counts; gains: by how much it rises when one more anomalous, one more normal
// sample is called anomalous.
struct DecisionRate {
  std::function<std::optional<double>(const Confusion&)> value;
  std::function<std::array<double, 2>(const Confusion&, double value)> gains;
  // One model's own interval; empty: the delta method's on the logit scale.
  std::function<Interval(const Confusion&, double level)> interval = {};
};

std::vector<double> moved_by(std::span<const std::uint8_t> called,
                             const std::array<double, 2>& gains,
                             std::span<const std::uint8_t> positive) {
  std::vector<double> weights(called.size());
  for (std::size_t i = 0; i < called.size(); ++i)
    if (called[i] != 0) weights[i] = gains[positive[i] != 0 ? 0 : 1];
  return weights;
}

std::optional<PairedTest> decision_test(std::span<const std::uint8_t> called_a,
                                        std::span<const std::uint8_t> called_b,
                                        std::span<const std::uint8_t> positive,
                                        const DecisionRate& rate, const BootstrapOptions& options,
                                        double level) {
  if (called_a.size() != positive.size() || called_b.size() != positive.size())
    throw std::invalid_argument("two decisions for each sample");
  const Confusion a = confusion_of(called_a, positive), b = confusion_of(called_b, positive);
  const std::optional<double> value_a = rate.value(a), value_b = rate.value(b);
  if (!value_a || !value_b) return {};
  PairedTest test{
      .a = *value_a, .b = *value_b, .difference = *value_a - *value_b, .test = "delta method"};
  const auto gain_a = rate.gains(a, *value_a), gain_b = rate.gains(b, *value_b);
  std::vector<double> weights = moved_by(called_a, gain_a, positive);
  const std::vector<double> of_other = moved_by(called_b, gain_b, positive);
  // Without an anomalous sample a precision is 0 whatever is called.
  const bool certain = a.positives() == 0;
  bool same_calls = true;
  for (std::size_t i = 0; i < positive.size(); ++i) {
    weights[i] -= of_other[i];
    same_calls = same_calls && (called_a[i] != 0) == (called_b[i] != 0);
  }
  test.variance = stratified_variance(weights, positive);
  const double of_a = stratified_variance(moved_by(called_a, gain_a, positive), positive),
               of_b = stratified_variance(of_other, positive);
  if (certain || same_calls) {
    set_same(test, level);
    return test;
  }
  const auto own = [&](const Confusion& counts, double value, double variance) {
    if (rate.interval) return rate.interval(counts, level);
    return logit_interval(value, 0, std::sqrt(variance), normal_quantile(0.5 + level / 2), level,
                          {});
  };
  if (rate.interval || test.variance > kNoVariance)
    test.interval = mover(test, own(a, test.a, of_a), own(b, test.b, of_b),
                          correlation_of(of_a, of_b, test.variance), level,
                          rate.interval ? test.test + ", wilson, mover" : test.test + ", mover");
  if (test.variance > kNoVariance) {
    test.p_value = two_sided(test, {});
  } else {
    if (test.interval) test.variance = variance_of(*test.interval);
    test.test = "permutation";
    test.p_value = exchange_p<std::uint8_t>(
        {called_a.begin(), called_a.end()}, {called_b.begin(), called_b.end()}, options,
        [&](std::span<const std::uint8_t> called) {
          return rate.value(confusion_of(called, positive)).value_or(0);
        });
  }
  return test;
}

}  // namespace

PairedTest rate_test(const PairedCounts& counts, double level) {
  const auto n = static_cast<double>(counts.all());
  PairedTest test{.a = static_cast<double>(counts.both + counts.only_a) / n,
                  .b = static_cast<double>(counts.both + counts.only_b) / n,
                  .difference = static_cast<double>(counts.only_a - counts.only_b) / n,
                  .interval = paired_difference(counts, level),
                  .p_value = mcnemar_mid_p(counts.only_a, counts.only_b),
                  .test = "mcnemar mid-p"};
  const double disagree = static_cast<double>(counts.only_a + counts.only_b) / n;
  if (n > 1) test.variance = (disagree - test.difference * test.difference) / (n - 1);
  if (test.variance <= kNoVariance && test.difference != 0)
    test.variance = variance_of(*test.interval);
  return test;
}

std::optional<PairedTest> auroc_test(std::span<const double> a, std::span<const double> b,
                                     std::span<const std::uint8_t> positive,
                                     const BootstrapOptions& options, double level) {
  const std::optional<PairedAuroc> delong_of_both = paired_delong(a, b, positive, level);
  if (!delong_of_both) return {};
  PairedTest test{.a = delong_of_both->a,
                  .b = delong_of_both->b,
                  .difference = delong_of_both->difference,
                  .variance = delong_of_both->variance,
                  .test = "paired delong"};
  if (places_alike(a, b, positive)) {
    set_same(test, level);
    return test;
  }
  // What the difference's variance rests on decides how wide both distances are. Of few samples the
  // unbiased variances may be none; then DeLong's tell how the models correlate.
  const AurocEstimate of_a = *delong(a, positive), of_b = *delong(b, positive);
  const double degrees = delong_of_both->degrees, unbiased = delong_of_both->unbiased_variance;
  const bool all = of_a.unbiased_variance > 0 && of_b.unbiased_variance > 0 && unbiased > 0;
  test.corrected_variance = unbiased > 0 ? unbiased : test.variance;
  test.degrees = degrees;
  test.interval =
      mover(test, auroc_interval(of_a, level, degrees), auroc_interval(of_b, level, degrees),
            all ? correlation_of(of_a.unbiased_variance, of_b.unbiased_variance, unbiased)
                : correlation_of(of_a.variance, of_b.variance, test.variance),
            level, "paired delong, mover");
  const auto [p, n] = class_sizes(positive);
  if (std::min(p, n) > 1 && test.variance > kNoVariance) {
    test.p_value = two_sided(test, {});
    return test;
  }
  test.test = "permutation";
  test.variance = variance_of(*test.interval);
  test.corrected_variance.reset();
  test.degrees.reset();
  BootstrapOptions many = options;
  many.resamples = std::max(options.resamples, kPermutations);
  test.p_value = auroc_permutation(a, b, positive, many).p_value;
  return test;
}

std::optional<PairedTest> kinds_test(std::span<const double> a, std::span<const double> b,
                                     std::span<const int> kind, int kinds,
                                     const BootstrapOptions& options, double level) {
  const std::vector<KindScores> kinds_a = by_kind(a, kind, kinds),
                                kinds_b = by_kind(b, kind, kinds);
  const std::optional<AurocEstimate> of_a = mean_of_kinds(kinds_a), of_b = mean_of_kinds(kinds_b);
  if (!of_a || !of_b) return {};
  PairedTest test{.a = of_a->value,
                  .b = of_b->value,
                  .difference = of_a->value - of_b->value,
                  .variance = *paired_variance_of_kinds(kinds_a, kinds_b),
                  .test = "paired delong"};
  bool alike = true;
  for (std::size_t k = 0; k < kinds_a.size(); ++k)
    alike = alike && places_alike(kinds_a[k].scores, kinds_b[k].scores, kinds_a[k].positive);
  if (alike) {
    set_same(test, level);
    return test;
  }
  test.interval = mover(
      test, mean_of_kinds_interval(*of_a, level), mean_of_kinds_interval(*of_b, level),
      correlation_of(of_a->variance, of_b->variance, test.variance), level, "paired delong, mover");
  if (test.variance > kNoVariance) {
    test.p_value = two_sided(test, {});
    return test;
  }
  test.test = "permutation";
  test.variance = variance_of(*test.interval);
  test.p_value =
      exchange_p<double>(midranks(a), midranks(b), options, [&](std::span<const double> ranks) {
        return mean_of_kinds(by_kind(ranks, kind, kinds))->value;
      });
  return test;
}

std::vector<PairedTest> ranking_tests(std::span<const double> a, std::span<const double> b,
                                      std::span<const std::uint8_t> positive,
                                      const BootstrapOptions& options, double level) {
  if (options.resamples < 2) return {};
  const Reranking first(a, positive), second(b, positive);
  const std::size_t p = first.strata()[0], n = first.strata()[1];
  if (p == 0 || n == 0) return {};
  // Of a, of b and of their difference, first average precision, then F1-max.
  const auto drawn = bootstrap(first.strata(), 6, options,
                               [&](std::span<const std::uint32_t> counts, std::span<double> out) {
                                 const RerankedValues x = first.values(counts),
                                                      y = second.values(counts);
                                 out[0] = x.average_precision, out[1] = y.average_precision;
                                 out[2] = out[0] - out[1];
                                 out[3] = x.f1_max, out[4] = y.f1_max, out[5] = out[3] - out[4];
                               });
  const std::vector<std::uint32_t> once(p + n, 1);
  const RerankedValues of_a = first.values(once), of_b = second.values(once);
  const bool same = midranks(a) == midranks(b);
  const double fewer = static_cast<double>(std::min(p, n));
  std::vector<double> without_a, without_b;  // AP without each sample
  if (fewer > 1)
    without_a = first.average_precision_without(), without_b = second.average_precision_without();
  std::vector<PairedTest> tests;
  for (const bool f1 : {false, true}) {
    PairedTest test{.a = f1 ? of_a.f1_max : of_a.average_precision,
                    .b = f1 ? of_b.f1_max : of_b.average_precision,
                    .test = "paired bootstrap"};
    test.difference = test.a - test.b;
    const auto* replicates = &drawn[f1 ? 3 : 0];
    const double deviation = deviation_of(replicates[2]);
    if (same || (deviation == 0 && test.difference == 0 && fewer > 1)) {
      set_same(test, level);
    } else if (deviation > 0 && fewer > 1) {
      // The bootstrap's variance is too small by (n - 1) / n.
      const double more = fewer / (fewer - 1);
      test.variance = deviation * deviation * more;
      test.p_value = two_sided(test, fewer - 1);
      // The test of a mean over classes takes variances as normal; AP's needs Student's width.
      if (!f1)
        test.variance *= std::pow(
            student_t_quantile(0.5 + level / 2, fewer - 1) / normal_quantile(0.5 + level / 2), 2);
      std::vector<double> without = without_a;
      for (std::size_t i = 0; i < without.size(); ++i) without[i] -= without_b[i];
      const Spread of_difference = jackknifed(first.strata(), without).spread;
      const bool told = of_difference.variance > 0;
      if (!f1) test.degrees = told ? of_difference.degrees() : fewer - 1;
      const auto own = [&](double value, const std::vector<double>& drawn_values,
                           std::span<const double> scores, std::span<const double> one_without) {
        const double of_value = deviation_of(drawn_values);
        if (of_value == 0) {
          const BinormalIntervals of_model = binormal_intervals(
              auroc_interval(*delong(scores, positive), level), f1 ? 1 : value, f1 ? value : 1,
              static_cast<std::int64_t>(p), static_cast<std::int64_t>(n));
          return f1 ? of_model.f1_max : of_model.average_precision;
        }
        // As in a run's own report; but F1-max is too high in both models by about as much.
        if (f1)
          return logit_interval(value, 0, of_value, normal_quantile(0.5 + level / 2), level, {});
        return score_interval(
            value, average_precision_bias(drawn_values, value),
            of_value * std::sqrt(jackknifed(first.strata(), one_without).bootstrap_factor),
            student_t_quantile(0.5 + level / 2, *test.degrees), level, {});
      };
      // AP's bias is small and its estimate noisy: no more of it than the bootstrap sees.
      const double bias_a = f1 ? f1_max_optimism(RankedScores(a, positive), options.key)
                               : average_precision_bias(replicates[0], test.a),
                   bias_b = f1 ? f1_max_optimism(RankedScores(b, positive), options.key)
                               : average_precision_bias(replicates[1], test.b);
      test.bias = f1 ? bias_a - bias_b : mean_of(replicates[2]) - test.difference;
      test.noisy_bias = !f1;
      // The jackknife's for AP, since the bootstrap's of few samples is too small; for F1-max, of
      // which the jackknife knows nothing, the bootstrap's as it is, like in each model's interval.
      test.corrected_variance =
          (f1 || !told ? deviation * deviation : of_difference.variance) *
          std::pow((widened(test.a, bias_a) + widened(test.b, bias_b)) / 2, 2);
      const double variance_a = deviation_of(replicates[0]) * deviation_of(replicates[0]),
                   variance_b = deviation_of(replicates[1]) * deviation_of(replicates[1]);
      test.interval = mover(test, own(test.a, replicates[0], a, without_a),
                            own(test.b, replicates[1], b, without_b),
                            correlation_of(variance_a, variance_b, deviation * deviation), level,
                            "paired bootstrap, mover");
    } else {
      test.test = "permutation";
      test.p_value =
          exchange_p<double>(midranks(a), midranks(b), options, [&](std::span<const double> ranks) {
            const RankingValues values = RankedScores(ranks, positive).values();
            return f1 ? values.f1_max->value : *values.average_precision;
          });
    }
    tests.push_back(std::move(test));
  }
  return tests;
}

std::optional<PairedTest> precision_test(std::span<const std::uint8_t> called_a,
                                         std::span<const std::uint8_t> called_b,
                                         std::span<const std::uint8_t> positive,
                                         const BootstrapOptions& options, double level) {
  return decision_test(called_a, called_b, positive,
                       {.value = [](const Confusion& c) { return c.precision(); },
                        .gains =
                            [](const Confusion& c, double value) {
                              const auto called = static_cast<double>(c.called_positive());
                              return std::array{(1 - value) / called, -value / called};
                            },
                        // Student's width, as the correlation is estimated too.
                        .interval =
                            [](const Confusion& c, double of) {
                              const auto both = static_cast<double>(c.all());
                              if (both < 3) return precision_interval(c, of);
                              const double t = student_t_quantile(0.5 + of / 2, both - 2);
                              return precision_interval(c, 1 - normal_two_sided(t));
                            }},
                       options, level);
}

std::optional<PairedTest> f1_test(std::span<const std::uint8_t> called_a,
                                  std::span<const std::uint8_t> called_b,
                                  std::span<const std::uint8_t> positive,
                                  const BootstrapOptions& options, double level) {
  return decision_test(called_a, called_b, positive,
                       {.value = [](const Confusion& c) { return c.f1(); },
                        .gains =
                            [](const Confusion& c, double value) {
                              const auto both =
                                  static_cast<double>(c.positives() + c.called_positive());
                              return std::array{(2 - value) / both, -value / both};
                            }},
                       options, level);
}

PairedTest mean_test(std::span<const double> a, std::span<const double> b, double level) {
  if (a.size() < 2 || a.size() != b.size())
    throw std::invalid_argument("two values for each of at least two samples");
  std::vector<double> differences(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) differences[i] = a[i] - b[i];
  const auto n = static_cast<double>(a.size());
  PairedTest test{
      .a = mean_of(a), .b = mean_of(b), .difference = mean_of(differences), .test = "paired t"};
  const double deviation = deviation_of(differences);
  test.variance = deviation * deviation / n;
  const double half = student_t_quantile(0.5 + level / 2, n - 1) * std::sqrt(test.variance);
  test.interval = Interval{.low = test.difference - half,  // points may go beyond 1: not cut
                           .high = test.difference + half,
                           .level = level,
                           .method = test.test};
  if (test.variance > 0)
    test.p_value = student_t_two_sided(test.difference / std::sqrt(test.variance), n - 1);
  else if (test.difference != 0)  // the same difference everywhere: the sign test
    test.p_value = std::min(1.0, std::exp2(1 - n));
  return test;
}

std::optional<PairedTest> drawn_test(const DrawnValue& a, const DrawnValue& b, double level) {
  if (a.replicates.size() < 2 || a.replicates.size() != b.replicates.size())
    throw std::invalid_argument("as many replicates of both, at least two");
  PairedTest test{.a = a.value,
                  .b = b.value,
                  .difference = a.value - b.value,
                  .test = "paired image bootstrap"};
  std::vector<double> differences(a.replicates.size());
  for (std::size_t r = 0; r < differences.size(); ++r)
    differences[r] = a.replicates[r] - b.replicates[r];
  const double widening = (a.widening + b.widening) / 2, degrees = a.degrees + b.degrees,
               quantile = student_t_quantile(0.5 + level / 2, degrees);
  test.variance = std::pow(deviation_of(differences), 2) * widening;
  test.degrees = degrees;
  if (test.variance <= kNoVariance) {
    if (std::fabs(test.difference) > std::sqrt(kNoVariance)) return {};
    set_same(test, level);
    return test;
  }
  const auto own = [&](const DrawnValue& one) {
    return std::pow(deviation_of(one.replicates), 2) * widening;
  };
  const double of_a = own(a), of_b = own(b);
  test.p_value = two_sided(test, degrees);
  test.interval =
      mover(test, logit_interval(a.value, 0, std::sqrt(of_a), quantile, level, {}),
            logit_interval(b.value, 0, std::sqrt(of_b), quantile, level, {}),
            correlation_of(of_a, of_b, test.variance), level, "paired image bootstrap, mover");
  return test;
}

PairedTest mean_of_tests(std::span<const PairedTest> classes, double level) {
  if (classes.empty()) throw std::invalid_argument("a mean needs at least one class");
  const auto k = static_cast<double>(classes.size());
  Sum a, b, difference, variance, bias, corrected_variance, doubt;
  bool any_interval_missing = false, noisy = false;
  for (const PairedTest& one : classes) {
    a += one.a / k;
    b += one.b / k;
    difference += one.difference / k;
    variance += one.variance / (k * k);
    bias += one.bias / k;
    noisy = noisy || one.noisy_bias;
    const double corrected = one.corrected_variance.value_or(one.variance) / (k * k);
    corrected_variance += corrected;
    if (one.degrees) doubt += 2 * corrected * corrected / *one.degrees;
    any_interval_missing = any_interval_missing || !one.interval;
  }
  PairedTest test{.a = a.value(),
                  .b = b.value(),
                  .difference = difference.value(),
                  .variance = variance.value(),
                  .bias = bias.value(),
                  .noisy_bias = noisy,
                  .corrected_variance = corrected_variance.value(),
                  .test = "mean of classes"};
  // A class that cannot tell how far it may vary leaves the mean without an interval.
  if (any_interval_missing) {
    test.test.clear();
    return test;
  }
  // Squares of the classes' own distances would do as well for few classes, but are too wide for
  // many that are nearly perfect (98.6 % of 10 classes of AUROC 0.98).
  if (doubt.value() > 0)
    test.degrees = Spread{.variance = corrected_variance.value(), .doubt = doubt.value()}.degrees();
  const double quantile = test.degrees ? student_t_quantile(0.5 + level / 2, *test.degrees)
                                       : normal_quantile(0.5 + level / 2);
  const double half = quantile * std::sqrt(*test.corrected_variance);
  const double low = test.noisy_bias ? std::max(0.0, test.bias) : test.bias,
               high = test.noisy_bias ? std::min(0.0, test.bias) : test.bias;
  test.interval = Interval{.low = std::min(test.difference, test.difference - low - half),
                           .high = std::max(test.difference, test.difference - high + half),
                           .level = level,
                           .method = test.test};
  test.p_value = two_sided(test, {});
  return test;
}

}  // namespace looktwice::metrics
