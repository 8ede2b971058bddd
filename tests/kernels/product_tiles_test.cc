// Numbers as planes of bf16, and products of them in matrix units, against sums in double.
#include "adapters/kernels/product_tiles.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <utility>
#include <vector>

namespace looktwice::kernels {
namespace {

float bf16_at(const float* words, std::int64_t k) {
  std::uint16_t half;
  std::memcpy(&half, reinterpret_cast<const std::byte*>(words) + 2 * k, sizeof half);
  const std::uint32_t bits = std::uint32_t{half} << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

std::vector<float> normals(std::int64_t count, unsigned seed) {
  std::mt19937 draw(seed);
  std::normal_distribution<float> normal;
  std::vector<float> made(static_cast<std::size_t>(count));
  for (float& value : made) value = normal(draw);
  return made;
}

TEST(ProductTiles, ThreePlanesAreTheNumber) {
  if (best_isa() < Isa::avx512_bf16) GTEST_SKIP() << "vector code here: " << name_of(best_isa());
  std::mt19937 draw(7);
  std::vector<float> x = {0,         -0.0f,           1,        1 + 0x1p-23f,
                          -16777215, 0x1.fffffep100f, 3.38e38f, 0x1p-110f};
  while (x.size() < 4096) {
    const auto bits = static_cast<std::uint32_t>(draw());
    float value;
    std::memcpy(&value, &bits, sizeof value);
    if (std::isfinite(value) && std::fabs(value) < 3.38e38f && std::fabs(value) > 0x1p-102f)
      x.push_back(value);
  }
  for (const std::int64_t count : {4096, 31, 1}) {
    const std::int64_t plane = (count + 31) / 32 * kPairStep;
    Words words(3 * plane);
    to_pairs(x.data(), count, 3, plane, words.floats());
    for (std::int64_t i = 0; i < 2 * plane; ++i) {
      const float high = bf16_at(words.floats(), i), middle = bf16_at(words.floats() + plane, i),
                  low = bf16_at(words.floats() + 2 * plane, i);
      const float wanted = i < count ? x[static_cast<std::size_t>(i)] : 0;
      ASSERT_EQ(low + middle + high, wanted) << i << " of " << count;
      ASSERT_LE(std::fabs(middle), std::fabs(high) * 0x1p-8f) << i;
    }
  }
}

TEST(ProductTiles, WhatIsInfiniteOrNoNumberLeavesNothingBehind) {
  if (best_isa() < Isa::avx512_bf16) GTEST_SKIP() << "vector code here: " << name_of(best_isa());
  const float x[] = {std::numeric_limits<float>::infinity(), std::nanf(""), 3.4e38f};
  Words words(3 * kPairStep);
  to_pairs(x, 3, 3, kPairStep, words.floats());
  EXPECT_TRUE(std::isinf(bf16_at(words.floats(), 0)));
  EXPECT_TRUE(std::isnan(bf16_at(words.floats(), 1)));
  EXPECT_TRUE(std::isinf(bf16_at(words.floats(), 2)));
  for (int plane : {1, 2})
    for (int i = 0; i < 3; ++i)
      EXPECT_EQ(bf16_at(words.floats() + plane * kPairStep, i), 0) << plane << " " << i;
}

// Rows, columns in two panels, numbers of the depth.
struct Product {
  std::int64_t rows, depth;
  std::vector<float> x = {}, w = {};

  Product(std::int64_t rows_, std::int64_t depth_)
      : rows(rows_),
        depth(depth_),
        x(normals(rows_ * depth_, 1)),
        w(normals(kColumns * depth_, 2)) {}

  double exact(std::int64_t row, std::int64_t column) const {
    double sum = 0;
    for (std::int64_t k = 0; k < depth; ++k)
      sum += double{x[static_cast<std::size_t>(row * depth + k)]} *
             double{w[static_cast<std::size_t>(column * depth + k)]};
    return sum;
  }
  // Root of the mean square of what a product misses.
  double error_of(const Words& c) const {
    double squares = 0;
    for (std::int64_t row = 0; row < rows; ++row)
      for (std::int64_t column = 0; column < kColumns; ++column)
        squares += std::pow(double{c.floats()[row * kColumns + column]} - exact(row, column), 2);
    return std::sqrt(squares / static_cast<double>(rows * kColumns));
  }
  Words in_floats(Isa isa) const {
    Words b(depth * kColumns), c(rows * kColumns), none(kColumns);
    for (std::int64_t column = 0; column < kColumns; ++column)
      for (std::int64_t k = 0; k < depth; ++k)
        b.floats()[column / kPanel * kPanel * depth + k * kPanel + column % kPanel] =
            w[static_cast<std::size_t>(column * depth + k)];
    tiles(isa, Word::one,
          {.a = x.data(),
           .a_step = depth,
           .b = b.floats(),
           .b_panel = kPanel * depth,
           .depth = depth,
           .c = c.floats(),
           .c_step = kColumns,
           .start = none.floats()},
          rows);
    return c;
  }
  Words in_units(int a_planes, int b_planes) const {
    const std::int64_t words = (depth + 31) / 32 * kPairStep, step = row_step(a_planes * words);
    Words a(rows * step), b(words / kPairStep * unit_step(b_planes)), c(rows * kColumns),
        none(kColumns);
    for (std::int64_t row = 0; row < rows; ++row)
      to_pairs(x.data() + row * depth, depth, a_planes, words, a.floats() + row * step);
    for (std::int64_t panel = 0; panel < 2; ++panel)
      to_pair_panel(w.data() + panel * kPanel * depth, Number::f32, depth, kPanel, depth, b_planes,
                    unit_step(b_planes), b.floats() + panel * b_planes * kUnit);
    tiles(Isa::amx, Word::pair,
          {.a = a.floats(),
           .a_step = step,
           .b = b.floats(),
           .depth = words,
           .c = c.floats(),
           .c_step = kColumns,
           .start = none.floats(),
           .a_planes = a_planes,
           .a_plane = words,
           .b_planes = b_planes},
          rows);
    return c;
  }
};

TEST(ProductTiles, MatrixUnitsAreAsPreciseAsTheirPlanes) {
  if (best_isa() < Isa::amx) GTEST_SKIP() << "vector code here: " << name_of(best_isa());
  for (const std::int64_t rows : {1, 15, 16, 17, 32, 33, 47, 64, 100}) {
    const Product own(rows, 230);
    const double root = std::sqrt(230.0);
    // One plane keeps 8 bits, two 16, three all; each product misses some 2^-bits of its size.
    EXPECT_LT(own.error_of(own.in_units(1, 1)), root * 0x1p-8) << rows;
    EXPECT_LT(own.error_of(own.in_units(2, 2)), root * 0x1p-16) << rows;
    for (const auto& [a, b] : {std::pair{3, 3}, {3, 2}, {2, 3}})
      EXPECT_LT(own.error_of(own.in_units(a, b)), root * (a == b ? 0x1p-22 : 0x1p-16)) << rows;
    for (const auto& [a, b] : {std::pair{1, 2}, {2, 1}, {1, 3}, {3, 1}})
      EXPECT_LT(own.error_of(own.in_units(a, b)), root * 0x1p-8) << rows;
  }
}

TEST(ProductTiles, ThreePlanesMissNoMoreThanFp32Does) {
  if (best_isa() < Isa::amx) GTEST_SKIP() << "vector code here: " << name_of(best_isa());
  for (const std::int64_t depth : {64, 1152, 4304}) {
    const Product own(33, depth);
    EXPECT_LT(own.error_of(own.in_units(3, 3)), own.error_of(own.in_floats(Isa::avx512))) << depth;
  }
}

}  // namespace
}  // namespace looktwice::kernels
