// Where the variance of points comes from: what was judged, who answered, who judged, the rest.
#pragma once

#include <optional>
#include <span>

namespace looktwice::metrics {

// Components of y = mean + sample + model + judge + rest, each effect random. In squared points.
struct VarianceSplit {
  double sample = 0, model = 0, judge = 0;
  double rest = 0;  // all interactions, and what differs when the same is judged again
};

// points[samples][models][judges], finite. By the mean squares of the balanced layout (ANOVA,
// method of moments: Searle, Casella and McCulloch 1992); a negative estimate is given as 0, and a
// factor of one level as 0. Empty when nothing is left over for the rest.
std::optional<VarianceSplit> variance_split(std::span<const double> points, std::size_t samples,
                                            std::size_t models, std::size_t judges);

}  // namespace looktwice::metrics
