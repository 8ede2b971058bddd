// Shows the maps of a task to pixel metrics, one at a time: decode the mask, bring the map to the
// evaluation size, add. As often as the metric asks; never more than one map and mask per thread in
// memory.
#pragma once

#include <cstdint>
#include <vector>

#include "harness/run/mark.h"
#include "harness/run/score.h"
#include "metrics/metric.h"

namespace looktwice::run {

struct PixelInput {
  const Task* task = nullptr;
  const std::vector<Marked>* marked = nullptr;
  const ImageCodec* codec = nullptr;
  const store::RunFolder* folder = nullptr;
};

// Indices into the task's samples that have a truth, an answer and a map.
std::vector<std::size_t> samples_with_maps(const PixelInput& input);

// The values of the family over these samples. Throws Kind::data for a map or mask that cannot be
// read or does not fit its picture.
std::vector<metrics::Value> pixel_values(const PixelInput& input, std::vector<std::size_t> samples,
                                         const metrics::MetricEntry& family,
                                         const ScoreOptions& options);

}  // namespace looktwice::run
