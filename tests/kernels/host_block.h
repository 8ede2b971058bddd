// The Machine of adapters/kernels/block_machine.h on the host: a whole block, every thread, warp
// and lane in turn, so that a GPU kernel's own arithmetic runs without a GPU. Not here: caches,
// timing, what happens without a barrier that is needed (threads go one after the other between two
// of them).
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "adapters/kernels/block_machine.h"
#include "adapters/kernels/lanes.h"

namespace looktwice::kernels::blocks {

class HostBlock {
 public:
  template <class Value>
  using OfWarp = std::array<Value, kWarps>;
  // Lanes are numbered by int in the kernels.
  template <class Value>
  struct OfLane {
    std::array<Value, kWarp> all = {};
    Value& operator[](int lane) { return all.at(static_cast<std::size_t>(lane)); }
    const Value& operator[](int lane) const { return all.at(static_cast<std::size_t>(lane)); }
  };

  void threads(auto&& act) {
    for (int thread = 0; thread < kThreads; ++thread) act(thread);
  }
  void warps(auto&& act) {
    for (int warp = 0; warp < kWarps; ++warp) act(warp);
  }
  void lanes(auto&& act) {
    for (int lane = 0; lane < kWarp; ++lane) act(lane);
  }
  void sync() {}
  void sync_warp() {}

  template <int kCount>
  void sum_warp(OfLane<Numbers<kCount>>& numbers) {
    for (int step = kWarp / 2; step > 0; step /= 2) {
      const OfLane<Numbers<kCount>> before = numbers;
      for (int lane = 0; lane < kWarp; ++lane)
        for (int i = 0; i < kCount; ++i) numbers[lane].at[i] += before[lane ^ step].at[i];
    }
  }
  void largest_of_warp(OfLane<float>& numbers) {
    const float largest = *std::ranges::max_element(numbers.all);
    numbers.all.fill(largest);
  }

  template <int kPack, class Element>
  void load(const Element* from, float* to) {
    check(kPack == 1 || reinterpret_cast<std::uintptr_t>(from) % 16 == 0);
    static_assert(kPack == 1 || kPack * sizeof(Element) == 16);
    for (int i = 0; i < kPack; ++i) to[i] = float_of(from[i]);
  }
  template <int kPack>
  void load_floats(const float* from, float* to) {
    check(kPack == 1 || reinterpret_cast<std::uintptr_t>(from) % 16 == 0);
    std::memcpy(to, from, kPack * sizeof(float));
  }
  template <int kPack>
  void store_floats(const float* from, float* to) {
    check(kPack == 1 || reinterpret_cast<std::uintptr_t>(to) % 16 == 0);
    std::memcpy(to, from, kPack * sizeof(float));
  }

  float fused(float x, float y, float sum) { return std::fma(x, y, sum); }
  float exponential(float x) { return std::exp(x); }
  float root(float x) { return std::sqrt(x); }
  float larger(float x, float y) { return std::fmax(x, y); }
  float infinity() { return std::numeric_limits<float>::infinity(); }

 private:
  static void check(bool aligned) {
    if (!aligned) throw std::logic_error("a load of sixteen bytes that does not lie at one");
  }
};

// As adapters/kernels/lanes.h has them, by the kernels' names of numbers.
template <class Element>
inline constexpr int kPackOf = 16 / static_cast<int>(sizeof(Element));

}  // namespace looktwice::kernels::blocks
