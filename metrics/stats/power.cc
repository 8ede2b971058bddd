#include "metrics/stats/power.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "metrics/stats/distributions.h"

namespace looktwice::metrics {
namespace {

void require(bool holds, const char* what) {
  if (!holds) throw std::invalid_argument(what);
}

struct Quantiles {
  double level = 0, power = 0;
};

Quantiles quantiles(const Power& power) {
  require(power.level > 0 && power.level < 1 && power.power > 0 && power.power < 1,
          "level and power lie between 0 and 1");
  return {normal_quantile(1 - power.level / 2), normal_quantile(power.power)};
}

std::int64_t rounded_up(double samples) {
  require(samples < 9e15, "the difference is too small: no data set is that large");
  return static_cast<std::int64_t>(std::ceil(samples * (1 - 1e-12)));
}

double paired_rates(double difference, double disagree, const Quantiles& z) {
  const double root =
      z.level * std::sqrt(disagree) + z.power * std::sqrt(disagree - difference * difference);
  return root * root / (difference * difference);
}

double exponential_variance(double auroc, double positives, double negatives) {
  const double q1 = auroc / (2 - auroc), q2 = 2 * auroc * auroc / (1 + auroc),
               square = auroc * auroc;
  return (auroc * (1 - auroc) + (positives - 1) * (q1 - square) + (negatives - 1) * (q2 - square)) /
         (positives * negatives);
}

// Of the difference of two AUROCs, of models at `auroc` and `other`.
double deviation_of_difference(double auroc, double other, double positives, double negatives,
                               double correlation) {
  const double a = exponential_variance(auroc, positives, negatives),
               b = exponential_variance(other, positives, negatives);
  return std::sqrt(std::max(0.0, a + b - 2 * correlation * std::sqrt(a * b)));
}

// A difference of this size shows when it is at least this many deviations.
double strength(double auroc, double difference, double positives, double negatives,
                double correlation, const Quantiles& z) {
  const double under_equality =
      deviation_of_difference(auroc, auroc, positives, negatives, correlation);
  const double as_it_is =
      deviation_of_difference(auroc, auroc + difference, positives, negatives, correlation);
  return std::fabs(difference) - z.level * under_equality - z.power * as_it_is;
}

}  // namespace

std::int64_t samples_for_paired_rates(double difference, double disagree, const Power& power) {
  require(disagree > 0 && disagree <= 1,
          "the share of samples that one model alone gets right lies in (0, 1]");
  require(difference != 0 && std::fabs(difference) <= disagree,
          "the difference is at most the share that differs, and not 0");
  return rounded_up(paired_rates(difference, disagree, quantiles(power)));
}

double detectable_paired_rates(std::int64_t samples, double disagree, const Power& power) {
  require(samples >= 1, "at least one sample");
  require(disagree > 0 && disagree <= 1,
          "the share of samples that one model alone gets right lies in (0, 1]");
  const Quantiles z = quantiles(power);
  double low = 0, high = disagree;
  if (paired_rates(high, disagree, z) > static_cast<double>(samples)) return high;
  for (int step = 0; step < 100; ++step) {
    const double middle = (low + high) / 2;
    (paired_rates(middle, disagree, z) > static_cast<double>(samples) ? low : high) = middle;
  }
  return high;
}

std::int64_t samples_for_mean(double difference, double deviation, const Power& power) {
  require(difference != 0 && deviation > 0, "a difference that is not 0 and a positive deviation");
  const Quantiles z = quantiles(power);
  return rounded_up(std::pow((z.level + z.power) * deviation / difference, 2));
}

double detectable_mean(std::int64_t samples, double deviation, const Power& power) {
  require(samples >= 1 && deviation > 0, "at least one sample and a positive deviation");
  const Quantiles z = quantiles(power);
  return (z.level + z.power) * deviation / std::sqrt(static_cast<double>(samples));
}

std::vector<double> shares_in_ratio(std::span<const double> top, std::span<const double> bottom) {
  require(top.size() == bottom.size(), "a top and a bottom for each sample");
  double sum_top = 0, sum_bottom = 0;
  for (std::size_t i = 0; i < top.size(); ++i) {
    sum_top += top[i];
    sum_bottom += bottom[i];
  }
  if (sum_bottom == 0) return {};
  const double ratio = sum_top / sum_bottom, mean = sum_bottom / static_cast<double>(top.size());
  std::vector<double> shares;
  shares.reserve(top.size());
  for (std::size_t i = 0; i < top.size(); ++i)
    shares.push_back((top[i] - ratio * bottom[i]) / mean);
  return shares;
}

double hanley_mcneil_variance(double auroc, std::int64_t positives, std::int64_t negatives) {
  require(auroc >= 0 && auroc <= 1 && positives >= 1 && negatives >= 1,
          "an AUROC in [0, 1] and both classes");
  return exponential_variance(auroc, static_cast<double>(positives),
                              static_cast<double>(negatives));
}

double detectable_auroc(double auroc, std::int64_t positives, std::int64_t negatives,
                        double correlation, const Power& power) {
  require(auroc > 0 && auroc < 1 && positives >= 1 && negatives >= 1,
          "an AUROC in (0, 1) and both classes");
  require(correlation >= -1 && correlation < 1, "a correlation in [-1, 1)");
  const Quantiles z = quantiles(power);
  const auto p = static_cast<double>(positives), n = static_cast<double>(negatives);
  const auto smallest = [&](double sign, double most) {
    double low = 0, high = most;
    if (strength(auroc, sign * high, p, n, correlation, z) < 0) return 1.0;  // none that exists
    for (int step = 0; step < 100; ++step) {
      const double middle = (low + high) / 2;
      (strength(auroc, sign * middle, p, n, correlation, z) < 0 ? low : high) = middle;
    }
    return high;
  };
  return std::min(smallest(1, 1 - auroc), smallest(-1, auroc));
}

std::int64_t samples_for_auroc(double auroc, double difference, double share_positive,
                               double correlation, const Power& power) {
  require(
      auroc > 0 && auroc < 1 && auroc + difference > 0 && auroc + difference < 1 && difference != 0,
      "two different AUROCs in (0, 1)");
  require(share_positive > 0 && share_positive < 1, "a share of positives in (0, 1)");
  require(correlation >= -1 && correlation < 1, "a correlation in [-1, 1)");
  const Quantiles z = quantiles(power);
  const auto enough = [&](double samples) {
    return strength(auroc, difference, samples * share_positive, samples * (1 - share_positive),
                    correlation, z) >= 0;
  };
  double high = 2;
  while (!enough(high)) {
    high *= 2;
    require(high < 9e15, "the difference is too small: no data set is that large");
  }
  double low = high / 2;
  while (high - low > 0.5) {
    const double middle = (low + high) / 2;
    (enough(middle) ? high : low) = middle;
  }
  return static_cast<std::int64_t>(std::ceil(high));
}

}  // namespace looktwice::metrics
