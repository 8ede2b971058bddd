// The levels of a picture joined into one map and one score.
// Not here: where the distances of the patches come from.
#pragma once

#include <span>
#include <vector>

#include "adapters/baseline/patches.h"
#include "harness/core/sample.h"

namespace looktwice::adapters::baseline {

// Distances that differ from a typical one by less than this are noise: 3 % of the brightness.
constexpr float kFloor = 0.03f;

// One per patch of a level, divided by (typical + kFloor), so that levels can be added.
struct Distances {
  const Patches* patches = nullptr;
  std::span<const float> values = {};
  float typical = 0;
};

// The middle one of the values (the upper of two), 0 for none.
float middle_of(std::vector<float> values);

// One cell per `cell` x `cell` pixels of the finest level (the first): the mean over the levels of
// what the patches around the middle of the cell have, interpolated bilinearly and continued from
// the outermost patches to the edge.
AnomalyMap joined(std::span<const Distances> levels, int cell);

// The mean of the largest `share` of the cells, at least of one.
double pooled(const AnomalyMap& map, double share);

}  // namespace looktwice::adapters::baseline
