// Do the values of one group tend to be larger than those of another? Ranks decide, so no outlier
// does: what two sets of repeated timings are compared by. Exact for small groups, ties included:
// all ways to deal the ranks to the groups are counted; beyond, the normal approximation with
// corrections for ties and continuity. Source: Mann and Whitney 1947; ties: Streitberg and Roehmel
// 1986. Not here: paired values (permutation.h), many tests at once (holm.h).
#pragma once

#include <cstddef>
#include <span>

namespace looktwice::metrics {

struct MannWhitney {
  double u = 0;        // pairs in which the value of `a` is larger, ties counted half
  double p_value = 1;  // two-sided: of a u at least as far from its mean
  bool exact = false;
};

enum class MannWhitneyMethod { automatic, exact, normal };

// Values of both groups up to which automatic is exact.
inline constexpr std::size_t kMostExactRanks = 50;

// Finite values, at least one in each group, else std::invalid_argument; so is `exact` for more
// than kMostExactRanks values.
MannWhitney mann_whitney(std::span<const double> a, std::span<const double> b,
                         MannWhitneyMethod method = MannWhitneyMethod::automatic);

}  // namespace looktwice::metrics
