// What the hardware does for ltfm_fused, emulated on the host as the PTX ISA describes it, so that
// the kernel's own tile arithmetic (adapters/kernels/ltfm_fused_tiles.h) runs without a GPU.
// Harsher than a GPU: a copy's target is poisoned with NaN when the copy is asked for and filled as
// late as the program allows, a product is done as late as it allows, so a missing wait, a stage
// refilled too early or a wrong place shows as NaN or as another number. Not here: timing, caches.
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <deque>
#include <stdexcept>
#include <string>
#include <vector>

#include "adapters/kernels/lanes.h"
#include "adapters/kernels/ltfm_fused_tiles.h"

namespace looktwice::kernels::fused {

enum class Flaw { none, short_wait, no_barrier, early_refill };

// A whole block: every thread, warp and lane in turn.
class HostBlock {
 public:
  template <class Value>
  using OfWarp = std::array<Value, kWarps>;
  template <class Value>
  using OfLane = std::array<Value, kWarp>;

  void threads(auto&& act) {
    for (int thread = 0; thread < kThreads; ++thread) act(thread);
  }
  void warps(auto&& act) {
    for (int warp = 0; warp < kWarps; ++warp) act(warp);
  }
  void lanes(auto&& act) {
    for (int lane = 0; lane < kWarp; ++lane) act(lane);
  }
  void sum_quads(OfLane<Sums>& sums) {
    for (int step = 1; step < 4; step *= 2) {
      const OfLane<Sums> before = sums;
      for (std::size_t lane = 0; lane < kWarp; ++lane) {
        sums[lane].norm += before[lane ^ static_cast<std::size_t>(step)].norm;
        sums[lane].dot += before[lane ^ static_cast<std::size_t>(step)].dot;
      }
    }
  }
  Sums others(const Sums& at) { return at; }
  float exponential(float x) { return std::exp(x); }
  float root(float x) { return std::sqrt(x); }
  bool is_last(unsigned* done, unsigned all) { return ++*done == all; }

 protected:
  static void check(bool good, const char* what) {
    if (!good) throw std::logic_error(what);
  }
};

inline float number_at(const unsigned char* at, Number number) {
  if (number == Number::f32) {
    float value;
    std::memcpy(&value, at, 4);
    return value;
  }
  std::uint16_t bits;
  std::memcpy(&bits, at, 2);
  return number == Number::bf16 ? float_of(Bf16{bits}) : float_of(F16{bits});
}

// cvt.rna.tf32.f32: ten bits of fraction, halves away from zero.
inline float tf32_of(float x) {
  auto bits = std::bit_cast<std::uint32_t>(x);
  if ((bits & 0x7f800000u) != 0x7f800000u) bits = (bits + 0x1000u) & ~0x1fffu;
  return std::bit_cast<float>(bits);
}

// cp.async, ldmatrix, mma.sync.
template <Number number, int stages = 3>
class EmulatedMma : public HostBlock, public MmaLayout {
 public:
  static constexpr int kNumberBytes = static_cast<int>(bytes_of(number)), kStages = stages;
  static constexpr bool kMultiplyLags = false;
  static constexpr int kStepsAtOnce = kSteps;
  using Own = OfWarp<Results<EmulatedMma, kDown, kAcross>>;
  using Left = OfLane<Words>;
  using Right = OfLane<Words>;

  explicit EmulatedMma(std::vector<unsigned char>& memory, Flaw flaw = Flaw::none)
      : memory_(memory), flaw_(flaw) {}

  void fetch(const Arguments& asked, const Place& place, int step, int steps) {
    asked_for_.emplace_back();
    if (step < steps) threads([&](int thread) { fetch_chunks(*this, asked, place, step, thread); });
  }
  void copy(int to, const unsigned char* from, int bytes) {
    check(to % kChunk == 0 && to >= 0 && to + kChunk <= kStages * kStageBytes, "copy: outside");
    check(bytes == 0 || bytes == kChunk, "copy: bytes");
    check(reinterpret_cast<std::uintptr_t>(from) % kChunk == 0, "copy: not aligned");
    std::memset(&memory_[static_cast<std::size_t>(to)], 0xff, kChunk);
    asked_for_.back().push_back({to, from, bytes});
  }
  // The copies are the asking thread's own until the next barrier.
  void await(int) {
    const int left = flaw_ == Flaw::short_wait ? kStages - 1 : kStages - 2;
    while (static_cast<int>(asked_for_.size()) > left) {
      for (const Copy& copy : asked_for_.front()) arrived_.push_back(copy);
      asked_for_.pop_front();
    }
  }
  void sync() {
    if (flaw_ == Flaw::no_barrier) return;
    for (const Copy& copy : arrived_) {
      unsigned char* to = &memory_[static_cast<std::size_t>(copy.to)];
      std::memset(to, 0, kChunk);
      std::memcpy(to, copy.from, static_cast<std::size_t>(copy.bytes));
    }
    arrived_.clear();
  }
  void multiply(int step, Own& results) {
    warps([&](int warp) {
      multiply_with_mma(*this, warp, step % kStages, results[static_cast<std::size_t>(warp)]);
    });
  }
  void finish_all_but_last(Own&) {}
  void finish_all(Own&) {
    for (const auto& group : asked_for_)
      check(group.empty() || flaw_ != Flaw::none, "a copy that nobody waits for");
  }

  void load_left(Left& to, auto&& place) { load_matrices(to, place); }
  void load_right(Right& to, auto&& place) { load_matrices(to, place); }

  // m16n8k16 of 16-bit numbers, m16n8k8 of tf32.
  void multiply_add(OfLane<Floats>& sum, const Left& left, const Right& right, int half) {
    constexpr int kDepth = kStepBytes / kNumberBytes;
    float a[16][kDepth], b[kDepth][8];
    for (int lane = 0; lane < kWarp; ++lane)
      for (int word = 0; word < 4; ++word)
        for (int part = 0; part < 4 / kNumberBytes; ++part) {
          const int group = lane / 4, own = lane % 4;
          const int k = (word / 2 * 4 + own) * (4 / kNumberBytes) + part;
          a[group + word % 2 * 8][k] = part_of(left[at(lane)].word[word], part);
          if (word >= 2) continue;
          const int deep = (word * 4 + own) * (4 / kNumberBytes) + part;
          b[deep][group] = part_of(right[at(lane)].word[2 * half + word], part);
        }
    for (int lane = 0; lane < kWarp; ++lane)
      for (int i = 0; i < 4; ++i) {
        const int row = i / 2 * 8 + lane / 4, column = lane % 4 * 2 + i % 2;
        float& own = sum[at(lane)].value[i];
        if constexpr (number == Number::f32) {
          float part = 0;
          for (const auto& [high_a, high_b] :
               {std::pair{false, true}, std::pair{true, false}, std::pair{true, true}})
            for (int k = 0; k < kDepth; ++k)
              part += split(a[row][k], high_a) * split(b[k][column], high_b);
          own += part;
        } else {
          for (int k = 0; k < kDepth; ++k) own += a[row][k] * b[k][column];
        }
      }
  }

 private:
  struct Copy {
    int to = 0;
    const unsigned char* from = nullptr;
    int bytes = 0;
  };
  static std::size_t at(int place) { return static_cast<std::size_t>(place); }
  static float split(float x, bool high) {
    const float first = tf32_of(x);
    return high ? first : tf32_of(x - first);
  }
  static float part_of(std::uint32_t word, int part) {
    unsigned char bytes[4];
    std::memcpy(bytes, &word, 4);
    return number_at(bytes + part * kNumberBytes, number);
  }
  // ldmatrix.x4: lane i gives the address of row i % 8 of matrix i / 8 and gets, of each matrix,
  // word lane % 4 of row lane / 4.
  void load_matrices(OfLane<Words>& to, auto&& place) {
    int address[kWarp];
    for (int lane = 0; lane < kWarp; ++lane) {
      address[lane] = place(lane);
      check(address[lane] % kChunk == 0 && address[lane] >= 0 &&
                address[lane] + kChunk <= kStages * kStageBytes,
            "ldmatrix: outside");
    }
    for (int matrix = 0; matrix < 4; ++matrix) {
      unsigned banks = 0;
      for (int row = 0; row < 8; ++row)
        banks |= 1u << (address[matrix * 8 + row] / kChunk % kChunks);
      check(banks == 0xff, "ldmatrix: two rows in the same banks");
      for (int lane = 0; lane < kWarp; ++lane)
        std::memcpy(&to[at(lane)].word[matrix],
                    &memory_[at(address[matrix * 8 + lane / 4] + lane % 4 * 4)], 4);
    }
  }

  std::vector<unsigned char>& memory_;
  const Flaw flaw_;
  std::deque<std::vector<Copy>> asked_for_;
  std::vector<Copy> arrived_;
};

// TMA with the 128-byte swizzle, mbarrier, wgmma with descriptors. 16-bit numbers.
template <Number number, int stages = 4>
class EmulatedWgmma : public HostBlock, public WgmmaLayout {
 public:
  static constexpr int kNumberBytes = static_cast<int>(bytes_of(number)), kStages = stages;
  static constexpr bool kMultiplyLags = true;
  static constexpr std::uint32_t kBase = 3 * 1024;  // where the stages lie
  using Own = OfWarp<Results<EmulatedWgmma, kDown, kAcross>>;

  EmulatedWgmma(std::vector<unsigned char>& memory, const Arguments& asked, Flaw flaw = Flaw::none)
      : memory_(memory), asked_(asked), flaw_(flaw) {}

  void sync() {}
  void fetch(const Arguments&, const Place& place, int step, int steps) {
    if (step < steps) fetch_boxes(*this, place, step);
  }
  void expect(int stage, int bytes) {
    Barrier& own = barriers_[static_cast<std::size_t>(stage)];
    check(own.expected == 0 || flaw_ != Flaw::none, "a barrier is used before it has turned");
    own.expected = bytes;
  }
  void load_features(int level, int column, std::int64_t row, int to, int stage) {
    load({asked_.features[level], asked_.rows, column, row, to, kRows}, stage);
  }
  void load_weights(int level, int column, int row, int to, int stage) {
    load({asked_.weights[level], asked_.dims, column, row, to, kColumns}, stage);
  }
  // try_wait.parity: true once the phase of that parity is over.
  void await(int step) {
    Barrier& own = barriers_[static_cast<std::size_t>(step % kStages)];
    if (own.phase % 2 != static_cast<int>(parity_of(step, kStages))) return;
    if (flaw_ == Flaw::short_wait) return;
    int bytes = 0;
    for (const Box& box : own.boxes) {
      put(box, true);
      bytes += box.rows * kRowBytes;
    }
    check(!own.boxes.empty() && bytes == own.expected, "the barrier would never turn");
    own = {.phase = own.phase + 1};
  }
  void multiply(int step, Own& results) {
    flying_.emplace_back();
    for (int group = 0; group < kGroups; ++group)
      multiply_with_wgmma(*this, group, kBase, step % kStages, results);
  }
  void multiply_add(int group, Own&, std::uint64_t features, std::uint64_t weights) {
    flying_.back().push_back({group, features, weights});
  }
  void finish_all_but_last(Own& results) {
    while (flying_.size() > (flaw_ == Flaw::early_refill ? 2 : 1)) land(results);
  }
  void finish_all(Own& results) {
    while (!flying_.empty()) land(results);
    for (const Barrier& own : barriers_)
      check(own.boxes.empty() || flaw_ != Flaw::none, "a copy that nobody waits for");
  }

 private:
  struct Box {
    const void* data = nullptr;
    std::int64_t all_rows = 0;
    int column = 0;
    std::int64_t row = 0;
    int to = 0, rows = 0;
  };
  struct Barrier {
    int phase = 0, expected = 0;
    std::vector<Box> boxes = {};
  };
  struct Product {
    int group = 0;
    std::uint64_t features = 0, weights = 0;
  };

  // Bits 4 to 6 of an address of shared memory are turned by bits 7 to 9.
  static std::size_t swizzled(std::uint32_t address) {
    return (address ^ (address >> 7 & 7) << 4) - kBase;
  }
  void load(const Box& box, int stage) {
    check((kBase + static_cast<std::uint32_t>(box.to)) % 1024 == 0, "TMA: not aligned");
    check(box.row < box.all_rows && box.column < asked_.hidden, "TMA: nothing of the box is there");
    put(box, false);
    barriers_[static_cast<std::size_t>(stage)].boxes.push_back(box);
  }
  void put(const Box& box, bool arrived) {
    const auto* data = static_cast<const unsigned char*>(box.data);
    for (int row = 0; row < box.rows; ++row)
      for (int i = 0; i < kRowBytes / kNumberBytes; ++i) {
        unsigned char* to = &memory_[swizzled(
            kBase + static_cast<std::uint32_t>(box.to + row * kRowBytes + i * kNumberBytes))];
        const bool there = box.row + row < box.all_rows && box.column + i < asked_.hidden;
        std::memset(to, arrived ? 0 : 0xff, kNumberBytes);
        if (arrived && there)
          std::memcpy(to, data + ((box.row + row) * asked_.hidden + box.column + i) * kNumberBytes,
                      kNumberBytes);
      }
  }
  // Row and number of a K-major matrix as its descriptor says.
  float element(std::uint64_t descriptor, int row, int k) const {
    check(descriptor >> 62 == 1, "descriptor: not the 128-byte swizzle");
    const auto start = static_cast<std::uint32_t>(descriptor & 0x3fff) << 4;
    const auto eight_rows = static_cast<std::uint32_t>(descriptor >> 32 & 0x3fff) << 4;
    const std::uint32_t address =
        start + static_cast<std::uint32_t>(row / 8) * eight_rows +
        static_cast<std::uint32_t>(row % 8 * kRowBytes + k * kNumberBytes);
    const std::size_t place = swizzled(address);
    check(place + kNumberBytes <= memory_.size(), "descriptor: outside");
    return number_at(&memory_[place], number);
  }
  void land(Own& results) {
    constexpr int kDepth = kStepBytes / kNumberBytes;
    for (const Product& own : flying_.front()) {
      std::vector<float> a(static_cast<std::size_t>(kGroupRows * kDepth)),
          b(static_cast<std::size_t>(kColumns * kDepth));
      for (int k = 0; k < kDepth; ++k) {
        for (int row = 0; row < kGroupRows; ++row)
          a[static_cast<std::size_t>(row * kDepth + k)] = element(own.features, row, k);
        for (int row = 0; row < kColumns; ++row)
          b[static_cast<std::size_t>(row * kDepth + k)] = element(own.weights, row, k);
      }
      // Result (r, c) of m64n256: warp r / 16 of the group; its lane and number as in a 16 x 8.
      for (int row = 0; row < kGroupRows; ++row)
        for (int column = 0; column < kColumns; ++column) {
          const int warp = own.group * 4 + row / 16, lane = row % 8 * 4 + column % 8 / 2;
          float& sum = results[static_cast<std::size_t>(warp)]
                           .at[0][column / 8][static_cast<std::size_t>(lane)]
                           .value[row % 16 / 8 * 2 + column % 2];
          for (int k = 0; k < kDepth; ++k)
            sum += a[static_cast<std::size_t>(row * kDepth + k)] *
                   b[static_cast<std::size_t>(column * kDepth + k)];
        }
    }
    flying_.pop_front();
  }

  std::vector<unsigned char>& memory_;
  const Arguments& asked_;
  const Flaw flaw_;
  std::array<Barrier, stages> barriers_ = {};
  std::deque<std::vector<Product>> flying_;
};

}  // namespace looktwice::kernels::fused
