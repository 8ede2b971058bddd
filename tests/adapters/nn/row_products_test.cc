// Few rows times a large matrix: the fast way against the slow one, for every kind of weight.
#include "adapters/nn/row_products.h"

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace looktwice::nn {
namespace {

struct Shape {
  std::int64_t rows, out, in;
};

template <class Weight>
void expect_equal_to_the_slow_way(WeightBits bits) {
  for (const Shape shape :
       {Shape{1, 1, 1}, Shape{1, 5, 7}, Shape{2, 33, 32}, Shape{3, 130, 41}, Shape{5, 64, 896}}) {
    std::mt19937 draw(static_cast<unsigned>(shape.in));
    std::normal_distribution<float> normal;
    std::vector<float> x(static_cast<std::size_t>(shape.rows * shape.in)),
        bias(static_cast<std::size_t>(shape.out));
    std::vector<Weight> weight(static_cast<std::size_t>(shape.out * shape.in));
    for (float& value : x) value = normal(draw);
    for (float& value : bias) value = normal(draw);
    for (Weight& value : weight) value = static_cast<Weight>(normal(draw));
    std::vector<float> fast(static_cast<std::size_t>(shape.rows * shape.out)), slow(fast),
        alone(fast);
    row_products(x.data(), shape.rows, weight.data(), bits, bias.data(), shape.out, shape.in,
                 fast.data());
    row_products_ref(x.data(), shape.rows, weight.data(), bits, bias.data(), shape.out, shape.in,
                     slow.data());
    // Sums of `in` products of size 1, in another order.
    const float bound = 4 * 1.2e-7f * static_cast<float>(shape.in) + 1e-6f;
    for (std::size_t i = 0; i < fast.size(); ++i)
      ASSERT_NEAR(fast[i], slow[i], bound) << shape.in << " at " << i;
    // A row's result is the same to the last bit whoever is beside it.
    for (std::int64_t row = 0; row < shape.rows; ++row)
      row_products(x.data() + row * shape.in, 1, weight.data(), bits, bias.data(), shape.out,
                   shape.in, alone.data() + row * shape.out);
    EXPECT_EQ(fast, alone);
  }
}

TEST(RowProducts, Fp32) {
  expect_equal_to_the_slow_way<float>(WeightBits::fp32);
}
TEST(RowProducts, Bf16) {
  expect_equal_to_the_slow_way<c10::BFloat16>(WeightBits::bf16);
}
TEST(RowProducts, Fp16) {
  expect_equal_to_the_slow_way<c10::Half>(WeightBits::fp16);
}

TEST(RowProducts, WithoutBias) {
  const float x[] = {1, 2}, weight[] = {3, 4, 5, 6};
  float y[2];
  row_products(x, 1, weight, WeightBits::fp32, nullptr, 2, 2, y);
  EXPECT_EQ(y[0], 11);
  EXPECT_EQ(y[1], 17);
}

TEST(RowProducts, NormOfRows) {
  const float x[] = {3, 4, 0, 0, 1, 1, 1, 1}, weight[] = {1, 2, 3, 4};
  float y[8];
  rms_norm_rows(x, 2, 4, weight, 0, y);
  EXPECT_FLOAT_EQ(y[0], 1.2f);  // mean of squares 25 / 4
  EXPECT_FLOAT_EQ(y[1], 3.2f);
  EXPECT_FLOAT_EQ(y[6], 3);
}

TEST(RowProducts, RotationTurnsPairsOfEachHead) {
  float x[] = {1, 0, 0, 2, 0, 5, 1, 0};  // one row, two heads of four
  const float cos[] = {0, 1}, sin[] = {1, 0};
  rotate_rows(x, 1, 2, 4, cos, sin);
  // Pair 0 turns by 90 degrees, pair 1 stays.
  EXPECT_EQ(std::vector<float>(x, x + 8), (std::vector<float>{0, 0, 1, 2, -1, 5, 0, 0}));
}

}  // namespace
}  // namespace looktwice::nn
