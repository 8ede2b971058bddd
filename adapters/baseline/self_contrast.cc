#include "adapters/baseline/self_contrast.h"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "harness/core/error.h"

namespace looktwice::adapters::baseline {
namespace {

constexpr float kOwn = 0.25f;  // of a patch's length, allowed as distance
constexpr float kFar = std::numeric_limits<float>::max();
constexpr int kLanes = 8;

using Row = Eigen::Array<float, 1, Eigen::Dynamic>;
using Lanes = Eigen::Array<float, 1, kLanes>;
using Table = Eigen::Array<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

Eigen::Map<const Table> table(const Patches& patches) {
  return {patches.values.data(), patches.features(), patches.count()};
}

// Squared distances of patch i to the blocks of kLanes patches from that of i on.
//
// |a - b|^2 = |a|^2 + |b|^2 - 2 a.b, and a mirrored b has the same norm: of the four products,
// which differ in the signs of partial sums, the largest counts. That is the largest of
// s x + t y + s t b over the signs s and t: with s = t it is |x + y| + b, with s = -t |x - y| - b.
void squares_from(int i, const Table& features, const Row& norms, const int (&ends)[4],
                  Row& squares) {
  for (Eigen::Index j = i / kLanes * kLanes; j < norms.size(); j += kLanes) {
    Lanes sums[4];
    for (int part = 0, f = 0; part < 4; ++part) {
      sums[part].setZero();
      for (; f < ends[part]; ++f) sums[part] += features(f, i) * features.row(f).segment<kLanes>(j);
    }
    squares.segment<kLanes>(j) =
        norms(i) + norms.segment<kLanes>(j) -
        2 * (sums[0] +
             ((sums[1] + sums[2]).abs() + sums[3]).max((sums[1] - sums[2]).abs() - sums[3]));
  }
}

// Where squares[j] is less than least[j], it takes its place and `who` that of nearest[j].
void keep_less(const float* squares, int count, int who, float* least, int* nearest) {
  for (int j = 0; j < count; ++j)
    if (squares[j] < least[j]) {
      least[j] = squares[j];
      nearest[j] = who;
    }
}

// The distance to the best of the four mirror images, from differences: a product of nearly equal
// vectors cannot tell how nearly.
float distance(const Table& features, const int (&ends)[4], int i, int other) {
  double same[4] = {}, mirrored[4] = {};
  for (int part = 0, f = 0; part < 4; ++part)
    for (; f < ends[part]; ++f) {
      const double a = features(f, i), b = features(f, other);
      same[part] += (a - b) * (a - b);
      mirrored[part] += (a + b) * (a + b);
    }
  return static_cast<float>(std::sqrt(
      same[0] +
      std::min({same[1] + same[2] + same[3], mirrored[1] + same[2] + mirrored[3],
                same[1] + mirrored[2] + mirrored[3], mirrored[1] + mirrored[2] + same[3]})));
}

}  // namespace

std::vector<float> self_distances(const Patches& patches) {
  const int count = patches.count(), columns = static_cast<int>(patches.lefts.size());
  const int padded = (count + kLanes - 1) / kLanes * kLanes;
  Table features = Table::Zero(patches.features(), padded);
  features.leftCols(count) = table(patches);
  const Row norms = features.square().colwise().sum();
  const int x = patches.even_even + patches.odd_x, y = x + patches.odd_y;
  const int ends[4] = {patches.even_even, x, y, y + patches.odd_both};

  Row squares(padded);
  std::vector<float> least(static_cast<std::size_t>(count), kFar);
  std::vector<int> nearest(static_cast<std::size_t>(count), -1);
  for (int i = 0; i < count; ++i) {
    squares_from(i, features, norms, ends, squares);
    const int top = patches.tops[static_cast<std::size_t>(i / columns)];
    const int left = patches.lefts[static_cast<std::size_t>(i % columns)];
    const auto& lefts = patches.lefts;
    const auto from = std::upper_bound(lefts.begin(), lefts.end(), left - kPatch) - lefts.begin();
    const auto to = std::lower_bound(lefts.begin(), lefts.end(), left + kPatch) - lefts.begin();
    for (std::size_t row = static_cast<std::size_t>(i / columns);
         row < patches.tops.size() && patches.tops[row] - top < kPatch; ++row)
      squares.segment(static_cast<Eigen::Index>(row) * columns + from, to - from).setConstant(kFar);
    // The distance to a later patch is the later patch's distance to this one as well.
    const float* first = squares.data() + i;
    const float square = squares.segment(i, count - i).minCoeff();
    if (square < least[static_cast<std::size_t>(i)]) {
      least[static_cast<std::size_t>(i)] = square;
      nearest[static_cast<std::size_t>(i)] =
          i + static_cast<int>(std::find(first, first + (count - i), square) - first);
    }
    keep_less(first, count - i, i, least.data() + i, nearest.data() + i);
  }
  std::vector<float> distances;
  for (int i = 0; i < count; ++i) {
    const int other = nearest[static_cast<std::size_t>(i)];
    distances.push_back(other < 0 ? 0 : distance(features, ends, i, other));
  }
  return distances;
}

std::vector<float> self_contrast(const Patches& as_is, const Patches& polished) {
  LOOKTWICE_CHECK(as_is.count() == polished.count());
  std::vector<float> before = self_distances(as_is), after = self_distances(polished);
  const float least_before = middle_of(before) + kFloor, least_after = middle_of(after) + kFloor;
  const Row own = kOwn * table(polished).square().colwise().sum().sqrt();
  for (Eigen::Index i = 0; i < own.size(); ++i) {
    float& value = before[static_cast<std::size_t>(i)];
    value = std::min(value / (least_before + own(i)),
                     after[static_cast<std::size_t>(i)] / (least_after + own(i)));
  }
  return before;
}

float middle_of(std::vector<float> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace looktwice::adapters::baseline
