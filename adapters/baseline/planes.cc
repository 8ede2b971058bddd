#include "adapters/baseline/planes.h"

#include <algorithm>
#include <cmath>

#include "harness/core/error.h"

namespace looktwice::adapters::baseline {
namespace {

constexpr double kDarkest = 0.05;  // mean brightness that exposure is corrected down to
constexpr int kShortest = 8;       // what a line of one pixel counts as, so that area stays bounded

// One output pixel's share of a line: pixels first..first+weights.size()-1.
struct Share {
  int first = 0;
  std::vector<double> weights = {};
};

// The line of n pixels cut into m equal parts, m <= n.
std::vector<Share> shares(int n, int m) {
  std::vector<Share> all(static_cast<std::size_t>(m));
  for (int i = 0; i < m; ++i) {
    // Part i covers [i n / m, (i + 1) n / m); in units of 1 / m all bounds are integers.
    const std::int64_t from = std::int64_t{i} * n, to = std::int64_t{i + 1} * n;
    Share& share = all[static_cast<std::size_t>(i)];
    share.first = static_cast<int>(from / m);
    for (std::int64_t x = share.first; x * m < to; ++x)
      share.weights.push_back(
          static_cast<double>(std::min(to, (x + 1) * m) - std::max(from, x * m)) / n);
  }
  return all;
}

// Area means of interleaved channels: in[height][width][channels] to out[h][w][channels].
struct Raster {
  int width = 0, height = 0, channels = 0;
  std::vector<double> values = {};
};

template <class Value>
Raster reduced(const Value* in, int width, int height, int channels, int w, int h) {
  const std::vector<Share> columns = shares(width, w), rows = shares(height, h);
  const std::size_t pitch = static_cast<std::size_t>(width) * channels;
  Raster out{.width = w, .height = h, .channels = channels};
  out.values.reserve(static_cast<std::size_t>(w) * h * channels);
  std::vector<double> line(pitch);
  for (const Share& row : rows) {
    std::fill(line.begin(), line.end(), 0.0);
    for (std::size_t r = 0; r < row.weights.size(); ++r) {
      const Value* from = in + (static_cast<std::size_t>(row.first) + r) * pitch;
      const double weight = row.weights[r];
      for (std::size_t x = 0; x < pitch; ++x) line[x] += weight * static_cast<double>(from[x]);
    }
    for (const Share& column : columns)
      for (int c = 0; c < channels; ++c) {
        double sum = 0;
        const double* from = line.data() + static_cast<std::size_t>(column.first) * channels + c;
        for (const double weight : column.weights) {
          sum += weight * *from;
          from += channels;
        }
        out.values.push_back(sum);
      }
  }
  return out;
}

Plane plane_of(const Raster& from, double red, double green, double blue) {
  Plane plane{.width = from.width, .height = from.height};
  plane.values.reserve(from.values.size() / 3);
  for (std::size_t i = 0; i < from.values.size(); i += 3)
    plane.values.push_back(static_cast<float>(red * from.values[i] + green * from.values[i + 1] +
                                              blue * from.values[i + 2]));
  return plane;
}

// The upper one of the two middle values when there are two.
float median(std::vector<float>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

bool is_grey(const Image& rgb) {
  for (std::size_t i = 0; i + 2 < rgb.pixels.size(); i += 3)
    if (rgb.pixels[i] != rgb.pixels[i + 1] || rgb.pixels[i] != rgb.pixels[i + 2]) return false;
  return true;
}

std::vector<Level> levels_of(const Image& rgb, int side, int levels, bool colour) {
  LOOKTWICE_CHECK(rgb.channels == 3 && rgb.width > 0 && rgb.height > 0 && side > 0);
  std::vector<Level> all;
  Raster finest;
  double unit = 1;
  for (int l = 0; l < levels; ++l) {
    const double pixels = static_cast<double>(rgb.width) * rgb.height;
    const double scale = std::min(1.0, side / std::sqrt(pixels)) / (1 << l);
    const int longest = std::max(1, (side * side / kShortest) >> l);
    const auto length = [&](int n) {
      return std::clamp(static_cast<int>(std::lround(n * scale)), 1, std::min(n, longest));
    };
    const int w = length(rgb.width), h = length(rgb.height);
    Raster here;
    if (l == 0) {
      finest = reduced(rgb.pixels.data(), rgb.width, rgb.height, 3, w, h);
      double sum = 0;
      for (std::size_t i = 0; i < finest.values.size(); i += 3)
        sum +=
            0.299 * finest.values[i] + 0.587 * finest.values[i + 1] + 0.114 * finest.values[i + 2];
      unit = 1 / std::max(sum / (static_cast<double>(w) * h), kDarkest * 255);
      here = finest;
    } else {
      here = reduced(finest.values.data(), finest.width, finest.height, 3, w, h);
    }
    Level level;
    level.planes.push_back(plane_of(here, 0.299 * unit, 0.587 * unit, 0.114 * unit));
    if (colour) {
      level.planes.push_back(plane_of(here, 0.5 * unit, -0.5 * unit, 0));
      level.planes.push_back(plane_of(here, 0.25 * unit, 0.25 * unit, -0.5 * unit));
    }
    all.push_back(std::move(level));
  }
  return all;
}

void polish(Plane& plane) {
  const int w = plane.width, h = plane.height;
  std::vector<float> line;
  const auto level_out = [&](std::size_t first, std::size_t step, int count) {
    line.clear();
    for (int i = 0; i < count; ++i) line.push_back(plane.values[first + i * step]);
    const float middle = median(line);
    for (int i = 0; i < count; ++i) plane.values[first + i * step] -= middle;
  };
  for (int round = 0; round < 2; ++round) {
    for (int y = 0; y < h; ++y) level_out(static_cast<std::size_t>(y) * w, 1, w);
    for (int x = 0; x < w; ++x)
      level_out(static_cast<std::size_t>(x), static_cast<std::size_t>(w), h);
  }
}

}  // namespace looktwice::adapters::baseline
