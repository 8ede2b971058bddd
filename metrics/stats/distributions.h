// Quantiles and tails of the distributions that tests and intervals need. Accurate to about 1e-14
// (Boost.Math inside). Probabilities must lie in [0, 1] and parameters in their domain: anything
// else throws std::domain_error.
#pragma once

#include <cstdint>

namespace looktwice::metrics {

double normal_cdf(double z);
double normal_quantile(double p);   // -infinity at 0, +infinity at 1
double normal_two_sided(double z);  // P(|Z| >= |z|), accurate in the tail
double student_t_quantile(double p, double degrees);
double student_t_two_sided(double t, double degrees);
double beta_quantile(double p, double a, double b);
double binomial_cdf(std::int64_t k, std::int64_t n, double p);  // P(X <= k)
double binomial_pmf(std::int64_t k, std::int64_t n, double p);  // P(X = k)

}  // namespace looktwice::metrics
