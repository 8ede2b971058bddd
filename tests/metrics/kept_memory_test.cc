#include "metrics/pixel/kept_memory.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <thread>
#include <vector>

#include "metrics/pixel/pixel_stream.h"

namespace looktwice::metrics {
namespace {

constexpr std::size_t kSize = 300'000;

TEST(KeptMemory, GivesTheSamePieceAgain) {
  void* first = nullptr;
  {
    const KeptMemory memory(kSize);
    first = memory.get();
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(first) % 64, 0U);
  }
  const KeptMemory again(kSize);
  EXPECT_EQ(again.get(), first);
  const KeptMemory other(kSize);
  EXPECT_NE(other.get(), first);
}

TEST(KeptMemory, IsNeverMoreThanWasInUseAtOneTime) {
  // Ever larger pieces, none of which fits the next: those before are given up.
  const std::size_t before = KeptMemory::bytes_in_use();
  for (std::size_t bytes = kSize; bytes < 64 * kSize; bytes *= 3) {
    const KeptMemory memory(bytes);
    const std::size_t in_use = KeptMemory::bytes_in_use();
    EXPECT_GE(in_use, before + bytes);
  }
  const std::size_t most = KeptMemory::bytes_kept() + KeptMemory::bytes_in_use();
  for (std::size_t bytes = kSize; bytes < 8 * kSize; bytes += kSize / 3) {
    const KeptMemory memory(bytes);
    EXPECT_LE(KeptMemory::bytes_kept() + KeptMemory::bytes_in_use(), most) << bytes;
  }
}

TEST(KeptMemory, KeepsNoMoreThanItsBound) {
  { const KeptMemory large(KeptMemory::kMostKept + 1); }
  EXPECT_LE(KeptMemory::bytes_kept(), KeptMemory::kMostKept);
}

TEST(KeptMemory, ManyThreadsHaveTheirOwn) {
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([t] {
      for (int i = 0; i < 200; ++i) {
        const KeptArray<int> own(5000 + static_cast<std::size_t>(i % 7) * 3000);
        own[0] = own[4999] = t;
        std::this_thread::yield();
        EXPECT_EQ(own[0] + own[4999], 2 * t);
      }
    });
}

// What lies in kept memory from the set before must leave no trace.
TEST(KeptMemory, ASetAfterAnotherHasTheSameBits) {
  const auto value = [](float scale, int side) {
    std::vector<float> map;
    std::vector<std::uint8_t> mask;
    for (int i = 0; i < side * side; ++i) {
      map.push_back(scale * static_cast<float>(i * 7919 % 10007) - (i % 11 == 0 ? 50.F : 0.F));
      mask.push_back(i % 97 < 5);
    }
    PixelStream stream({});
    for (int pass = 0; pass < stream.passes(); ++pass) {
      stream.begin_pass(pass);
      for (int k = 0; k < 3; ++k) stream.add("", map, mask, side, side);
    }
    return *stream.result().auroc;
  };
  const double first = value(0.01F, 90);
  value(-3.F, 400);
  value(1e-40F, 200);
  EXPECT_EQ(value(0.01F, 90), first);
}

}  // namespace
}  // namespace looktwice::metrics
