// Saturated per-region overlap (sPRO) of MVTec LOCO, exact over all distinct scores, from maps that
// are shown twice (oftener under a bound of memory) and never kept. A defect i of area A_i counts
// as wholly found once S_i of its pixels are: sPRO_i = min(TP_i / S_i, 1). Since pixels are found
// in the order of their scores, that is 1 / S_i for each of the S_i highest scores of the defect
// and nothing for the rest, whoever is taken among equals: the sum is linear again, and a defect
// costs S_i scores, not A_i. Not here: files, resampling, kinds of defects. Source: Bergmann et al.
// 2022; deviations in docs/pixel_metrics.md.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "metrics/metric.h"
#include "metrics/pixel/anomalous_scores.h"
#include "metrics/pixel/overlap_area.h"
#include "metrics/pixel/pixel_counting.h"
#include "metrics/pixel/score_ranges.h"

namespace looktwice::metrics {

// S = int(threshold * area) if relative, else min(threshold, area); at least 1, where the published
// code divides by 0. area: at least 1.
std::int64_t saturation_area(double threshold, bool relative, std::int64_t area);

struct SproOptions {
  std::vector<double> limits = {0.01, 0.05, 0.1, 0.3, 1.0};  // of the false positive rate
  int threads = 1;              // between the passes; never changes a bit
  std::int64_t memory = 0;      // as PixelOptions::memory; never changes a bit
  MakePixelEngine engine = {};  // counts instead of the processors; never changes a bit
};

struct SproResult {
  std::int64_t images = 0, normal = 0, defects = 0;
  // One per limit: area under mean sPRO against the false positive rate, up to the limit, divided
  // by it. Empty without a defect or without a normal pixel.
  std::vector<std::optional<double>> areas = {};
};

class SproStream {
 public:
  explicit SproStream(SproOptions options);
  SproStream(SproStream&&) = default;
  SproStream& operator=(SproStream&&) = default;

  // Ask again after each pass.
  int passes() const { return ranges_.passes(); }
  // Before each pass, on the one object that holds all that the pass before gathered.
  void begin_pass(int pass);
  // map[height][width]; no defects: a normal picture. A defect without a pixel is none. Normal
  // pixels are those free of every defect. Throws std::invalid_argument that names `id` for sizes
  // that do not fit and for NaN or infinity.
  void add(std::string_view id, std::span<const float> map, std::span<const Defect> defects,
           int width, int height);
  // A part of the same pass for another thread; merged before the next pass or the result.
  SproStream clone_empty() const;
  void merge(const SproStream& part);
  // Whether every pass has shown all that the first did, in parts that were merged.
  bool complete() const;
  // Throws std::logic_error if not complete.
  SproResult result() const;

 private:
  void collect(std::span<const float> map, std::span<const Defect> defects);
  std::vector<OverlapArea> empty_areas() const;
  void add_counts(std::vector<OverlapArea>& areas) const;

  SproOptions options_ = {};
  int pass_ = -1;
  std::int64_t images_ = 0, normal_ = 0, defects_ = 0;
  AnomalousScores scores_ = {};
  ScoreRanges ranges_ = {};
  bool missed_ = false;                            // a pass before the last did not show all
  std::int64_t counted_ = 0, counted_images_ = 0;  // in this counting pass
  PixelCounting counting_ = {};
  std::vector<OverlapArea> areas_ = {};            // of the ranges before, one per limit
  mutable std::optional<SproResult> result_ = {};  // the pixels can be counted only once
  std::vector<std::uint8_t> union_ = {};           // kept for its memory, as is own_
  std::vector<float> own_ = {};
};

}  // namespace looktwice::metrics
