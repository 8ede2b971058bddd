#include "adapters/baseline/contrast_map.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

namespace looktwice::adapters::baseline {
namespace {

// Where cell i of `cells` lies between the patches that begin at 0..length - kPatch.
struct Between {
  std::size_t low = 0, high = 0;
  float part = 0;  // of high
};

std::vector<Between> between(int cells, int length, std::size_t patches) {
  std::vector<Between> all;
  for (int i = 0; i < cells; ++i) {
    const double last = static_cast<double>(patches - 1);
    const double centre = (i + 0.5) / cells * length - 0.5 * kPatch;
    const double at = patches == 1 ? 0 : std::clamp(centre * last / (length - kPatch), 0.0, last);
    const double low = std::floor(at);
    all.push_back({.low = static_cast<std::size_t>(low),
                   .high = std::min(static_cast<std::size_t>(low) + 1, patches - 1),
                   .part = static_cast<float>(at - low)});
  }
  return all;
}

}  // namespace

AnomalyMap joined(std::span<const LevelContrast> levels, int cell) {
  const Patches& finest = levels.front().patches;
  AnomalyMap map{.width = (finest.width + cell - 1) / cell,
                 .height = (finest.height + cell - 1) / cell};
  map.values.assign(static_cast<std::size_t>(map.width) * map.height, 0.0f);
  for (const LevelContrast& level : levels) {
    const std::size_t columns = level.patches.lefts.size();
    const auto xs = between(map.width, level.patches.width, columns);
    const auto ys = between(map.height, level.patches.height, level.patches.tops.size());
    const float factor = 1 / static_cast<float>(levels.size());
    auto value = map.values.begin();
    for (const Between& y : ys) {
      const float* low = level.values.data() + y.low * columns;
      const float* high = level.values.data() + y.high * columns;
      for (const Between& x : xs) {
        const float above = low[x.low] + x.part * (low[x.high] - low[x.low]);
        const float below = high[x.low] + x.part * (high[x.high] - high[x.low]);
        *value++ += factor * (above + y.part * (below - above));
      }
    }
  }
  return map;
}

double pooled(std::span<const LevelContrast> levels, double share) {
  double sum = 0;
  for (const LevelContrast& level : levels) {
    std::vector<float> values = level.values;
    const auto kept = std::max<std::size_t>(
        1, static_cast<std::size_t>(share * static_cast<double>(values.size())));
    std::sort(values.begin(), values.end(), std::greater<>());
    const auto end = values.begin() + static_cast<std::ptrdiff_t>(kept);
    sum += std::accumulate(values.begin(), end, 0.0) / static_cast<double>(kept);
  }
  return sum / static_cast<double>(levels.size());
}

}  // namespace looktwice::adapters::baseline
