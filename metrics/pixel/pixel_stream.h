// Exact pixel metrics over maps that are shown twice and never kept: the first pass keeps the
// anomalous pixels' scores (about 2 % of all), the second counts the normal pixels between them.
// Any finite score; nothing is binned or squashed. Not here: files, resampling, classes, names.
// Definitions: docs/pixel_metrics.md.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/pixel/anomalous_scores.h"
#include "metrics/pixel/pixel_counting.h"
#include "metrics/pixel/pixel_tally.h"
#include "metrics/pixel/regions.h"
#include "metrics/pixel/score_ranges.h"

namespace looktwice::metrics {

struct PixelOptions {
  double fpr_limit = 0.3;           // of AUPRO, in (0, 1]
  double threshold = 0.5;           // of accuracy, precision, recall and F1
  bool equidistant_scores = false;  // AnomalyCLIP's AUPRO as well: reads all scores twice
  int equidistant_positions = 0;    // MVTec's AUPRO as well, at so many thresholds
  int threads = 1;                  // between the passes; never changes a bit
  // Bytes for scores and counts; 0: as many as needed, about 10 per anomalous pixel and 40 MB per
  // thread. A smaller bound costs two passes more per part of the scores and never changes a bit.
  // Not split: one of the 2^16 ranges of equal leading bits (1/128 of an octave).
  std::int64_t memory = 0;
  MakePixelEngine engine = {};        // counts instead of the processors; never changes a bit
  const PixelLanes* lanes = nullptr;  // none: the fastest; never changes a bit
};

// Exactly what the whole data give; empty where undefined.
struct PixelResult {
  std::int64_t images = 0, normal = 0, anomalous = 0, regions = 0;
  std::optional<double> auroc = {}, average_precision = {};
  std::optional<Peak> f1_max = {};
  std::optional<double> aupro = {}, aupro_anomalyclip = {}, aupro_mvtec = {};
  Confusion at_threshold = {}, at_half = {};  // the given threshold; 0.5
};

class PixelStream {
 public:
  explicit PixelStream(const PixelOptions& options);
  PixelStream(PixelStream&&) = default;
  PixelStream& operator=(PixelStream&&) = default;

  // Ask again after each pass: more than two when the bound of memory needs them.
  int passes() const { return ranges_.passes(); }
  // Before each pass, from 0 on, on the one object that holds all that the pass before gathered.
  void begin_pass(int pass);
  // map[height][width]; mask[height][width], non-zero = anomalous, or empty for a picture without
  // anomaly. Throws std::invalid_argument that names `id` for a size that does not fit and for NaN
  // or infinity.
  void add(std::string_view id, std::span<const float> map, std::span<const std::uint8_t> mask,
           int width, int height);
  // A part of the same pass for another thread; every part must be merged before the next pass or
  // the result.
  PixelStream clone_empty() const;
  void merge(const PixelStream& part);
  // Whether the last pass has shown all that the first did, in parts that were merged.
  bool complete() const;
  // Throws std::logic_error if not complete.
  PixelResult result() const;

 private:
  void begin_tally();
  void begin_count();
  void tally_counts(PixelTally& tally) const;
  void collect(std::string_view id, std::span<const float> map, std::span<const std::uint8_t> mask,
               int width, int height);
  void look_at(std::string_view id, std::span<const float> map);

  PixelOptions options_ = {};
  int pass_ = -1;
  std::int64_t images_ = 0, normal_ = 0, anomalous_ = 0, regions_ = 0;
  std::optional<float> lowest_ = {}, highest_ = {};  // of all scores, where asked for
  AnomalousScores scores_ = {};
  RegionFinder finder_ = {};
  ScoreRanges ranges_ = {};
  bool missed_ = false;                            // a pass before the last did not show all
  std::int64_t counted_ = 0, counted_images_ = 0;  // in this counting pass
  PixelTally tally_ = {};                          // has walked the ranges before
  PixelCounting counting_ = {};
  mutable std::optional<PixelResult> result_ = {};  // the pixels can be counted only once
};

}  // namespace looktwice::metrics
