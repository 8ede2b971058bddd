#include "metrics/text/cosine.h"

#include <algorithm>
#include <cmath>

#include "metrics/stats/sum.h"

namespace looktwice::metrics {

std::optional<double> cosine(std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size()) return {};
  Sum ab, aa, bb;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double x = a[i], y = b[i];
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  if (!(aa.value() > 0) || !(bb.value() > 0)) return {};
  return std::clamp(ab.value() / (std::sqrt(aa.value()) * std::sqrt(bb.value())), -1.0, 1.0);
}

}  // namespace looktwice::metrics
