// Samples that exactly one of two runs gets right. Private to reports/.
#pragma once

#include <string>
#include <vector>

#include "reports/compare.h"
#include "reports/paired_outcomes.h"

namespace looktwice::reports {

// listed: how many of each direction are kept with what both runs said; ids are kept of all.
Comparison::Flips flips_of(const PairedTask& task, const store::Summary& first,
                           const store::Summary& second, const std::string& scorer, int listed);

// What both runs say of the samples whose truth is known, by the rule of flips_of: decisions as
// generated, else scores against each run's own F1-max threshold. Empty where there is neither.
struct PairedDecision {
  bool anomalous = false, first = false, second = false;
};
std::vector<PairedDecision> paired_decisions(const PairedTask& task, const store::Summary& first,
                                             const store::Summary& second,
                                             const std::string& scorer);

}  // namespace looktwice::reports
