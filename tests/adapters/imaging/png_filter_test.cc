// The row filters of PNG: vectors and diagonals against plain loops.
#include "adapters/imaging/png_filter.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "adapters/imaging/png_wave.h"

namespace looktwice::imaging {
namespace {

// packed[height][1 + size] of random bytes; filters below `filters`, or one filter for all rows
// when it is negative.
std::vector<std::uint8_t> random_rows(int height, std::size_t size, int filters,
                                      std::mt19937& random) {
  std::vector<std::uint8_t> packed;
  for (int y = 0; y < height; ++y) {
    packed.push_back(static_cast<std::uint8_t>(
        filters < 0 ? -filters - 1 : static_cast<int>(random() % unsigned(filters))));
    for (std::size_t i = 0; i < size; ++i)
      packed.push_back(static_cast<std::uint8_t>(random() % 4 == 0 ? random() : random() % 5));
  }
  return packed;
}

std::vector<std::uint8_t> plainly_unfiltered(const std::vector<std::uint8_t>& packed, int height,
                                             std::size_t size, std::size_t pixel_bytes) {
  std::vector<std::uint8_t> out(size * std::size_t(height)), above(size);
  for (std::size_t y = 0; y < std::size_t(height); ++y) {
    const std::uint8_t* row = &packed[y * (size + 1)];
    EXPECT_TRUE(unfilter_plain(row[0], row + 1, above.data(), &out[y * size], size, pixel_bytes));
    std::copy_n(&out[y * size], size, above.data());
  }
  return out;
}

TEST(PngFilter, RowsAtOnceEqualPlainLoops) {
  const std::uint32_t seed = 99;
  std::mt19937 random(seed);
  for (int round = 0; round < 400; ++round) {
    const std::size_t pixel_bytes = std::size_t{1} + random() % 4, width = 1 + random() % 70;
    const std::size_t size = pixel_bytes * width;
    const int height = 1 + static_cast<int>(random() % 50);
    const int filters = round % 6 == 0 ? 5 : -(round % 6);
    const std::vector<std::uint8_t> packed = random_rows(height, size, filters, random);
    std::vector<std::uint8_t> out(size * std::size_t(height));
    ASSERT_TRUE(unfilter_rows(packed.data(), height, size, pixel_bytes, out.data()));
    ASSERT_EQ(out, plainly_unfiltered(packed, height, size, pixel_bytes))
        << width << "x" << height << ", " << pixel_bytes << " bytes a pixel, seed " << seed
        << ", round " << round;
  }
}

TEST(PngFilter, OneRowEqualsPlainLoops) {
  const std::uint32_t seed = 5;
  std::mt19937 random(seed);
  for (int round = 0; round < 400; ++round) {
    const std::size_t pixel_bytes = std::size_t{1} << random() % 4,
                      size = pixel_bytes * (1 + random() % 70);
    const std::vector<std::uint8_t> above = random_rows(1, size - 1, 5, random),
                                    row = random_rows(1, size - 1, 5, random);
    std::vector<std::uint8_t> fast(size), plain(size);
    const int filter = round % 5;
    ASSERT_TRUE(unfilter(filter, row.data(), above.data(), fast.data(), size, pixel_bytes));
    ASSERT_TRUE(unfilter_plain(filter, row.data(), above.data(), plain.data(), size, pixel_bytes));
    ASSERT_EQ(fast, plain) << "filter " << filter << ", " << pixel_bytes << " bytes a pixel, seed "
                           << seed;
  }
}

TEST(PngFilter, UnknownFiltersAreRefused) {
  std::vector<std::uint8_t> packed(40 * 4, 0), out(40 * 3);
  packed[4 * 39] = 5;
  EXPECT_FALSE(unfilter_rows(packed.data(), 40, 3, 3, out.data()));
  EXPECT_FALSE(unfilter(5, packed.data(), packed.data(), out.data(), 3, 3));
}

}  // namespace
}  // namespace looktwice::imaging
