#include "metrics/stats/distributions.h"

#include <boost/math/distributions/beta.hpp>
#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <limits>

namespace looktwice::metrics {
namespace {

namespace bm = boost::math;
// Without promotion to long double, which is 80, 64 or 128 bits wide depending on the machine.
using Policy = bm::policies::policy<bm::policies::promote_double<false>>;
using Normal = bm::normal_distribution<double, Policy>;
using StudentT = bm::students_t_distribution<double, Policy>;
using Beta = bm::beta_distribution<double, Policy>;
using Binomial = bm::binomial_distribution<double, Policy>;

}  // namespace

double normal_cdf(double z) {
  return std::erfc(-z * 0.70710678118654752440) / 2;
}

double normal_quantile(double p) {
  if (p == 0) return -std::numeric_limits<double>::infinity();
  if (p == 1) return std::numeric_limits<double>::infinity();
  return bm::quantile(Normal(0, 1), p);
}

double normal_two_sided(double z) {
  return std::erfc(std::fabs(z) * 0.70710678118654752440);
}

double student_t_quantile(double p, double degrees) {
  return bm::quantile(StudentT(degrees), p);
}

double student_t_two_sided(double t, double degrees) {
  if (std::isinf(t)) return 0;
  return 2 * bm::cdf(bm::complement(StudentT(degrees), std::fabs(t)));
}

double beta_quantile(double p, double a, double b) {
  return bm::quantile(Beta(a, b), p);
}

double binomial_cdf(std::int64_t k, std::int64_t n, double p) {
  if (k < 0) return 0;
  if (k >= n) return 1;
  return bm::cdf(Binomial(static_cast<double>(n), p), static_cast<double>(k));
}

double binomial_pmf(std::int64_t k, std::int64_t n, double p) {
  if (k < 0 || k > n) return 0;
  return bm::pdf(Binomial(static_cast<double>(n), p), static_cast<double>(k));
}

}  // namespace looktwice::metrics
