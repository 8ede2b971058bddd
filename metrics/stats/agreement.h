// Agreement of raters: do two judges give the same grades, do people and a model?
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace looktwice::metrics {

enum class KappaWeights { none, linear, quadratic };

// Cohen's kappa (1960; weighted 1968): agreement beyond that of raters who only keep their own
// shares of grades. a[n], b[n]: grades 0..grades-1, else std::invalid_argument. Empty when n is 0
// or nothing but one and the same grade was given: no disagreement was possible.
std::optional<double> cohen_kappa(std::span<const int> a, std::span<const int> b, int grades,
                                  KappaWeights weights);

enum class Scale { nominal, ordinal, interval };

// Krippendorff's alpha (2011): any number of raters, missing ratings. ratings[raters][units], NaN =
// missing, infinite throws std::invalid_argument; every row as long as the first. Units with fewer
// than two ratings do not count. Empty when no unit has two ratings or all ratings are equal.
std::optional<double> krippendorff_alpha(const std::vector<std::vector<double>>& ratings,
                                         Scale scale);

}  // namespace looktwice::metrics
