// Every metric of two models on the same samples: the difference a - b, its interval, and a test
// that there is none. The test takes the difference as normal, which holds where there is none; the
// interval is made of both models' own intervals and their correlation (MOVER: Zou and Donner 2008,
// Newcombe 1998), since near 0 and 1 differences are skewed. So the two may disagree in close
// cases. Coverage of each interval by simulation: docs/statistics.md. Not here: many tests in one
// table (holm.h), clusters (paired.h).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "metrics/metric.h"
#include "metrics/stats/bootstrap.h"
#include "metrics/stats/proportion.h"

namespace looktwice::metrics {

struct PairedTest {
  double a = 0, b = 0;
  double difference = 0;  // a - b
  double variance = 0;    // of the difference
  // By how much the difference is expected to be too high (AP, F1-max: both values are), and the
  // variance of what is left without it (AUROC: DeLong's less its bias). The interval of a mean
  // over classes makes up for it, since it does not average out.
  double bias = 0;
  bool noisy_bias = false;  // AP's: only that end makes up for it which the bias is away from
  std::optional<double> corrected_variance = {};
  std::optional<double> degrees = {};  // of it, where it rests on few samples (degrees.h)
  std::optional<Interval> interval = {};
  double p_value = 1;     // two-sided
  std::string test = {};  // "paired delong", "mcnemar mid-p", ...
};

// Right or wrong on the same samples: McNemar's mid-p, Newcombe's paired interval. all() >= 1.
PairedTest rate_test(const PairedCounts& counts, double level = 0.95);

// Scores a[n], b[n] and positive[n]: 0 or not. Paired DeLong. Where its variance is 0 although the
// models rank differently (apart by the same step everywhere, a class of one sample) the p value is
// a permutation's. Where no sample is ranked differently against the other class the interval is
// [0, 0] and p is 1. The interval takes variances without DeLong's bias and Student's quantile with
// the degrees of freedom of the difference. Empty when a class is missing.
std::optional<PairedTest> auroc_test(std::span<const double> a, std::span<const double> b,
                                     std::span<const std::uint8_t> positive,
                                     const BootstrapOptions& options, double level = 0.95);

// The mean of the AUROCs of several kinds of anomaly, each against the same normal samples
// (shared_normals.h). kind[n]: from 0, negative: normal. Structural components of both models as in
// paired DeLong, so that shared samples count once; a permutation as above. Empty when a kind or
// the normal samples are missing.
std::optional<PairedTest> kinds_test(std::span<const double> a, std::span<const double> b,
                                     std::span<const int> kind, int kinds,
                                     const BootstrapOptions& options, double level = 0.95);

// Average precision and F1-max, in that order. The deviation is a stratified bootstrap's of the
// difference, the test's quantile Student's with the smaller class's degrees, so that small p
// values do not need many resamples; the interval of AP has the degrees of a jackknife of the
// difference. Empty when a class is missing or options.resamples < 2.
std::vector<PairedTest> ranking_tests(std::span<const double> a, std::span<const double> b,
                                      std::span<const std::uint8_t> positive,
                                      const BootstrapOptions& options, double level = 0.95);

// Decisions called_a[n], called_b[n]: 0 or not. Variances by the delta method over the samples of
// both classes; where by these the difference cannot vary, a permutation's p value and of F1 no
// interval. Precision's interval is made of Wilson's bounds (precision_interval). precision: empty
// when a model called nothing anomalous; f1: when nothing is.
std::optional<PairedTest> precision_test(std::span<const std::uint8_t> called_a,
                                         std::span<const std::uint8_t> called_b,
                                         std::span<const std::uint8_t> positive,
                                         const BootstrapOptions& options, double level = 0.95);
std::optional<PairedTest> f1_test(std::span<const std::uint8_t> called_a,
                                  std::span<const std::uint8_t> called_b,
                                  std::span<const std::uint8_t> positive,
                                  const BootstrapOptions& options, double level = 0.95);

// Means of any value per sample (ROUGE-L, points of a judge): Student's paired t. n >= 2.
PairedTest mean_test(std::span<const double> a, std::span<const double> b, double level = 0.95);

// A value of one model over images that were drawn anew (pixel/image_resampling.h): replicate r of
// both models is of the same images.
struct DrawnValue {
  double value = 0;
  std::span<const double> replicates = {};
  double widening = 1, degrees = 0;  // as in Drawing
};

// Pixel metrics: as AP and F1-max, from replicates that both runs have drawn already. Of the two
// widenings the mean counts. The degrees of freedom are added, as if both variances erred
// independently: with the fewer, differences were held in 96 to 97 %. Empty where no resample tells
// the models apart although their values differ. As many replicates of each, at least 2.
std::optional<PairedTest> drawn_test(const DrawnValue& a, const DrawnValue& b, double level = 0.95);

// The mean over independent classes: the test is normal, from the sum of their variances; the
// interval takes the corrected ones and Student's quantile where they have degrees. It lies around
// the mean less its bias and holds the mean. A class without an interval leaves the mean without
// interval and test (an empty `test`). Needs at least one class.
PairedTest mean_of_tests(std::span<const PairedTest> classes, double level = 0.95);

}  // namespace looktwice::metrics
