#include "metrics/stats/agreement.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>

#include "metrics/stats/sum.h"

namespace looktwice::metrics {

std::optional<double> cohen_kappa(std::span<const int> a, std::span<const int> b, int grades,
                                  KappaWeights weights) {
  if (a.size() != b.size()) throw std::invalid_argument("kappa needs two grades for each sample");
  const auto k = static_cast<std::size_t>(std::max(0, grades));
  std::vector<double> both(k * k, 0), of_a(k, 0), of_b(k, 0);
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] < 0 || a[i] >= grades || b[i] < 0 || b[i] >= grades)
      throw std::invalid_argument("a grade is outside 0.." + std::to_string(grades - 1));
    const auto x = static_cast<std::size_t>(a[i]), y = static_cast<std::size_t>(b[i]);
    both[x * k + y] += 1;
    of_a[x] += 1;
    of_b[y] += 1;
  }
  const auto apart = [&](std::size_t x, std::size_t y) -> double {
    const double d = std::fabs(static_cast<double>(x) - static_cast<double>(y));
    if (weights == KappaWeights::none) return x == y ? 0 : 1;
    return weights == KappaWeights::linear ? d : d * d;
  };
  Sum observed, expected;
  for (std::size_t x = 0; x < k; ++x)
    for (std::size_t y = 0; y < k; ++y) {
      observed += apart(x, y) * both[x * k + y];
      expected += apart(x, y) * of_a[x] * of_b[y];
    }
  if (expected.value() == 0) return {};
  return 1 - observed.value() * static_cast<double>(a.size()) / expected.value();
}

std::optional<double> krippendorff_alpha(const std::vector<std::vector<double>>& ratings,
                                         Scale scale) {
  const std::size_t units = ratings.empty() ? 0 : ratings.front().size();
  std::map<double, std::size_t> index;  // of each value that is paired with another, ascending
  std::vector<std::vector<double>> of_unit(units);
  for (const auto& row : ratings) {
    if (row.size() != units)
      throw std::invalid_argument("every rater needs a place for every unit");
    for (std::size_t u = 0; u < units; ++u) {
      if (std::isinf(row[u])) throw std::invalid_argument("a rating is infinite");
      if (!std::isnan(row[u])) of_unit[u].push_back(row[u]);
    }
  }
  std::erase_if(of_unit, [](const auto& values) { return values.size() < 2; });
  for (const auto& values : of_unit)
    for (const double value : values) index.emplace(value, 0);
  std::vector<double> value;
  for (auto& [rating, place] : index) {
    place = value.size();
    value.push_back(rating);
  }
  // coincidence[c][k]: how often c and k are paired within a unit, each unit with m ratings
  // counting m.
  const std::size_t k = value.size();
  std::vector<double> coincidence(k * k, 0), total(k, 0);
  for (const auto& values : of_unit) {
    std::vector<double> count(k, 0);
    for (const double one : values) count[index.at(one)] += 1;
    const auto others = static_cast<double>(values.size() - 1);
    for (std::size_t c = 0; c < k; ++c) {
      if (count[c] == 0) continue;
      total[c] += count[c];
      for (std::size_t d = 0; d < k; ++d)
        coincidence[c * k + d] += count[c] * (count[d] - (c == d ? 1 : 0)) / others;
    }
  }
  std::vector<double> upto(k + 1, 0);
  for (std::size_t c = 0; c < k; ++c) upto[c + 1] = upto[c] + total[c];
  const auto apart = [&](std::size_t c, std::size_t d) -> double {
    if (scale == Scale::nominal) return c == d ? 0 : 1;
    if (scale == Scale::interval) return (value[c] - value[d]) * (value[c] - value[d]);
    const double between =
        upto[std::max(c, d) + 1] - upto[std::min(c, d)] - (total[c] + total[d]) / 2;
    return c == d ? 0 : between * between;
  };
  Sum observed, expected;
  for (std::size_t c = 0; c < k; ++c)
    for (std::size_t d = 0; d < k; ++d) {
      observed += coincidence[c * k + d] * apart(c, d);
      expected += total[c] * total[d] * apart(c, d);
    }
  if (expected.value() == 0) return {};
  return 1 - (upto[k] - 1) * observed.value() / expected.value();
}

}  // namespace looktwice::metrics
