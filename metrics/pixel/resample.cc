#include "metrics/pixel/resample.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

namespace looktwice::metrics {
namespace {

void check_size(std::size_t size, int width, int height) {
  if (width <= 0 || height <= 0 ||
      size != static_cast<std::size_t>(width) * static_cast<std::size_t>(height))
    throw std::invalid_argument("the array does not have width x height values");
}

// result[i] = (1 - weight) * source[low] + weight * source[high]
struct Tap {
  int low = 0, high = 0;
  float weight = 0;
};

std::vector<Tap> taps(int from, int to) {
  std::vector<Tap> taps(static_cast<std::size_t>(to));
  for (int i = 0; i < to; ++i) {
    // (i + 0.5) * from / to - 0.5 as a fraction of whole numbers.
    const std::int64_t top = std::max<std::int64_t>(0, (2 * std::int64_t{i} + 1) * from - to),
                       bottom = 2 * std::int64_t{to};
    const auto low = static_cast<int>(top / bottom);
    taps[static_cast<std::size_t>(i)] = {
        std::min(low, from - 1), std::min(low + 1, from - 1),
        static_cast<float>(static_cast<double>(top % bottom) / static_cast<double>(bottom))};
  }
  return taps;
}

// Index into a row of n that is continued by reflection: ... 1 0 | 0 1 2 ... n-1 | n-1 n-2 ...
int reflected(int at, int n) {
  const int period = 2 * n;
  at = ((at % period) + period) % period;
  return at < n ? at : period - 1 - at;
}

std::vector<double> bell(double sigma, int radius) {
  std::vector<double> weights(static_cast<std::size_t>(radius) + 1);  // by distance
  for (int i = 0; i <= radius; ++i)
    weights[static_cast<std::size_t>(i)] = std::exp(-0.5 / (sigma * sigma) * i * i);
  const double sum = 2 * std::accumulate(weights.begin() + 1, weights.end(), 0.0) + weights[0];
  for (double& weight : weights) weight /= sum;
  return weights;
}

}  // namespace

void bilinear(std::span<const float> from, int height, int width, std::span<float> to,
              int to_height, int to_width) {
  check_size(from.size(), width, height);
  check_size(to.size(), to_width, to_height);
  if (width == to_width && height == to_height) {
    std::copy(from.begin(), from.end(), to.begin());
    return;
  }
  const std::vector<Tap> across = taps(width, to_width), down = taps(height, to_height);
  // The two source rows in use, widened. Up-sampling uses each of them many times.
  std::vector<float> rows[2] = {std::vector<float>(static_cast<std::size_t>(to_width)),
                                std::vector<float>(static_cast<std::size_t>(to_width))};
  int held[2] = {-1, -1};
  const auto widened = [&](int row, int keep) -> const float* {
    for (int i = 0; i < 2; ++i)
      if (held[i] == row) return rows[i].data();
    const int i = held[0] == keep ? 1 : 0;
    held[i] = row;
    const float* source = from.data() + static_cast<std::ptrdiff_t>(row) * width;
    for (std::size_t x = 0; x < across.size(); ++x)
      rows[i][x] = source[across[x].low] * (1 - across[x].weight) +
                   source[across[x].high] * across[x].weight;
    return rows[i].data();
  };
  for (int y = 0; y < to_height; ++y) {
    const Tap& tap = down[static_cast<std::size_t>(y)];
    const float* low = widened(tap.low, tap.high);
    const float* high = widened(tap.high, tap.low);
    const float weight = tap.weight, rest = 1 - weight;
    float* out = to.data() + static_cast<std::ptrdiff_t>(y) * to_width;
    for (int x = 0; x < to_width; ++x) out[x] = low[x] * rest + high[x] * weight;
  }
}

std::vector<std::uint8_t> nearest(std::span<const std::uint8_t> from, int height, int width,
                                  int to_height, int to_width) {
  check_size(from.size(), width, height);
  std::vector<std::uint8_t> to(static_cast<std::size_t>(to_width) *
                               static_cast<std::size_t>(to_height));
  std::vector<int> across(static_cast<std::size_t>(to_width));
  for (int x = 0; x < to_width; ++x)
    across[static_cast<std::size_t>(x)] = static_cast<int>(std::int64_t{x} * width / to_width);
  for (int y = 0; y < to_height; ++y) {
    const std::uint8_t* source =
        from.data() + static_cast<std::ptrdiff_t>(std::int64_t{y} * height / to_height) * width;
    std::uint8_t* out = to.data() + static_cast<std::ptrdiff_t>(y) * to_width;
    for (int x = 0; x < to_width; ++x) out[x] = source[across[static_cast<std::size_t>(x)]];
  }
  return to;
}

void gaussian_in_place(std::span<float> map, int height, int width, double sigma) {
  check_size(map.size(), width, height);
  if (!(sigma > 0)) throw std::invalid_argument("sigma must be larger than 0");
  const int radius = static_cast<int>(4 * sigma + 0.5);
  const std::vector<double> weights = bell(sigma, radius);
  // Down the columns, a block of them at a time, so that the widened copy stays in the cache.
  constexpr int kBlock = 64;
  std::vector<double> lines(static_cast<std::size_t>(height + 2 * radius) * kBlock);
  double sums[kBlock];
  for (int left = 0; left < width; left += kBlock) {
    const int block = std::min(kBlock, width - left);
    for (int y = -radius; y < height + radius; ++y) {
      const float* source =
          map.data() + static_cast<std::ptrdiff_t>(reflected(y, height)) * width + left;
      double* line = lines.data() + static_cast<std::ptrdiff_t>(y + radius) * kBlock;
      for (int x = 0; x < block; ++x) line[x] = static_cast<double>(source[x]);
    }
    for (int y = 0; y < height; ++y) {
      const double* centre = lines.data() + static_cast<std::ptrdiff_t>(y + radius) * kBlock;
      for (int x = 0; x < kBlock; ++x) sums[x] = centre[x] * weights[0];
      for (int d = radius; d > 0; --d) {  // from the far end, as scipy adds
        const double weight = weights[static_cast<std::size_t>(d)];
        const double *above = centre - static_cast<std::ptrdiff_t>(d) * kBlock,
                     *below = centre + static_cast<std::ptrdiff_t>(d) * kBlock;
        for (int x = 0; x < kBlock; ++x) sums[x] += (above[x] + below[x]) * weight;
      }
      float* out = map.data() + static_cast<std::ptrdiff_t>(y) * width + left;
      for (int x = 0; x < block; ++x) out[x] = static_cast<float>(sums[x]);
    }
  }
  std::vector<double> row(static_cast<std::size_t>(width + 2 * radius)),
      out(static_cast<std::size_t>(width));
  for (int y = 0; y < height; ++y) {
    float* line = map.data() + static_cast<std::ptrdiff_t>(y) * width;
    for (int x = -radius; x < width + radius; ++x)
      row[static_cast<std::size_t>(x + radius)] = static_cast<double>(line[reflected(x, width)]);
    const double* centre = row.data() + radius;
    for (int x = 0; x < width; ++x) out[static_cast<std::size_t>(x)] = centre[x] * weights[0];
    for (int d = radius; d > 0; --d) {
      const double weight = weights[static_cast<std::size_t>(d)];
      for (int x = 0; x < width; ++x)
        out[static_cast<std::size_t>(x)] += (centre[x - d] + centre[x + d]) * weight;
    }
    for (int x = 0; x < width; ++x) line[x] = static_cast<float>(out[static_cast<std::size_t>(x)]);
  }
}

std::vector<float> bilinear(std::span<const float> map, int height, int width, int new_height,
                            int new_width) {
  std::vector<float> out(static_cast<std::size_t>(new_width) *
                         static_cast<std::size_t>(new_height));
  bilinear(map, height, width, out, new_height, new_width);
  return out;
}

std::vector<float> gaussian(std::span<const float> map, int height, int width, double sigma) {
  std::vector<float> out(map.begin(), map.end());
  gaussian_in_place(out, height, width, sigma);
  return out;
}

}  // namespace looktwice::metrics
