#include "metrics/pixel/pixel_lanes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <limits>
#include <random>
#include <set>

#include "metrics/pixel/ordered_bits.h"

namespace looktwice::metrics {
namespace {

using Random = std::mt19937;

TEST(PixelKey, OrdersAsFloatsAndComesBack) {
  using Limits = std::numeric_limits<float>;
  const std::vector<float> ascending = {
      Limits::lowest(),     -1e30F,        -1, -Limits::min(), -Limits::denorm_min(), 0,
      Limits::denorm_min(), Limits::min(), 1,  1e30F,          Limits::max()};
  for (std::size_t i = 0; i < ascending.size(); ++i) {
    EXPECT_EQ(from_pixel_key(pixel_key(ascending[i])), ascending[i]);
    if (i > 0) {
      EXPECT_LT(pixel_key(ascending[i - 1]), pixel_key(ascending[i]));
    }
  }
  EXPECT_EQ(pixel_key(-0.F), pixel_key(0.F));
  EXPECT_GT(pixel_key(Limits::lowest()), 0U);
}

class EveryPixelLanes : public testing::TestWithParam<PixelLanes> {};

TEST_P(EveryPixelLanes, SplitGivesTheKeysOfUnmaskedPixels) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    Random random(seed);
    std::vector<float> scores(PixelTile::kPixels);
    std::vector<std::uint8_t> mask(PixelTile::kPixels, 0);
    const auto masked = seed % 4 == 0 ? 0U : static_cast<unsigned>(random() % 101);
    const bool even = seed % 5 == 0;
    std::vector<std::uint32_t> expected;
    for (std::size_t i = 0; i < scores.size(); ++i) {
      do scores[i] = even ? -0.F : std::bit_cast<float>(static_cast<std::uint32_t>(random()));
      while (!is_finite(scores[i]));
      if (random() % 100 < masked) mask[i] = static_cast<std::uint8_t>(1 + random() % 255);
      if (mask[i] == 0) expected.push_back(pixel_key(scores[i]));
    }
    PixelTile tile = {};
    GetParam().split(scores.data(), mask.data(), tile);
    EXPECT_EQ(std::vector<std::uint32_t>(tile.keys.begin(),
                                         tile.keys.begin() + static_cast<long>(tile.count)),
              expected)
        << "seed " << seed;
    EXPECT_TRUE(tile.finite) << "seed " << seed;
    EXPECT_EQ(tile.even, even && expected.size() == scores.size()) << "seed " << seed;
    for (const float bad :
         {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
          -std::numeric_limits<float>::infinity()}) {
      std::vector<float> with_bad = scores;
      with_bad[random() % with_bad.size()] = bad;  // under the mask too
      GetParam().split(with_bad.data(), mask.data(), tile);
      EXPECT_FALSE(tile.finite) << "seed " << seed;
    }
  }
}

TEST_P(EveryPixelLanes, SlotsTellWhatIsSmallerAndWhatIsEqual) {
  for (unsigned seed = 0; seed < 40; ++seed) {
    Random random(seed);
    std::set<std::uint16_t> scores;
    const std::size_t wanted = seed == 0 ? 65536 : seed == 1 ? 0 : random() % (1U << (seed % 17));
    while (scores.size() < wanted)
      scores.insert(static_cast<std::uint16_t>(seed == 0 ? scores.size() : random()));
    if (seed % 3 == 2) scores.insert({0, 65535});
    PixelBits bits = {};
    for (const std::uint16_t score : scores) bits[score >> 6] |= std::uint64_t{1} << (score & 63);
    PixelRanks ranks;
    GetParam().rank(bits, ranks);
    const std::vector<std::uint16_t> ascending(scores.begin(), scores.end());
    const std::size_t count = 1 + random() % 250;
    std::vector<std::uint16_t> trailing(256, 0);
    for (std::size_t i = 0; i < count; ++i)
      trailing[i] = i % 2 || ascending.empty()
                        ? static_cast<std::uint16_t>(random() % 5 ? random() : random() % 2 * 65535)
                        : ascending[random() % ascending.size()];
    std::vector<std::uint32_t> slots(256);
    GetParam().slots(ranks, trailing.data(), count, slots.data());
    for (std::size_t i = 0; i < count; ++i) {
      const auto [first, last] = std::equal_range(ascending.begin(), ascending.end(), trailing[i]);
      EXPECT_EQ(slots[i], 2 * (first - ascending.begin()) + (last - first))
          << "seed " << seed << ", trailing " << trailing[i];
    }
  }
}

INSTANTIATE_TEST_SUITE_P(ThisProcessor, EveryPixelLanes,
                         testing::ValuesIn(pixel_lanes().begin(), pixel_lanes().end()),
                         [](const auto& own) { return std::string(own.param.name); });

}  // namespace
}  // namespace looktwice::metrics
