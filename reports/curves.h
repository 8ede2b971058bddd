// ROC and precision-recall curves and score histograms, exact; thinning drops only what a picture
// cannot show. Not here: the areas (metrics), drawing (chart.h).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "reports/outcome_scan.h"

namespace looktwice::reports {

struct Point {
  double x = 0, y = 0;
};

// One point per distinct score, from (0, 0) to (1, 1): x false positive rate, y true positive rate.
// Equal scores make one slanted step, so that the area counts ties half. Empty with one class only.
std::vector<Point> roc_curve(std::vector<ScoredSample> scores);

// x recall, y precision, as a staircase whose area is the average precision: each precision holds
// from the recall before to its own. Empty without an anomalous sample.
std::vector<Point> precision_recall_curve(std::vector<ScoredSample> scores);

// Drops points whose loss moves the line by less than `tolerance` in x and y. First and last stay.
std::vector<Point> thinned(std::span<const Point> line, double tolerance);

// Shares of each class per bin of equal width; bin i covers [low + i * width, low + (i + 1) *
// width), the last one its end too.
struct Histogram {
  double low = 0, width = 0;
  std::vector<std::int64_t> normal = {}, anomalous = {};
  bool open_low = false, open_high = false;  // the first or last bin also holds what lies beyond
};
// Empty without samples. A few far outliers do not squeeze all others into one bin: beyond them the
// end bins are open.
Histogram histogram(std::span<const ScoredSample> scores, int bins);

}  // namespace looktwice::reports
