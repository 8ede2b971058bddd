// The levels of a picture joined into one map and one score.
// Not here: where the contrast of the patches comes from.
#pragma once

#include <span>
#include <vector>

#include "adapters/baseline/patches.h"
#include "harness/core/sample.h"

namespace looktwice::adapters::baseline {

// values[patch]: distances in units that make levels comparable.
struct LevelContrast {
  Patches patches = {};
  std::vector<float> values = {};
};

// One cell per `cell` x `cell` pixels of the finest level (the first): the mean over the levels of
// what the patches around the middle of the cell have, interpolated bilinearly and continued from
// the outermost patches to the edge.
AnomalyMap joined(std::span<const LevelContrast> levels, int cell);

// The mean over the levels of the mean of the largest `share` of their patches, at least of one.
// Taken before levels are joined, so that what shows at one scale only is not blurred first.
double pooled(std::span<const LevelContrast> levels, double share);

}  // namespace looktwice::adapters::baseline
