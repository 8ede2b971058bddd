#include "adapters/baseline/self_contrast.h"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

namespace looktwice::adapters::baseline {
namespace {

constexpr int kReach = kPatch * 3 / 2;  // patches that begin nearer than this overlap too much
constexpr float kFar = std::numeric_limits<float>::max();

using Row = Eigen::Array<float, 1, Eigen::Dynamic>;
using Table =
    Eigen::Map<const Eigen::Array<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>;

}  // namespace

std::vector<float> self_distances(const Patches& patches) {
  const int count = patches.count(), columns = static_cast<int>(patches.lefts.size());
  const Table features(patches.values.data(), patches.features(), count);
  // |a - b|^2 = |a|^2 + |b|^2 - 2 a.b, and a mirrored b has the same norm: of the four products,
  // which differ in the signs of partial sums, the largest counts.
  const Row norms = features.square().colwise().sum();
  const int parts[] = {patches.even_even, patches.odd_x, patches.odd_y, patches.odd_both};
  Row sums[4], distances(count);
  std::vector<float> nearest;
  nearest.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    for (int part = 0, f = 0; part < 4; ++part) {
      sums[part].setZero(count);
      for (const int end = f + parts[part]; f < end; ++f)
        sums[part] += features(f, i) * features.row(f);
    }
    // The largest of s x + t y + s t b over the signs s and t: with s = t it is |x + y| + b, with
    // s = -t it is |x - y| - b.
    distances =
        norms(i) + norms -
        2 * (sums[0] +
             ((sums[1] + sums[2]).abs() + sums[3]).max((sums[1] - sums[2]).abs() - sums[3]));
    const int top = patches.tops[static_cast<std::size_t>(i / columns)];
    const int left = patches.lefts[static_cast<std::size_t>(i % columns)];
    const auto& lefts = patches.lefts;
    const auto from = std::upper_bound(lefts.begin(), lefts.end(), left - kReach) - lefts.begin();
    const auto to = std::lower_bound(lefts.begin(), lefts.end(), left + kReach) - lefts.begin();
    for (std::size_t row = 0; row < patches.tops.size(); ++row)
      if (std::abs(patches.tops[row] - top) < kReach)
        distances.segment(static_cast<Eigen::Index>(row) * columns + from, to - from)
            .setConstant(kFar);
    const float least = distances.minCoeff();
    nearest.push_back(least == kFar ? 0 : std::sqrt(std::max(least, 0.0f)));
  }
  return nearest;
}

}  // namespace looktwice::adapters::baseline
