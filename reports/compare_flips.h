// Samples that exactly one of two runs gets right. Private to reports/.
#pragma once

#include <string>

#include "reports/compare.h"
#include "reports/paired_outcomes.h"

namespace looktwice::reports {

// listed: how many of each direction are kept with what both runs said; ids are kept of all.
Comparison::Flips flips_of(const PairedTask& task, const store::Summary& first,
                           const store::Summary& second, const std::string& scorer, int listed);

}  // namespace looktwice::reports
