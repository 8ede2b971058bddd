#include "reports/curves.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace looktwice::reports {
namespace {

// Calls visit(true positives, false positives) after each group of equal scores, highest first.
template <class Visit>
void each_threshold(std::vector<ScoredSample>& scores, Visit visit) {
  std::sort(scores.begin(), scores.end(),
            [](const ScoredSample& a, const ScoredSample& b) { return a.score > b.score; });
  std::int64_t positives = 0, negatives = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    ++(scores[i].anomalous ? positives : negatives);
    if (i + 1 == scores.size() || scores[i + 1].score != scores[i].score)
      visit(static_cast<double>(positives), static_cast<double>(negatives));
  }
}

double count_anomalous(const std::vector<ScoredSample>& scores) {
  return static_cast<double>(std::count_if(scores.begin(), scores.end(),
                                           [](const ScoredSample& s) { return s.anomalous; }));
}

}  // namespace

std::vector<Point> roc_curve(std::vector<ScoredSample> scores) {
  const double positives = count_anomalous(scores);
  const double negatives = static_cast<double>(scores.size()) - positives;
  if (positives == 0 || negatives == 0) return {};
  std::vector<Point> points = {{0, 0}};
  each_threshold(scores, [&](double tp, double fp) {
    points.push_back({fp / negatives, tp / positives});
  });
  return points;
}

std::vector<Point> precision_recall_curve(std::vector<ScoredSample> scores) {
  const double positives = count_anomalous(scores);
  if (positives == 0) return {};
  std::vector<Point> points;
  double recall = 0;
  each_threshold(scores, [&](double tp, double fp) {
    const double precision = tp / (tp + fp);
    points.push_back({recall, precision});
    recall = tp / positives;
    points.push_back({recall, precision});
  });
  return points;
}

std::vector<Point> thinned(std::span<const Point> line, double tolerance) {
  std::vector<Point> kept;
  const auto cell = [&](double value) { return std::floor(value / tolerance); };
  // Of the points that fall into one column of the picture the first, the last, the highest and the
  // lowest are seen.
  for (std::size_t i = 0; i < line.size();) {
    std::size_t end = i, low = i, high = i;
    for (; end < line.size() && cell(line[end].x) == cell(line[i].x); ++end) {
      if (line[end].y < line[low].y) low = end;
      if (line[end].y > line[high].y) high = end;
    }
    std::size_t order[] = {i, std::min(low, high), std::max(low, high), end - 1};
    for (std::size_t j = 0; j < 4; ++j)
      if (j == 0 || order[j] != order[j - 1]) kept.push_back(line[order[j]]);
    i = end;
  }
  // Points on a straight line between their neighbours are not seen either.
  std::vector<Point> bends;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (bends.size() >= 1 && i + 1 < kept.size()) {
      const Point &a = bends.back(), &b = kept[i], &c = kept[i + 1];
      if ((a.x == b.x && b.x == c.x) || (a.y == b.y && b.y == c.y)) continue;
    }
    bends.push_back(kept[i]);
  }
  return bends;
}

Histogram histogram(std::span<const ScoredSample> scores, int bins) {
  Histogram result;
  if (scores.empty()) return result;
  std::vector<double> sorted;
  sorted.reserve(scores.size());
  for (const ScoredSample& sample : scores) sorted.push_back(sample.score);
  std::sort(sorted.begin(), sorted.end());
  double low = sorted.front(), high = sorted.back();
  const auto at = [&](double share) {
    return sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1))];
  };
  const double inner_low = at(0.005), inner_high = at(0.995);
  // Halves: the difference of two finite numbers need not be finite.
  if (inner_high / 2 - inner_low / 2 < (high / 2 - low / 2) / 4 && inner_low < inner_high) {
    result.open_low = inner_low > low;
    result.open_high = inner_high < high;
    low = inner_low;
    high = inner_high;
  }
  if (!(high / bins - low / bins > 0)) {  // one value, or values that no bin can tell apart
    const double margin = std::max(std::abs(low) * 1e-3, 1e-6);
    low = std::max(low - margin, std::numeric_limits<double>::lowest());
    high = std::min(high + margin, std::numeric_limits<double>::max());
  }
  result.low = low;
  result.width = high / bins - low / bins;
  result.normal.assign(static_cast<std::size_t>(bins), 0);
  result.anomalous.assign(static_cast<std::size_t>(bins), 0);
  for (const ScoredSample& sample : scores) {
    const double place =
        std::clamp((sample.score / 2 - low / 2) / (result.width / 2), 0.0, bins - 1.0);
    auto& counts = sample.anomalous ? result.anomalous : result.normal;
    ++counts[static_cast<std::size_t>(place)];
  }
  return result;
}

}  // namespace looktwice::reports
