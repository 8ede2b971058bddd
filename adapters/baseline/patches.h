// Patches of one level as short vectors: the low frequencies of their cosine transform.
// Not here: what is normal.
#pragma once

#include <vector>

#include "adapters/baseline/planes.h"

namespace looktwice::adapters::baseline {

constexpr int kPatch = 8;  // pixels of a level, each way

// rows x columns patches, evenly spread from edge to edge; the first pixels of each row and column.
// A level smaller than a patch is continued by its edge pixels.
struct Patches {
  int width = 0, height = 0;  // of the level itself
  std::vector<int> tops = {}, lefts = {};
  // values[feature][patch], patch = row * lefts.size() + column. A feature is a coefficient divided
  // by kPatch, so that Euclidean distance is the RMS difference of two smoothed patches, and the
  // first one is the mean. Mirroring a patch left-right changes the sign of the features that are
  // odd in x, top-bottom of those odd in y; the features are sorted by that:
  // first even_even, then odd_x, then odd_y, then odd_both of them.
  std::vector<float> values = {};
  int even_even = 0, odd_x = 0, odd_y = 0, odd_both = 0;

  int count() const { return static_cast<int>(tops.size() * lefts.size()); }
  int features() const { return even_even + odd_x + odd_y + odd_both; }
};

// stride: pixels between neighbouring patches, at most. Brightness gives the 10 coefficients (u, v)
// with u + v < 4, each other plane the 3 with u + v < 2.
Patches patches_of(const Level& level, int stride);

}  // namespace looktwice::adapters::baseline
