#include "adapters/baseline/memory.h"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstdint>

#include "adapters/baseline/self_contrast.h"
#include "harness/core/error.h"

namespace looktwice::adapters::baseline {
namespace {

constexpr double kNoise = 0.01;           // standard deviation added to every feature
constexpr std::int64_t kMostKept = 8192;  // patches of a nearest memory

using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;
using Table =
    Eigen::Map<const Eigen::Array<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>;

Table table(const Patches& patches) {
  return {patches.values.data(), patches.features(), patches.count()};
}

// Position i of n, in a grid that has m.
int matched(int i, int n, int m) {
  return n == 1 ? (m - 1) / 2
                : static_cast<int>((2 * std::int64_t{i} * (m - 1) + n - 1) / (2 * (n - 1)));
}

int rows(const Patches& patches) {
  return static_cast<int>(patches.tops.size());
}
int columns(const Patches& patches) {
  return static_cast<int>(patches.lefts.size());
}

// The middle distance that references have to a memory of the others.
template <class Memory>
float typical_of(std::span<const Patches> references) {
  std::vector<float> all;
  // Four are enough to know a median, and keep the cost of many references down.
  for (std::size_t left_out = 0; left_out < std::min<std::size_t>(references.size(), 4);
       ++left_out) {
    std::vector<Patches> others;
    for (std::size_t i = 0; i < references.size(); ++i)
      if (i != left_out) others.push_back(references[i]);
    const std::vector<float> some = Memory(others).distances(references[left_out]);
    all.insert(all.end(), some.begin(), some.end());
  }
  return middle_of(std::move(all));
}

class Gaussian final : public LevelMemory {
 public:
  explicit Gaussian(std::span<const Patches> references)
      : rows_(rows(references[0])),
        columns_(columns(references[0])),
        features_(references[0].features()) {
    const int positions = rows_ * columns_;
    std::vector<Matrix> scatters(static_cast<std::size_t>(positions));
    std::vector<int> samples(static_cast<std::size_t>(positions));
    means_.resize(features_, positions);
    Matrix pooled = Matrix::Zero(features_, features_);
    for (int row = 0; row < rows_; ++row)
      for (int column = 0; column < columns_; ++column) {
        const int at = row * columns_ + column;
        const Matrix around = samples_around(references, row, column);
        means_.col(at) = around.rowwise().mean();
        Matrix& scatter = scatters[static_cast<std::size_t>(at)];
        scatter.setZero(features_, features_);
        // Sample by sample, since the order of a matrix product depends on the cache.
        for (const auto& sample : around.colwise()) {
          const Vector centred = sample - means_.col(at);
          scatter += centred.lazyProduct(centred.transpose());
        }
        samples[static_cast<std::size_t>(at)] = static_cast<int>(around.cols());
        pooled += scatter / static_cast<double>(around.cols() * positions);
      }
    factors_.reserve(scatters.size());
    for (std::size_t at = 0; at < scatters.size(); ++at) {
      Matrix covariance = (scatters[at] + features_ * pooled) / (samples[at] + features_);
      covariance.diagonal().array() += kNoise * kNoise;
      factors_.emplace_back(covariance);
    }
  }

  std::vector<float> distances(const Patches& patches) const override {
    const Table features = table(patches);
    std::vector<float> all;
    for (int row = 0; row < rows(patches); ++row)
      for (int column = 0; column < columns(patches); ++column) {
        const int at = matched(row, rows(patches), rows_) * columns_ +
                       matched(column, columns(patches), columns_);
        const Vector difference =
            features.col(row * columns(patches) + column).matrix().cast<double>() - means_.col(at);
        const Vector whitened = factors_[static_cast<std::size_t>(at)].matrixL().solve(difference);
        all.push_back(static_cast<float>(std::sqrt(whitened.squaredNorm() / features_)));
      }
    return all;
  }

 private:
  // One column per reference and position around.
  Matrix samples_around(std::span<const Patches> references, int row, int column) const {
    std::vector<std::pair<int, int>> places;
    for (int y = std::max(0, row - 1); y <= std::min(rows_ - 1, row + 1); ++y)
      for (int x = std::max(0, column - 1); x <= std::min(columns_ - 1, column + 1); ++x)
        places.emplace_back(y, x);
    Matrix all(features_, static_cast<Eigen::Index>(places.size() * references.size()));
    Eigen::Index next = 0;
    for (const Patches& reference : references)
      for (const auto& [y, x] : places)
        all.col(next++) = table(reference)
                              .col(matched(y, rows_, rows(reference)) * columns(reference) +
                                   matched(x, columns_, columns(reference)))
                              .matrix()
                              .cast<double>();
    return all;
  }

  int rows_, columns_, features_;
  Matrix means_;
  std::vector<Eigen::LLT<Matrix>> factors_;
};

class Nearest final : public LevelMemory {
 public:
  explicit Nearest(std::span<const Patches> references) {
    std::int64_t all = 0;
    for (const Patches& reference : references) all += reference.count();
    const std::int64_t step = (all + kMostKept - 1) / kMostKept;
    kept_.resize(references[0].features(), static_cast<Eigen::Index>((all + step - 1) / step));
    std::int64_t number = 0;
    for (const Patches& reference : references)
      for (int i = 0; i < reference.count(); ++i, ++number)
        if (number % step == 0)
          kept_.col(static_cast<Eigen::Index>(number / step)) = table(reference).col(i);
    norms_ = kept_.square().colwise().sum();
  }

  std::vector<float> distances(const Patches& patches) const override {
    const Table features = table(patches);
    Row squares(kept_.cols());
    std::vector<float> all;
    for (int i = 0; i < patches.count(); ++i) {
      squares = norms_;
      for (Eigen::Index f = 0; f < kept_.rows(); ++f)
        squares -= (2 * features(f, i)) * kept_.row(f);
      const float* first = squares.data();
      const auto nearest = std::find(first, first + squares.size(), squares.minCoeff()) - first;
      // From differences: a product of nearly equal vectors cannot tell how nearly.
      double square = 0;
      for (Eigen::Index f = 0; f < kept_.rows(); ++f) {
        const double difference = static_cast<double>(kept_(f, nearest)) - features(f, i);
        square += difference * difference;
      }
      all.push_back(static_cast<float>(std::sqrt(square)));
    }
    return all;
  }

 private:
  using Row = Eigen::Array<float, 1, Eigen::Dynamic>;
  Eigen::Array<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> kept_;
  Row norms_;
};

}  // namespace

std::vector<float> LevelMemory::contrast(const Patches& patches) const {
  std::vector<float> values = distances(patches);
  for (float& value : values) value /= typical + kFloor;
  return values;
}

std::unique_ptr<LevelMemory> gaussian_memory(std::span<const Patches> references) {
  LOOKTWICE_CHECK(!references.empty());
  auto memory = std::make_unique<Gaussian>(references);
  memory->typical = references.size() > 1 ? typical_of<Gaussian>(references)
                                          : middle_of(memory->distances(references[0]));
  return memory;
}

std::unique_ptr<LevelMemory> nearest_memory(std::span<const Patches> references) {
  LOOKTWICE_CHECK(!references.empty());
  auto memory = std::make_unique<Nearest>(references);
  // To a memory of itself a lone reference has distance 0: what it finds elsewhere in itself
  // counts.
  memory->typical = references.size() > 1 ? typical_of<Nearest>(references)
                                          : middle_of(self_distances(references[0]));
  return memory;
}

}  // namespace looktwice::adapters::baseline
