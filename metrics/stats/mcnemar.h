// Do two models that answered the same samples differ in how many they get right? Only the samples
// that one got right and the other wrong tell. Source: McNemar 1947; mid-p: Fagerland, Lydersen and
// Laake 2013.
#pragma once

#include <cstdint>

namespace looktwice::metrics {

// Two-sided p values; only_a: right by a alone, only_b: right by b alone. Both 0: 1.
double mcnemar_exact(std::int64_t only_a,
                     std::int64_t only_b);  // never too small, mostly too large
double mcnemar_mid_p(std::int64_t only_a,
                     std::int64_t only_b);  // closer to the level; the one to report

}  // namespace looktwice::metrics
