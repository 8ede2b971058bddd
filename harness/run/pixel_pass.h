// Shows the maps of a task to pixel metrics, one at a time: decode the masks, bring the map to the
// evaluation size, add. As often as the metrics ask; never more than one map and mask per thread in
// memory.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
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
  bool nearest = false;  // masks are resized by the nearest pixel
};

// The union of a sample's masks within its region, 0 and 1; all zero for a normal picture. Throws
// Kind::data: one cannot be read or does not fit the picture.
Image truth_mask(const Sample& sample, const ImageCodec& codec);

// Indices into the task's samples that have a truth, an answer and a map.
std::vector<std::size_t> samples_with_maps(const PixelInput& input);

// One metric per family, all of them shown these samples together, so that a map is read once per
// pass whatever the number of metrics. Throws Kind::data for a map or mask that cannot be read or
// does not fit its picture.
std::vector<std::unique_ptr<metrics::Metric>> shown_maps(
    const PixelInput& input, std::span<const std::size_t> samples,
    std::span<const metrics::MetricEntry> families, const ScoreOptions& options);

}  // namespace looktwice::run
