// The weights of a resize along one axis, as Pillow computes them. Internal to adapters/imaging.
#pragma once

#include <cstdint>
#include <vector>

#include "adapters/imaging/resize.h"

namespace looktwice::imaging {

// Output i is the sum of weight[i * most + j] * input[first[i] + j] over j < count[i].
template <class Weight>
struct Taps {
  int most = 0;
  std::vector<int> first = {}, count = {};
  std::vector<Weight> weight = {};
};

// Exact to the last bit of Pillow's doubles; filter is not nearest.
Taps<double> taps_of(int in_size, float in_begin, float in_end, int out_size, Filter filter);

// Rounded half away from zero to kTapBits behind the point.
inline constexpr int kTapBits = 22;
Taps<std::int32_t> rounded(const Taps<double>& taps);

}  // namespace looktwice::imaging
