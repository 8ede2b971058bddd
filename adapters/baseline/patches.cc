#include "adapters/baseline/patches.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace looktwice::adapters::baseline {
namespace {

constexpr int kFrequencies = 4;

// basis[u][x]: the orthonormal DCT-II of kPatch points, divided by sqrt(kPatch).
using Basis = std::array<std::array<float, kPatch>, kFrequencies>;

Basis make_basis() {
  Basis basis;
  for (int u = 0; u < kFrequencies; ++u)
    for (int x = 0; x < kPatch; ++x)
      basis[u][x] = static_cast<float>(std::cos(std::numbers::pi * (2 * x + 1) * u / (2 * kPatch)) *
                                       (u == 0 ? 1 : std::numbers::sqrt2) / kPatch);
  return basis;
}

Plane continued(const Plane& plane) {
  Plane out{.width = std::max(plane.width, kPatch), .height = std::max(plane.height, kPatch)};
  out.values.reserve(static_cast<std::size_t>(out.width) * out.height);
  for (int y = 0; y < out.height; ++y)
    for (int x = 0; x < out.width; ++x)
      out.values.push_back(
          plane.values[static_cast<std::size_t>(std::min(y, plane.height - 1)) * plane.width +
                       std::min(x, plane.width - 1)]);
  return out;
}

// First pixels of patches that are at most `stride` apart and reach both ends of `length`.
std::vector<int> starts(int length, int stride) {
  const int room = length - kPatch, steps = (room + stride - 1) / stride;
  std::vector<int> all = {0};
  for (int i = 1; i <= steps; ++i) all.push_back((2 * i * room + steps) / (2 * steps));
  return all;
}

struct Frequency {
  int plane = 0, u = 0, v = 0;
};

}  // namespace

Patches patches_of(const Level& level, int stride) {
  static const Basis basis = make_basis();
  std::vector<Plane> planes;
  for (const Plane& plane : level.planes) planes.push_back(continued(plane));

  Patches patches{.width = level.planes[0].width, .height = level.planes[0].height};
  patches.tops = starts(planes[0].height, stride);
  patches.lefts = starts(planes[0].width, stride);

  std::array<std::vector<Frequency>, 4> kinds;  // by parity of u, then of v
  for (int p = 0; p < static_cast<int>(planes.size()); ++p)
    for (int v = 0; v < kFrequencies; ++v)
      for (int u = 0; u + v < (p == 0 ? kFrequencies : 2); ++u)
        kinds[static_cast<std::size_t>(u % 2 + 2 * (v % 2))].push_back({p, u, v});
  patches.even_even = static_cast<int>(kinds[0].size());
  patches.odd_x = static_cast<int>(kinds[1].size());
  patches.odd_y = static_cast<int>(kinds[2].size());
  patches.odd_both = static_cast<int>(kinds[3].size());

  const std::size_t count = static_cast<std::size_t>(patches.count());
  const std::size_t columns = patches.lefts.size();
  patches.values.reserve(count * static_cast<std::size_t>(patches.features()));
  for (const auto& kind : kinds)
    for (const Frequency& f : kind) {
      const Plane& plane = planes[static_cast<std::size_t>(f.plane)];
      // across[y][column]: rows of the plane against the horizontal cosine.
      std::vector<float> across(static_cast<std::size_t>(plane.height) * columns);
      for (int y = 0; y < plane.height; ++y)
        for (std::size_t c = 0; c < columns; ++c) {
          const float* from =
              plane.values.data() + static_cast<std::size_t>(y) * plane.width + patches.lefts[c];
          float sum = 0;
          for (int x = 0; x < kPatch; ++x) sum += basis[f.u][x] * from[x];
          across[static_cast<std::size_t>(y) * columns + c] = sum;
        }
      for (const int top : patches.tops)
        for (std::size_t c = 0; c < columns; ++c) {
          float sum = 0;
          for (int y = 0; y < kPatch; ++y)
            sum += basis[f.v][y] * across[static_cast<std::size_t>(top + y) * columns + c];
          patches.values.push_back(sum);
        }
    }
  return patches;
}

}  // namespace looktwice::adapters::baseline
