#include "adapters/baseline/planes.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "harness/core/error.h"

namespace looktwice::adapters::baseline {
namespace {

constexpr double kDarkest = 0.05;  // mean brightness that exposure is corrected down to
constexpr int kShortest = 8;       // what a line of one pixel counts as, so that area stays bounded
constexpr int kAround = 2;         // pixels each way that detail is told from

// values[height][width][channels].
struct Raster {
  int width = 0, height = 0, channels = 1;
  std::vector<double> values = {};
};

// One output pixel's share of a line: pixels first..first + weights.size() - 1.
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

// Area means of in[height][width][channels].
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
        const double* from = line.data() + static_cast<std::size_t>(column.first) * channels + c;
        double sum = 0;
        for (const double weight : column.weights) {
          sum += weight * *from;
          from += channels;
        }
        out.values.push_back(sum);
      }
  }
  return out;
}

Raster mixed(const Raster& rgb, double red, double green, double blue) {
  Raster out{.width = rgb.width, .height = rgb.height};
  out.values.reserve(rgb.values.size() / 3);
  for (std::size_t i = 0; i < rgb.values.size(); i += 3)
    out.values.push_back(red * rgb.values[i] + green * rgb.values[i + 1] +
                         blue * rgb.values[i + 2]);
  return out;
}

double mean(const Raster& raster) {
  double sum = 0;
  for (const double value : raster.values) sum += value;
  return sum / static_cast<double>(raster.values.size());
}

// Squared deviation of each pixel from the mean of those at most kAround away that exist.
Raster roughness(const Raster& in) {
  const int w = in.width, h = in.height;
  Raster out = in;
  std::vector<double> column(static_cast<std::size_t>(w));
  for (int y = 0; y < h; ++y) {
    const int top = std::max(0, y - kAround), bottom = std::min(h - 1, y + kAround);
    std::fill(column.begin(), column.end(), 0.0);
    for (int j = top; j <= bottom; ++j)
      for (int x = 0; x < w; ++x)
        column[static_cast<std::size_t>(x)] += in.values[static_cast<std::size_t>(j) * w + x];
    for (int x = 0; x < w; ++x) {
      const int left = std::max(0, x - kAround), right = std::min(w - 1, x + kAround);
      double sum = 0;
      for (int i = left; i <= right; ++i) sum += column[static_cast<std::size_t>(i)];
      double& value = out.values[static_cast<std::size_t>(y) * w + x];
      value -= sum / ((bottom - top + 1) * (right - left + 1));
      value *= value;
    }
  }
  return out;
}

Plane plane_of(const Raster& from, int w, int h) {
  const Raster small = reduced(from.values.data(), from.width, from.height, 1, w, h);
  return {.width = w, .height = h, .values = {small.values.begin(), small.values.end()}};
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
  const double length = std::sqrt(static_cast<double>(rgb.width) * rgb.height);
  const int factor = std::max(1, static_cast<int>(length / (2 * side)));
  const Raster base = reduced(rgb.pixels.data(), rgb.width, rgb.height, 3,
                              std::max(1, rgb.width / factor), std::max(1, rgb.height / factor));
  const double unit = 1 / std::max(mean(mixed(base, 0.299, 0.587, 0.114)), kDarkest * 255);
  const Raster brightness = mixed(base, 0.299 * unit, 0.587 * unit, 0.114 * unit);
  const Raster rough = roughness(brightness);
  std::vector<Raster> colours;
  if (colour)
    colours = {mixed(base, 0.5 * unit, -0.5 * unit, 0),
               mixed(base, 0.25 * unit, 0.25 * unit, -0.5 * unit)};
  std::vector<Level> all(static_cast<std::size_t>(levels));
  for (int l = 0; l < levels; ++l) {
    const double scale = std::min(1.0, side / length) / (1 << l);
    const int longest = std::max(1, (side * side / kShortest) >> l);
    const auto size = [&](int full, int here) {
      return std::clamp(static_cast<int>(std::lround(full * scale)), 1, std::min(here, longest));
    };
    const int w = size(rgb.width, base.width), h = size(rgb.height, base.height);
    std::vector<Plane>& planes = all[static_cast<std::size_t>(l)].planes;
    planes = {plane_of(brightness, w, h), plane_of(rough, w, h)};
    for (float& value : planes[1].values)
      value = static_cast<float>(kDetail * std::sqrt(static_cast<double>(value)));
    for (const Raster& one : colours) planes.push_back(plane_of(one, w, h));
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
