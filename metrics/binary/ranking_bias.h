// By how much AP and F1-max of a sample are expected to exceed what the same ranking reaches in the
// long run. Both values stay as they are defined; their intervals make up for it.
// Not here: the intervals (metrics/stats/logit_interval.h).
#pragma once

#include <span>

#include "metrics/binary/ranked_scores.h"
#include "metrics/stats/philox.h"

namespace looktwice::metrics {

// F1-max: its threshold is chosen on the samples that it is judged by. The share of anomalous
// samples along the ranking is smoothed, more widely the more errors there are at the best
// threshold; labels are drawn anew along it, and the mean of what their F1-max exceeds the F1 at
// the smooth share's best threshold by is the answer. Depends on ranks alone, keeps ties, O(n). Of
// the same key the same numbers. Efron's optimism (1983) of a bootstrap is as large on average for
// continuous scores, but nearly twice too large for tied ones and for those without information,
// and it varies more. 0 when a class is missing.
double f1_max_optimism(const RankedScores& ranked, StreamKey key);

// AP: what its bootstrap replicates tell. They repeat samples and so see but 0.65 to 0.75 of the
// bias (simulated: 20 to 130 samples, AUROC 0.5 to 0.8), which is made up for. May be negative.
double average_precision_bias(std::span<const double> replicates, double value);

}  // namespace looktwice::metrics
