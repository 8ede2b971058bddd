// What sets report beside the rest whose anomalies are of two kinds, structural and logical (MVTec
// LOCO): each kind against the normal samples, the mean of both, and sPRO where each defect has a
// mask of its own. Not here: the metrics.
#pragma once

#include "harness/core/suite.h"

namespace looktwice::suites {

void add_kind_metrics(Plan& plan);

}  // namespace looktwice::suites
