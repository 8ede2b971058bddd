// Resampling with replacement and the intervals made of it. Random numbers are counter-based:
// replicate r depends on (seed, tag, r) alone, so threads and order change nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "metrics/binary/ranked_scores.h"
#include "metrics/metric.h"
#include "metrics/stats/degrees.h"
#include "metrics/stats/philox.h"

namespace looktwice::metrics {

// How often each element is drawn when every stratum is drawn anew with replacement, as many draws
// as it has elements. counts: the strata one after another; its size is their sum.
void resample(std::span<const std::size_t> strata, StreamKey key, std::uint32_t replicate,
              std::span<std::uint32_t> counts);

struct BootstrapOptions {
  int resamples = 1000;
  StreamKey key = {};
  int threads = 1;
};

// values[v][r]: what `statistics(counts, out)` wrote to out[v] in replicate r. Called from several
// threads. One stratum: the plain bootstrap; its elements may be clusters (images of one object),
// which makes it the cluster one.
std::vector<std::vector<double>> bootstrap(
    std::span<const std::size_t> strata, std::size_t values, const BootstrapOptions& options,
    const std::function<void(std::span<const std::uint32_t> counts, std::span<double> out)>&
        statistics);

// Bootstrap distribution of the AUROC: as bootstrap() with strata {anomalous, normal}, but the
// scores are sorted once and a replicate costs little more than its random numbers. Empty when a
// class is missing.
std::vector<double> auroc_replicates(const RankedScores& ranked, const BootstrapOptions& options);

double mean_of(std::span<const double> values);
// Standard deviation, dividing by n - 1; 0 for fewer than two values.
double deviation_of(std::span<const double> values);

// The level to ask percentiles for so that an interval from `units` independent units has the
// coverage of `level`: the bootstrap's variance is too small by (n - 1) / n, and it knows the
// normal's tails, not Student's. Source: Hesterberg 2015, expanded percentiles. `level` itself for
// fewer than two units.
double expanded_level(double level, std::size_t units);

// The middle `level` of the replicates. Needs at least one.
Interval percentile_interval(std::vector<double> replicates, double level = 0.95);

// Bias-corrected and accelerated, Efron 1987, as scipy.stats.bootstrap has it. Falls back to
// percentiles when all replicates lie on one side of the estimate, and says so in `method`.
Interval bca_interval(std::vector<double> replicates, double estimate, double acceleration,
                      double level = 0.95);
// jackknife[i]: the statistic without element i; strata as for resample(). 0 where no element
// matters.
double acceleration(std::span<const std::size_t> strata, std::span<const double> jackknife);

// Of the same: the jackknife's variance (Efron and Stein 1981) and how well it is known; by what a
// bootstrap's variance is to be multiplied, since that of a stratum is too small by (n - 1) / n.
// Where no element matters the spread is 0.
struct Jackknifed {
  Spread spread = {};
  double bootstrap_factor = 1;
};
Jackknifed jackknifed(std::span<const std::size_t> strata, std::span<const double> jackknife);

}  // namespace looktwice::metrics
