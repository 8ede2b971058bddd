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

// Two neighbouring weights, rounded half away from zero to kTapBits behind the point. They have up
// to 24 bits, too many for the 16-bit multiplier that adds pairs, so each is split: weight = high *
// 2^kLowBits + low, 0 <= low < 2^kLowBits. Both parts are summed on their own, and (sum of high <<
// kLowBits) + sum of low is the exact sum modulo 2^32.
inline constexpr int kTapBits = 22, kLowBits = 12;
struct TapPair {
  std::int16_t high[2] = {0, 0}, low[2] = {0, 0};
};
TapPair pair_of(std::int32_t first, std::int32_t second);

// Here `most` counts pairs; where `count` is odd the last pair's second weight is 0.
Taps<TapPair> rounded(const Taps<double>& taps);

}  // namespace looktwice::imaging
