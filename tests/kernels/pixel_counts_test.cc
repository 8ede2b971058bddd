#include "adapters/kernels/pixel_counts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <stdexcept>
#include <thread>
#include <vector>

#include "adapters/kernels/device.h"
#include "adapters/kernels/pixel_counter.h"
#include "adapters/kernels/pixel_counts_cases.h"
#include "adapters/kernels/pixel_counts_tiles.h"

namespace looktwice::kernels {
namespace {

// As the words say, without sorting: sorted entries, then per distinct key how many unmasked pixels
// are above it and equal to it.
PixelCounterResult by_definition(const PixelData& data) {
  PixelCounterResult result{.entries = data.entries};
  std::stable_sort(result.entries.begin(), result.entries.end(),
                   [](std::uint64_t a, std::uint64_t b) { return a >> 32 < b >> 32; });
  std::map<float, std::uint64_t> counts;  // -0 and 0 are one key of a map
  for (std::size_t i = 0; i < data.score.size(); ++i)
    if (data.mask[i] == 0) ++counts[data.score[i]];
  std::map<float, int> scores;
  for (std::size_t i = 0; i < data.score.size(); ++i)
    if (data.mask[i] != 0) scores[data.score[i]] = 1;
  // Downwards, so that what lies above is summed once.
  std::uint64_t above = 0;
  auto higher = counts.rbegin();
  for (auto at = scores.rbegin(); at != scores.rend(); ++at) {
    for (; higher != counts.rend() && higher->first > at->first; ++higher) above += higher->second;
    const auto same = counts.find(at->first);
    result.above.push_back(above);
    result.equal.push_back(same == counts.end() ? 0 : same->second);
  }
  std::reverse(result.above.begin(), result.above.end());
  std::reverse(result.equal.begin(), result.equal.end());
  return result;
}

PixelCounterResult counted(const PixelData& data, const PixelCounterOptions& options,
                           std::size_t piece = 1000) {
  PixelCounter counter(data.entries, options);
  for (std::size_t at = 0; at < data.score.size(); at += piece) {
    const std::size_t size = std::min(piece, data.score.size() - at);
    const bool none = std::all_of(data.mask.begin() + static_cast<std::ptrdiff_t>(at),
                                  data.mask.begin() + static_cast<std::ptrdiff_t>(at + size),
                                  [](std::uint8_t m) { return m == 0; });
    counter.add(data.score.data() + at, none ? nullptr : data.mask.data() + at,
                static_cast<std::int64_t>(size));
  }
  return counter.finish();
}

bool same(const PixelCounterResult& a, const PixelCounterResult& b) {
  return a.entries == b.entries && a.above == b.above && a.equal == b.equal;
}

TEST(PixelCounts, HandWorked) {
  const PixelData data = {.score = {0.5f, -1.0f, 0.5f, 2.0f, -0.0f, 0.0f},
                          .mask = {1, 0, 0, 0, 0, 1},
                          .entries = {std::uint64_t{pixel_key(0.5f)} << 32 | 7,
                                      std::uint64_t{pixel_key(-0.0f)} << 32 | 9}};
  const PixelCounterResult result = counted(data, {.chunk_pixels = 4});
  EXPECT_EQ(result.entries, (std::vector<std::uint64_t>{data.entries[1], data.entries[0]}));
  EXPECT_EQ(result.above, (std::vector<std::uint64_t>{2, 1}));  // of 0: 0.5, 2; of 0.5: 2
  EXPECT_EQ(result.equal, (std::vector<std::uint64_t>{1, 1}));
}

TEST(PixelCounts, ReferenceEqualsDefinitionForAnyChunk) {
  for (const PixelCase& own : pixel_cases()) {
    const PixelData data = data_of(own);
    const PixelCounterResult expected = by_definition(data);
    for (const std::int64_t chunk : {255, 4096, 1 << 20}) {
      if (chunk < 1000 && own.pixels > 10000) continue;
      EXPECT_TRUE(same(counted(data, {.chunk_pixels = chunk}), expected))
          << name_of(own) << " chunk " << chunk;
    }
  }
}

// The GPU kernel's own search, on the host.
TEST(PixelCounts, TheSearchOfTheGpuCountsAsTheReferenceDoes) {
  for (const PixelCase& own : pixel_cases()) {
    const PixelData data = data_of(own);
    std::vector<std::uint32_t> chunk;
    for (std::size_t i = 0; i < data.score.size(); ++i)
      chunk.push_back(data.mask[i] ? 0 : pixel_key(data.score[i]));
    std::sort(chunk.begin(), chunk.end());
    const PixelCounterResult expected = by_definition(data);
    std::size_t distinct = 0;
    for (std::size_t i = 0; i < expected.entries.size(); ++i) {
      const std::uint64_t key = expected.entries[i] >> 32;
      if (i > 0 && key == expected.entries[i - 1] >> 32) continue;
      const PixelsAt found =
          pixels_at(chunk.data(), std::ssize(chunk), static_cast<std::uint32_t>(key));
      ASSERT_EQ(found.above, expected.above[distinct]) << name_of(own);
      ASSERT_EQ(found.equal, expected.equal[distinct]) << name_of(own);
      ++distinct;
    }
    ASSERT_EQ(distinct, expected.above.size()) << name_of(own);
  }
}

// More pixels than 32 bits can count: each key of 0 .. 9 five billion times.
TEST(PixelCounts, PlacesAndCountsPassTwoToThe32) {
  constexpr std::int64_t kEach = 5'000'000'000;
  struct ManyKeys {
    std::uint32_t operator[](std::int64_t place) const {
      return static_cast<std::uint32_t>(place / kEach);
    }
  };
  const PixelsAt found = pixels_at(ManyKeys{}, 10 * kEach, 7);
  EXPECT_EQ(found.above, 10'000'000'000u);
  EXPECT_EQ(found.equal, 5'000'000'000u);
}

TEST(PixelCounts, ThreadsMayAddAtOnce) {
  const PixelData data = data_of({.pixels = 60000, .anomalous_in_1000 = 300});
  const PixelCounterResult expected = by_definition(data);
  PixelCounter counter(data.entries, {.chunk_pixels = 777});
  {
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < 4; ++t)
      threads.emplace_back([&, t] {
        for (std::size_t at = t * 500; at < data.score.size(); at += 2000)
          counter.add(data.score.data() + at, data.mask.data() + at, 500);
      });
  }
  EXPECT_TRUE(same(counter.finish(), expected));
}

TEST(PixelCounts, OptionsOutsideTheLimitsAreRefused) {
  for (const std::int64_t chunk : {std::int64_t{0}, std::int64_t{-1}, kMostPixels + 1})
    EXPECT_THROW(PixelCounter({}, {.chunk_pixels = chunk}), std::invalid_argument) << chunk;
}

TEST(PixelCounts, ACudaCounterWithoutCudaSaysSo) {
  if constexpr (kCudaBuilt)
    GTEST_SKIP() << "built with CUDA";
  else
    EXPECT_THROW(PixelCounter({}, {.device = Stream::Device::cuda}), std::invalid_argument);
}

class PixelCountsCuda : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const Devices devices = cuda_devices(); devices.found.empty())
      GTEST_SKIP() << devices.why_none;
  }
};

TEST_F(PixelCountsCuda, EqualsReferenceThreeTimesOver) {
  for (const PixelCase& own : pixel_cases()) {
    const PixelData data = data_of(own);
    const PixelCounterResult expected = by_definition(data);
    for (int repeat = 0; repeat < 3; ++repeat)
      for (const std::int64_t chunk : {4096, 1 << 20})
        ASSERT_TRUE(
            same(counted(data, {.device = Stream::Device::cuda, .chunk_pixels = chunk}), expected))
            << name_of(own) << " chunk " << chunk << " repeat " << repeat;
  }
}

TEST_F(PixelCountsCuda, ManyFullChunksFollowEachOther) {
  const PixelData data = data_of({.pixels = 3000000, .seed = 77});
  EXPECT_TRUE(same(counted(data, {.device = Stream::Device::cuda, .chunk_pixels = 1 << 16}, 65536),
                   by_definition(data)));
}

TEST_F(PixelCountsCuda, ThreadsMayAddAtOnce) {
  const PixelData data = data_of({.pixels = 60000, .anomalous_in_1000 = 300});
  PixelCounter counter(data.entries, {.device = Stream::Device::cuda, .chunk_pixels = 777});
  {
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < 4; ++t)
      threads.emplace_back([&, t] {
        for (std::size_t at = t * 500; at < data.score.size(); at += 2000)
          counter.add(data.score.data() + at, data.mask.data() + at, 500);
      });
  }
  EXPECT_TRUE(same(counter.finish(), by_definition(data)));
}

TEST_F(PixelCountsCuda, ADeviceThatIsNotThereIsAnErrorOfCuda) {
  EXPECT_THROW(PixelCounter({}, {.device = Stream::Device::cuda, .number = 4096}),
               std::runtime_error);
}

}  // namespace
}  // namespace looktwice::kernels
