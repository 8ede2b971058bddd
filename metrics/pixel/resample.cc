#include "metrics/pixel/resample.h"

#include <algorithm>
#include <cmath>

namespace looktwice::metrics {
namespace {

struct Tap {
  int low = 0, high = 0;
  double share = 0;  // of high
};

std::vector<Tap> taps(int from, int to) {
  std::vector<Tap> all;
  for (int i = 0; i < to; ++i) {
    const double place = std::max(0.0, (i + 0.5) * from / to - 0.5);
    const int low = std::min(static_cast<int>(place), from - 1);
    all.push_back({low, std::min(low + 1, from - 1), place - low});
  }
  return all;
}

// ... d c b a | a b c d | d c b a ...
int reflected(int i, int n) {
  const int period = 2 * n;
  i = ((i % period) + period) % period;
  return i < n ? i : period - 1 - i;
}

}  // namespace

std::vector<float> bilinear(std::span<const float> map, int height, int width, int new_height, int new_width) {
  const std::vector<Tap> rows = taps(height, new_height), columns = taps(width, new_width);
  std::vector<float> out;
  out.reserve(static_cast<std::size_t>(new_height) * new_width);
  for (const Tap& r : rows) {
    const float* top = map.data() + static_cast<std::ptrdiff_t>(r.low) * width;
    const float* bottom = map.data() + static_cast<std::ptrdiff_t>(r.high) * width;
    for (const Tap& c : columns) {
      const double above = top[c.low] + (static_cast<double>(top[c.high]) - top[c.low]) * c.share;
      const double below = bottom[c.low] + (static_cast<double>(bottom[c.high]) - bottom[c.low]) * c.share;
      out.push_back(static_cast<float>(above + (below - above) * r.share));
    }
  }
  return out;
}

std::vector<float> gaussian(std::span<const float> map, int height, int width, double sigma) {
  const int radius = static_cast<int>(4 * sigma + 0.5);
  std::vector<double> weights;
  double sum = 0;
  for (int i = -radius; i <= radius; ++i) {
    weights.push_back(std::exp(-0.5 * i * i / (sigma * sigma)));
    sum += weights.back();
  }
  for (double& weight : weights) weight /= sum;
  std::vector<float> rows(map.size()), out(map.size());
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      double value = 0;
      for (int i = -radius; i <= radius; ++i)
        value += weights[static_cast<std::size_t>(i + radius)] * map[static_cast<std::size_t>(reflected(y + i, height)) * width + x];
      rows[static_cast<std::size_t>(y) * width + x] = static_cast<float>(value);
    }
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      double value = 0;
      for (int i = -radius; i <= radius; ++i)
        value += weights[static_cast<std::size_t>(i + radius)] * rows[static_cast<std::size_t>(y) * width + reflected(x + i, width)];
      out[static_cast<std::size_t>(y) * width + x] = static_cast<float>(value);
    }
  return out;
}

}  // namespace looktwice::metrics
