// Permutation tests of two models on the same samples: if they were equal, swapping their results
// on any sample would change nothing but chance. Two-sided. Small cases are enumerated, large ones
// drawn with counter-based random numbers, so threads change nothing. Source: Good 2005; Phipson
// and Smyth 2010.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "metrics/stats/bootstrap.h"

namespace looktwice::metrics {

struct PermutationResult {
  double observed = 0;  // the statistic as it is
  double p_value = 1;
  bool exact = false;  // all 2^n swaps were tried
};

// statistic(swapped): swapped[i] is 1 where the two results of unit i are exchanged. It counts as
// extreme when |statistic| >= |observed|, up to rounding (1e-9 relative). exact when 2^units <=
// resamples; else p = (1 + extreme) / (1 + resamples), never 0. Called from several threads.
PermutationResult paired_permutation(
    std::size_t units, const BootstrapOptions& options,
    const std::function<double(std::span<const std::uint8_t> swapped)>& statistic);

// Of a mean: differences[n] (a - b per sample); the sign of each is flipped. clusters[n], if not
// empty: the samples of one cluster are flipped together; numbered 0, 1, ... without holes.
PermutationResult mean_permutation(std::span<const double> differences,
                                   std::span<const std::uint32_t> clusters,
                                   const BootstrapOptions& options);

// Of an AUROC difference (Bandos, Rockette and Gur 2005): scores are replaced by their ranks within
// each model, since scales differ; then the two ranks of a sample are exchanged. Both classes
// needed, else std::invalid_argument.
PermutationResult auroc_permutation(std::span<const double> a, std::span<const double> b,
                                    std::span<const std::uint8_t> positive,
                                    const BootstrapOptions& options);

}  // namespace looktwice::metrics
