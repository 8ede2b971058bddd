// How many samples a comparison needs, and how small a difference a data set can show. Two-sided
// tests, normal approximation; a plan, not a test. Sources: Connor 1987 (paired rates), Hanley and
// McNeil 1982, 1983 (AUROC).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace looktwice::metrics {

struct Power {
  double level = 0.05;  // chance of a false alarm
  double power = 0.8;   // chance to see a difference that is there
};

// Two models on the same samples, right or wrong. disagree: share of the samples that exactly one
// gets right, in (0, 1]; difference of the two rates, 0 < |difference| <= disagree, else
// std::invalid_argument.
std::int64_t samples_for_paired_rates(double difference, double disagree, const Power& power = {});
// The smallest difference that `samples` samples show; at most `disagree` (then more samples are
// needed).
double detectable_paired_rates(std::int64_t samples, double disagree, const Power& power = {});

// A mean of differences with this standard deviation, per sample or per cluster.
std::int64_t samples_for_mean(double difference, double deviation, const Power& power = {});
double detectable_mean(std::int64_t samples, double deviation, const Power& power = {});

// Precision, recall and F1 are ratios of two sums over samples. By how much each sample moves such
// a ratio, to first order (the delta method; their mean is 0): the standard deviation of these, or
// of their differences between two models, is the `deviation` above. Empty when the bottoms add up
// to 0. top and bottom: of the same length, else std::invalid_argument.
std::vector<double> shares_in_ratio(std::span<const double> top, std::span<const double> bottom);

// Variance of an AUROC by Hanley and McNeil's exponential model.
double hanley_mcneil_variance(double auroc, std::int64_t positives, std::int64_t negatives);

// Two models on the same samples. correlation of the two estimates: about 0.5 for two good models,
// 0 for different samples. The smallest difference below or above `auroc` that shows.
double detectable_auroc(double auroc, std::int64_t positives, std::int64_t negatives,
                        double correlation, const Power& power = {});
// Samples in all, with this share of positives.
std::int64_t samples_for_auroc(double auroc, double difference, double share_positive,
                               double correlation, const Power& power = {});

}  // namespace looktwice::metrics
