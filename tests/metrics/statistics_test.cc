// Distributions, intervals and tests against scipy, statsmodels, scikit-learn, krippendorff and
// published examples.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "metrics/stats/agreement.h"
#include "metrics/stats/correlation.h"
#include "metrics/stats/degrees.h"
#include "metrics/stats/delong.h"
#include "metrics/stats/distributions.h"
#include "metrics/stats/holm.h"
#include "metrics/stats/logit_interval.h"
#include "metrics/stats/mcnemar.h"
#include "metrics/stats/percentile.h"
#include "metrics/stats/philox.h"
#include "metrics/stats/power.h"
#include "metrics/stats/proportion.h"
#include "tests/metrics/golden.h"

namespace looktwice::metrics {
namespace {

const Golden& file() {
  static const Golden lines = golden("statistics_golden.txt");
  return lines;
}

// Calls check(numbers) for each line of that name.
template <class Check>
void each_line(const std::string& name, Check check) {
  const auto [first, last] = file().equal_range(name);
  ASSERT_NE(first, last) << name;
  for (auto line = first; line != last; ++line) {
    SCOPED_TRACE(name + " " + std::to_string(line->second.at(0)));
    check(line->second);
  }
}

std::int64_t whole(double number) {
  return static_cast<std::int64_t>(number);
}

void expect_close(double value, double expected, double relative) {
  EXPECT_NEAR(value, expected, relative * std::max(std::fabs(expected), 1e-300));
}

TEST(Distributions, EqualScipy) {
  using Line = const std::vector<double>&;
  each_line("normal_quantile", [](Line g) {
    EXPECT_NEAR(normal_quantile(g[0]), g[1], 1e-13 * (1 + std::fabs(g[1])));
  });
  each_line("normal_cdf", [](Line g) { expect_close(normal_cdf(g[0]), g[1], 1e-12); });
  each_line("normal_two_sided", [](Line g) { expect_close(normal_two_sided(g[0]), g[1], 1e-12); });
  each_line("student_t_quantile", [](Line g) {
    EXPECT_NEAR(student_t_quantile(g[0], g[1]), g[2], 1e-9 * (1 + std::fabs(g[2])));
  });
  each_line("student_t_two_sided",
            [](Line g) { expect_close(student_t_two_sided(g[0], g[1]), g[2], 1e-11); });
  each_line("beta_quantile",
            [](Line g) { EXPECT_NEAR(beta_quantile(g[0], g[1], g[2]), g[3], 1e-12); });
  each_line("binomial", [](Line g) {
    expect_close(binomial_cdf(whole(g[0]), whole(g[1]), g[2]), g[3], 1e-11);
    expect_close(binomial_pmf(whole(g[0]), whole(g[1]), g[2]), g[4], 1e-11);
  });
  EXPECT_EQ(normal_quantile(0), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(normal_quantile(1), std::numeric_limits<double>::infinity());
  EXPECT_THROW(normal_quantile(1.5), std::domain_error);
}

TEST(Proportion, EqualsStatsmodels) {
  each_line("wilson", [](const std::vector<double>& g) {
    const Interval interval = wilson(whole(g[0]), whole(g[1]), g[2]);
    EXPECT_NEAR(interval.low, g[3], 1e-14);
    EXPECT_NEAR(interval.high, g[4], 1e-14);
    EXPECT_EQ(interval.method, "wilson");
  });
  each_line("clopper_pearson", [](const std::vector<double>& g) {
    const Interval interval = clopper_pearson(whole(g[0]), whole(g[1]), g[2]);
    EXPECT_NEAR(interval.low, g[3], 1e-12);
    EXPECT_NEAR(interval.high, g[4], 1e-12);
  });
  each_line("paired_difference", [](const std::vector<double>& g) {
    const Interval interval =
        paired_difference({whole(g[0]), whole(g[1]), whole(g[2]), whole(g[3])}, g[4]);
    EXPECT_NEAR(interval.low, g[5], 1e-13);
    EXPECT_NEAR(interval.high, g[6], 1e-13);
  });
}

// Newcombe 1998 (two-sided intervals for the single proportion), table I: 81 of 263 and 15 of 148,
// Wilson's score method.
TEST(Proportion, PublishedExample) {
  EXPECT_NEAR(wilson(81, 263).low, 0.2553, 5e-5);
  EXPECT_NEAR(wilson(81, 263).high, 0.3662, 5e-5);
  EXPECT_NEAR(wilson(15, 148).low, 0.0624, 5e-5);
  EXPECT_NEAR(wilson(15, 148).high, 0.1605, 5e-5);
  EXPECT_NEAR(clopper_pearson(81, 263).low, 0.2527, 5e-5);
  EXPECT_NEAR(clopper_pearson(81, 263).high, 0.3676, 5e-5);
}

TEST(Proportion, RefusesImpossibleRates) {
  EXPECT_THROW(wilson(1, 0), std::invalid_argument);
  EXPECT_THROW(wilson(3, 2), std::invalid_argument);
  EXPECT_THROW(clopper_pearson(-1, 2), std::invalid_argument);
  EXPECT_THROW(wilson(1, 2, 1.0), std::invalid_argument);
}

TEST(Delong, EqualsItsDefinition) {
  for (int i = 0; i < 4; ++i) {
    SCOPED_TRACE(i);
    const std::string n = std::to_string(i);
    const auto& a = only(file(), "a_" + n);
    const auto& b = only(file(), "b_" + n);
    const auto& labels = only(file(), "labels_" + n);
    const std::vector<std::uint8_t> positive(labels.begin(), labels.end());
    const auto& g = only(file(), "delong_" + n);
    const auto of_a = delong(a, positive);
    EXPECT_NEAR(of_a->value, g[0], 1e-14);
    EXPECT_NEAR(of_a->variance, g[1], 1e-14);
    const auto paired = paired_delong(a, b, positive);
    EXPECT_NEAR(paired->a, g[0], 1e-14);
    EXPECT_NEAR(paired->b, g[2], 1e-14);
    EXPECT_NEAR(paired->variance, g[3], 1e-14);
    EXPECT_NEAR(paired->z, g[4], 1e-10);
    EXPECT_NEAR(paired->p_value, g[5], 1e-12);
    EXPECT_NEAR((paired->interval.low + paired->interval.high) / 2, g[0] - g[2], 1e-14);
  }
}

TEST(Delong, ModelsThatAgreeDoNotDiffer) {
  const std::vector<double> scores = {1, 2, 3, 4, 5, 6};
  const std::vector<std::uint8_t> positive = {0, 0, 1, 0, 1, 1};
  const auto same = paired_delong(scores, scores, positive);
  EXPECT_EQ(same->difference, 0);
  EXPECT_EQ(same->variance, 0);
  EXPECT_EQ(same->p_value, 1);
  EXPECT_FALSE(paired_delong(scores, scores, std::vector<std::uint8_t>(6, 1)));
}

TEST(Delong, PerfectAndTinySetsKeepASaneInterval) {
  const auto interval = [](std::vector<double> scores, std::vector<std::uint8_t> positive) {
    return auroc_interval(*delong(scores, positive));
  };
  const Interval perfect = interval({1, 2, 3, 4, 5, 6}, {0, 0, 0, 1, 1, 1});
  EXPECT_EQ(perfect.method, "newcombe");
  EXPECT_EQ(perfect.high, 1);
  EXPECT_GT(perfect.low, 0.2);
  EXPECT_LT(perfect.low, 0.8);
  const Interval reversed = interval({6, 5, 4, 3, 2, 1}, {0, 0, 0, 1, 1, 1});
  EXPECT_EQ(reversed.low, 0);
  EXPECT_NEAR(reversed.high, 1 - perfect.low, 1e-12);
  const Interval tiny = interval({1, 2}, {0, 1});
  EXPECT_LT(tiny.low, 0.5);
  EXPECT_EQ(tiny.high, 1);
  const Interval constant = interval({1, 1, 1, 1}, {0, 1, 0, 1});
  EXPECT_LT(constant.low, 0.5);
  EXPECT_GT(constant.high, 0.5);
}

// Plain loops: the estimate's square less what pairs without a common sample multiply to.
double unbiased_by_definition(const std::vector<std::vector<double>>& kernel) {
  const std::size_t p = kernel.size(), n = kernel[0].size();
  double mean = 0, disjoint = 0;
  for (std::size_t i = 0; i < p; ++i)
    for (std::size_t j = 0; j < n; ++j) {
      mean += kernel[i][j];
      for (std::size_t k = 0; k < p; ++k)
        for (std::size_t l = 0; l < n; ++l)
          if (k != i && l != j) disjoint += kernel[i][j] * kernel[k][l];
    }
  const double pairs = static_cast<double>(p * n);
  return mean * mean / pairs / pairs - disjoint / (pairs * static_cast<double>((p - 1) * (n - 1)));
}

TEST(Delong, UnbiasedVariancesEqualTheirDefinitionWithTiesToo) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE(seed);
    RandomStream random({.seed = seed}, 0);
    std::vector<double> a, b;
    std::vector<std::uint8_t> positive;
    for (int i = 0; i < 17; ++i) {
      positive.push_back(i % 3 == 0);
      const double common = random.uniform();
      for (auto* scores : {&a, &b}) {
        scores->push_back(common + random.uniform() + 0.3 * (i % 3 == 0));
        if (seed % 2 == 1) scores->back() = std::round(4 * scores->back());
      }
    }
    const auto rightly = [&](const std::vector<double>& scores) {
      std::vector<std::vector<double>> kernel;
      for (std::size_t i = 0; i < scores.size(); ++i) {
        if (positive[i] == 0) continue;
        kernel.emplace_back();
        for (std::size_t j = 0; j < scores.size(); ++j)
          if (positive[j] == 0)
            kernel.back().push_back(scores[i] > scores[j] ? 1 : scores[i] == scores[j] ? 0.5 : 0);
      }
      return kernel;
    };
    std::vector<std::vector<double>> of_a = rightly(a);
    const std::vector<std::vector<double>> of_b = rightly(b);
    EXPECT_NEAR(delong(a, positive)->unbiased_variance, std::max(0.0, unbiased_by_definition(of_a)),
                1e-14);
    for (std::size_t i = 0; i < of_a.size(); ++i)
      for (std::size_t j = 0; j < of_a[i].size(); ++j) of_a[i][j] -= of_b[i][j];
    EXPECT_NEAR(paired_delong(a, b, positive)->unbiased_variance,
                std::max(0.0, unbiased_by_definition(of_a)), 1e-14);
  }
}

TEST(Spread, DegreesAreThoseOfTheValues) {
  // By hand, of 1, 2, 3, 4, 10: k2 = 12.5, k4 = 492.5; 2 k2^2 / (k4 / 5 + 2 k2^2 / 4).
  const Spread one = spread_of_mean(std::vector<double>{1, 2, 3, 4, 10});
  EXPECT_NEAR(one.variance, 2.5, 1e-14);
  EXPECT_NEAR(one.degrees(), 312.5 / (492.5 / 5 + 78.125), 1e-12);
  // Normal values: on average n - 1 each, Welch's together.
  double doubt = 0;
  RandomStream random({.seed = 8}, 0);
  for (int set = 0; set < 4000; ++set) {
    std::vector<double> values;
    for (int i = 0; i < 12; ++i)
      values.push_back(normal_quantile(0x1p-54 + random.uniform()) + 100);
    doubt += spread_of_mean(values).doubt;
  }
  // Of variance 1: E k2^2 = 13 / 11, so 2 / 11 of that over 12^2.
  EXPECT_NEAR(doubt / 4000 * 144, 2.0 / 11 * 13 / 11, 0.02);
  Spread both = {.variance = 3, .doubt = 2 * 9.0 / 7};
  both += {.variance = 1, .doubt = 2 * 1.0 / 4};
  EXPECT_NEAR(both.degrees(), 16 / (9.0 / 7 + 1.0 / 4), 1e-12);
  EXPECT_EQ(Spread{}.degrees(), 1);
}

TEST(ScoreInterval, IsWilsonsOfTheSamplesThatTheDeviationIsWorth) {
  const Interval expected = wilson(18, 25);
  const Interval interval =
      score_interval(0.72, 0, std::sqrt(0.72 * 0.28 / 25), normal_quantile(0.975), 0.95, "");
  EXPECT_NEAR(interval.low, expected.low, 1e-12);
  EXPECT_NEAR(interval.high, expected.high, 1e-12);
  // A bias moves the lower end alone.
  const Interval biased =
      score_interval(0.72, 0.05, std::sqrt(0.72 * 0.28 / 25), normal_quantile(0.975), 0.95, "");
  EXPECT_LT(biased.low, interval.low - 0.04);
  EXPECT_EQ(biased.high, interval.high);
  EXPECT_LE(score_interval(0.999, 0, 0.01, 12.7, 0.95, "").high, 1);
}

TEST(NewcombeAuroc, EqualsItsDefinition) {
  each_line("newcombe_auroc", [](const std::vector<double>& g) {
    const Interval interval = newcombe_auroc_interval(g[0], whole(g[1]), whole(g[2]), g[3]);
    EXPECT_NEAR(interval.low, g[4], 1e-12);
    EXPECT_NEAR(interval.high, g[5], 1e-12);
  });
}

TEST(BinormalValues, KnownPoints) {
  // No information: AP is the share of anomalous samples, F1-max calls all anomalous.
  const BinormalValues coin = binormal_values(0.5, 30, 70);
  EXPECT_NEAR(coin.average_precision, 0.3, 1e-3);
  EXPECT_NEAR(coin.f1_max, 2 * 30.0 / 130, 1e-3);
  const BinormalValues good = binormal_values(1 - 1e-9, 30, 70);
  EXPECT_NEAR(good.average_precision, 1, 1e-4);
  EXPECT_NEAR(good.f1_max, 1, 1e-4);
}

TEST(Mcnemar, EqualsStatsmodelsAndThePublishedExample) {
  each_line("mcnemar_exact", [](const std::vector<double>& g) {
    EXPECT_NEAR(mcnemar_exact(whole(g[0]), whole(g[1])), g[2], 1e-13);
  });
  // Fagerland, Lydersen and Laake 2013: airway hyper-responsiveness, 1 against 7.
  EXPECT_NEAR(mcnemar_exact(1, 7), 0.0703, 5e-5);
  EXPECT_NEAR(mcnemar_mid_p(1, 7), 0.0391, 5e-5);
  EXPECT_EQ(mcnemar_mid_p(7, 1), mcnemar_mid_p(1, 7));
  EXPECT_EQ(mcnemar_mid_p(0, 0), 1);
  EXPECT_NEAR(mcnemar_mid_p(1, 1), 0.75, 1e-15);  // 0 and 2 are more extreme (1/2), half of 1 (1/4)
}

TEST(Holm, EqualsStatsmodels) {
  each_line("holm", [](const std::vector<double>& g) {
    const auto n = static_cast<std::size_t>(g[0]);
    const std::vector<double> adjusted = holm(std::span(g).subspan(1, n));
    for (std::size_t i = 0; i < n; ++i) EXPECT_NEAR(adjusted[i], g[1 + n + i], 1e-15);
  });
  EXPECT_TRUE(holm({}).empty());
  EXPECT_THROW(holm(std::vector<double>{std::nan("")}), std::invalid_argument);
}

TEST(Spearman, EqualsScipy) {
  for (int i = 0; i < 4; ++i) {
    const std::string n = std::to_string(i);
    const auto result = spearman(only(file(), "spearman_x_" + n), only(file(), "spearman_y_" + n));
    EXPECT_NEAR(result->value, only(file(), "spearman_" + n)[0], 1e-13);
    EXPECT_NEAR(result->p_value, only(file(), "spearman_" + n)[1], 1e-12);
    EXPECT_LT(result->interval->low, result->value);
    EXPECT_GT(result->interval->high, result->value);
  }
  using Values = std::vector<double>;
  EXPECT_EQ(spearman(Values{1, 2, 3, 4}, Values{10, 20, 30, 31})->value, 1);
  EXPECT_EQ(spearman(Values{1, 2, 3, 4}, Values{10, 20, 30, 31})->p_value, 0);
  EXPECT_FALSE(spearman(Values{1, 1, 1}, Values{1, 2, 3}));
  EXPECT_FALSE(spearman(Values{1}, Values{1}));
  EXPECT_THROW(spearman(Values{1, 2}, Values{1}), std::invalid_argument);
}

TEST(Kappa, EqualsScikitLearn) {
  for (int i = 0; i < 4; ++i) {
    const std::string n = std::to_string(i);
    const auto grades = [&](const std::string& name) {
      const auto& numbers = only(file(), name + n);
      return std::vector<int>(numbers.begin(), numbers.end());
    };
    const std::vector<int> a = grades("kappa_a_"), b = grades("kappa_b_");
    const auto& g = only(file(), "kappa_" + n);
    EXPECT_NEAR(*cohen_kappa(a, b, 5, KappaWeights::none), g[0], 1e-14);
    EXPECT_NEAR(*cohen_kappa(a, b, 5, KappaWeights::linear), g[1], 1e-14);
    EXPECT_NEAR(*cohen_kappa(a, b, 5, KappaWeights::quadratic), g[2], 1e-14);
  }
  const std::vector<int> same = {2, 2};
  EXPECT_FALSE(cohen_kappa(same, same, 5, KappaWeights::quadratic));
  EXPECT_FALSE(cohen_kappa({}, {}, 5, KappaWeights::none));
  EXPECT_THROW(cohen_kappa(same, same, 2, KappaWeights::none), std::invalid_argument);
}

TEST(KrippendorffAlpha, EqualsThePythonPackage) {
  for (int i = 0; i < 4; ++i) {
    const std::string n = std::to_string(i);
    const auto& flat = only(file(), "alpha_ratings_" + n);
    std::vector<std::vector<double>> ratings;
    for (std::size_t r = 0; r < 3; ++r)
      ratings.emplace_back(flat.begin() + 15 * static_cast<int>(r),
                           flat.begin() + 15 * static_cast<int>(r + 1));
    const auto& g = only(file(), "alpha_" + n);
    EXPECT_NEAR(*krippendorff_alpha(ratings, Scale::nominal), g[0], 1e-13);
    EXPECT_NEAR(*krippendorff_alpha(ratings, Scale::ordinal), g[1], 1e-13);
    EXPECT_NEAR(*krippendorff_alpha(ratings, Scale::interval), g[2], 1e-13);
  }
}

// Krippendorff 2011, "Computing Krippendorff's alpha-reliability", example C: four observers,
// twelve units.
TEST(KrippendorffAlpha, PublishedExample) {
  const double x = std::nan("");
  const std::vector<std::vector<double>> ratings = {{1, 2, 3, 3, 2, 1, 4, 1, 2, x, x, x},
                                                    {1, 2, 3, 3, 2, 2, 4, 1, 2, 5, x, 3},
                                                    {x, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, x},
                                                    {1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, x}};
  EXPECT_NEAR(*krippendorff_alpha(ratings, Scale::nominal), 0.743, 5e-4);
  EXPECT_NEAR(*krippendorff_alpha(ratings, Scale::ordinal), 0.815, 5e-4);
  EXPECT_NEAR(*krippendorff_alpha(ratings, Scale::interval), 0.849, 5e-4);
  EXPECT_FALSE(krippendorff_alpha({{1, 1}, {1, 1}}, Scale::nominal));
  EXPECT_FALSE(krippendorff_alpha({{1, x}, {x, 1}}, Scale::nominal));
  EXPECT_FALSE(krippendorff_alpha({}, Scale::nominal));
}

TEST(Percentile, EqualsNumpy) {
  const auto& values = only(file(), "bootstrap_values");
  each_line("percentile", [&](const std::vector<double>& g) {
    EXPECT_NEAR(percentile(values, g[0]), g[1], 1e-14);
  });
  EXPECT_THROW(percentile({}, 0.5), std::invalid_argument);
}

// The chance that the order statistics hold the percentile of any continuous distribution is a sum
// of binomial terms: exact, no draw.
TEST(Percentile, IntervalsHoldTheTruthAtTheirLevelAndNoShorterOneDoes) {
  for (const int n : {5, 10, 20, 100, 367, 368, 1000})
    for (const double share : {0.5, 0.9, 0.99})
      for (const double level : {0.9, 0.95}) {
        std::vector<double> sorted;
        for (int i = 1; i <= n; ++i) sorted.push_back(i);
        const PercentileInterval made = percentile_interval(sorted, share, level);
        const double tail = (1 - level) / 2;
        const auto below = [&](std::int64_t k) {  // P(fewer than k draws lie below it)
          double sum = 0;
          for (std::int64_t i = 0; i < k; ++i) {
            const auto d = static_cast<double>(i), rest = static_cast<double>(n - i);
            sum += std::exp(std::lgamma(n + 1.0) - std::lgamma(d + 1) - std::lgamma(rest + 1) +
                            d * std::log(share) + rest * std::log1p(-share));
          }
          return sum;
        };
        if (made.low_rank > 0) {
          EXPECT_EQ(*made.low, static_cast<double>(made.low_rank));
          EXPECT_LE(below(made.low_rank), tail);
        }
        EXPECT_GT(below(made.low_rank + 1), tail) << n << " " << share;
        if (made.high_rank > 0) {
          EXPECT_EQ(*made.high, static_cast<double>(made.high_rank));
          EXPECT_LE(1 - below(made.high_rank), tail);
          EXPECT_GT(1 - below(made.high_rank - 1), tail) << n << " " << share;
        } else {
          EXPECT_GT(std::pow(share, n), tail) << "not even the largest is sure enough";
        }
      }
}

TEST(Percentile, IntervalsOfTheMedianAreThoseOfTheTables) {
  std::vector<double> ten(10), twenty(20);
  EXPECT_EQ(percentile_interval(ten, 0.5).low_rank, 2);  // David and Nagaraja 2003, section 7.1
  EXPECT_EQ(percentile_interval(ten, 0.5).high_rank, 9);
  EXPECT_EQ(percentile_interval(twenty, 0.5).low_rank, 6);
  EXPECT_EQ(percentile_interval(twenty, 0.5).high_rank, 15);
  EXPECT_FALSE(percentile_interval({}, 0.5).low);
  EXPECT_THROW(percentile_interval(ten, 1), std::invalid_argument);
}

TEST(Power, EqualsStatsmodels) {
  each_line("samples_for_paired_rates", [](const std::vector<double>& g) {
    EXPECT_EQ(samples_for_paired_rates(g[0], g[1]), whole(g[2]));
    // The smallest difference that so many samples show is that one, but for rounding up to whole
    // samples.
    EXPECT_NEAR(detectable_paired_rates(whole(g[2]), g[1]), std::fabs(g[0]),
                0.02 * std::fabs(g[0]));
  });
  each_line("samples_for_mean", [](const std::vector<double>& g) {
    EXPECT_EQ(samples_for_mean(g[0], g[1]), whole(g[2]));
    EXPECT_NEAR(detectable_mean(whole(g[2]), g[1]), g[0], 1e-3 * g[0]);
  });
}

// F1 of 3 hits, 1 miss, 2 false alarms among 8: 6 / 9. What leaving a sample out changes is, to
// first order, what it adds.
TEST(Power, SharesInARatioAreWhatSamplesAddToIt) {
  const std::vector<double> top = {2, 2, 2, 0, 0, 0, 0, 0}, bottom = {2, 2, 2, 1, 1, 1, 0, 0};
  const std::vector<double> shares = shares_in_ratio(top, bottom);
  ASSERT_EQ(shares.size(), 8u);
  const double mean = 9.0 / 8, f1 = 6.0 / 9;
  EXPECT_NEAR(shares[0], (2 - 2 * f1) / mean, 1e-15);
  EXPECT_NEAR(shares[3], -f1 / mean, 1e-15);
  EXPECT_EQ(shares[7], 0);
  double sum = 0;
  for (const double share : shares) sum += share;
  EXPECT_NEAR(sum, 0, 1e-14);
  for (std::size_t out = 0; out < top.size(); ++out) {
    const double without = (6 - top[out]) / (9 - bottom[out]);
    EXPECT_NEAR((f1 - without) * (9 - bottom[out]) / 9, shares[out] / 8, 1e-14) << out;
  }
  EXPECT_TRUE(shares_in_ratio(std::vector<double>{0, 0}, std::vector<double>{0, 0}).empty());
  EXPECT_THROW(shares_in_ratio(std::vector<double>{1}, {}), std::invalid_argument);
}

// At 0.5 the exponential model is the null distribution of Mann and Whitney's U: (m + n + 1) /
// 12mn.
TEST(Power, HanleyMcNeilAtChanceIsMannWhitney) {
  for (const auto& [m, n] : {std::pair{1, 1}, {5, 9}, {51, 58}})
    EXPECT_NEAR(hanley_mcneil_variance(0.5, m, n), (m + n + 1) / (12.0 * m * n), 1e-15);
  EXPECT_EQ(hanley_mcneil_variance(1, 5, 5), 0);
}

TEST(Power, AurocPlansAreConsistent) {
  for (const double auroc : {0.6, 0.8, 0.95})
    for (const double difference : {0.02, -0.05}) {
      const std::int64_t n = samples_for_auroc(auroc, difference, 0.3, 0.5);
      const auto positives = static_cast<std::int64_t>(std::llround(0.3 * static_cast<double>(n)));
      EXPECT_LE(detectable_auroc(auroc, positives, n - positives, 0.5),
                std::fabs(difference) * 1.02)
          << auroc;
      EXPECT_LT(n, samples_for_auroc(auroc, difference, 0.3, 0.0));
    }
  EXPECT_EQ(detectable_auroc(0.9, 1, 1, 0), 1);  // nothing shows with two samples
  EXPECT_THROW(samples_for_auroc(0.99, 0.02, 0.3, 0.5), std::invalid_argument);
  EXPECT_THROW(samples_for_paired_rates(0.3, 0.2), std::invalid_argument);
  EXPECT_THROW(detectable_mean(0, 1), std::invalid_argument);
}

}  // namespace
}  // namespace looktwice::metrics
