// A sum of doubles that does not lose the small ones: Neumaier's compensated summation, error 2 eps
// instead of n eps. Source: Neumaier 1974. Needs a compiler that keeps the order of additions (no
// -ffast-math).
#pragma once

#include <cmath>

namespace looktwice::metrics {

class Sum {
 public:
  Sum& operator+=(double term) {
    const double total = sum_ + term;
    rest_ += std::fabs(sum_) >= std::fabs(term) ? (sum_ - total) + term : (term - total) + sum_;
    sum_ = total;
    return *this;
  }
  Sum& operator+=(const Sum& other) {
    *this += other.sum_;
    return *this += other.rest_;
  }
  double value() const { return sum_ + rest_; }

 private:
  double sum_ = 0, rest_ = 0;
};

}  // namespace looktwice::metrics
