// Products of many rows against a slow way, for every kind of weight and every form that this
// machine can run.
#include "adapters/nn/many_rows.h"

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <utility>
#include <vector>

#include "adapters/nn/device.h"

namespace looktwice::nn {
namespace {

struct Shape {
  std::int64_t rows, out, in;
};
// Less than a panel, parts of pairs of panels, more than one stretch of the depth, more than one
// block of rows and of pairs.
constexpr Shape kShapes[] = {{1, 1, 1},    {17, 16, 7},    {15, 33, 40}, {130, 31, 193},
                             {20, 64, 16}, {29, 50, 1300}, {9, 300, 65}, {260, 145, 31}};

std::vector<float> normal_numbers(std::int64_t count, std::mt19937& draw) {
  std::normal_distribution<float> normal;
  std::vector<float> made(static_cast<std::size_t>(count));
  for (float& value : made) value = normal(draw);
  return made;
}

template <class Weight>
struct Case {
  Shape shape;
  std::vector<float> x, bias, before;
  std::vector<Weight> weight;

  explicit Case(const Shape& own) : shape(own) {
    std::mt19937 draw(static_cast<unsigned>(shape.in + 7 * shape.out));
    x = normal_numbers(shape.rows * shape.in, draw);
    bias = normal_numbers(shape.out, draw);
    before = normal_numbers(shape.rows * shape.out, draw);
    for (const float value : normal_numbers(shape.out * shape.in, draw))
      weight.push_back(static_cast<Weight>(value));
  }
  std::vector<float> fast(WeightBits bits, bool with_bias, bool add, Then then, Isa isa,
                          Factors factors = Factors::fp32) const {
    std::vector<float> y = before;
    many_row_products(x.data(), shape.rows, shape.in,
                      {{{.weight = weight.data(),
                         .bits = bits,
                         .bias = with_bias ? bias.data() : nullptr,
                         .out = shape.out,
                         .y = y.data()}}},
                      factors, {add, then}, isa);
    return y;
  }
  // In double, one number after the other.
  double slow(std::int64_t row, std::int64_t o, bool with_bias, bool add,
              bool rounded = false) const {
    const auto at = [](std::int64_t i) { return static_cast<std::size_t>(i); };
    double sum = with_bias ? double{bias[at(o)]} : 0.0;
    if (add) sum += double{before[at(row * shape.out + o)]};
    const auto factor = [&](float value) {
      return rounded ? static_cast<float>(c10::BFloat16(value)) : value;
    };
    for (std::int64_t i = 0; i < shape.in; ++i)
      sum += double{factor(x[at(row * shape.in + i)])} *
             double{static_cast<float>(weight[at(o * shape.in + i)])};
    return sum;
  }
};

double gelu(double x) {
  return x / 2 *
         (1 + std::tanh(std::sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
}

template <class Weight>
void expect_equal_to_the_slow_way(WeightBits bits) {
  for (const Shape& shape : kShapes) {
    const Case<Weight> own(shape);
    for (const Isa isa : isas_here())
      for (const bool with_bias : {false, true})
        for (const bool add : {false, true})
          for (const auto& [then, factors] : {std::pair{Then::nothing, Factors::fp32},
                                              {Then::gelu, Factors::fp32},
                                              {Then::gelu, Factors::bf16}}) {
            const bool rounded = factors == Factors::bf16 && isa == Isa::amx;
            const std::vector<float> y = own.fast(bits, with_bias, add, then, isa, factors);
            // Sums of `in` products of size 1, in another order; the gelu's slope is below 1.13.
            const double bound = 4 * 1.2e-7 * static_cast<double>(shape.in) + 2e-6;
            for (std::int64_t row = 0; row < shape.rows; ++row)
              for (std::int64_t o = 0; o < shape.out; ++o) {
                const double sum = own.slow(row, o, with_bias, add, rounded);
                ASSERT_NEAR(y[static_cast<std::size_t>(row * shape.out + o)],
                            then == Then::gelu ? gelu(sum) : sum, bound)
                    << "rows " << shape.rows << ", out " << shape.out << ", in " << shape.in
                    << ", at " << row << " " << o << ", bias " << with_bias << ", add " << add
                    << ", gelu " << (then == Then::gelu) << ", form " << static_cast<int>(isa);
              }
          }
  }
}

TEST(ManyRows, Fp32) {
  expect_equal_to_the_slow_way<float>(WeightBits::fp32);
}
TEST(ManyRows, Bf16) {
  expect_equal_to_the_slow_way<c10::BFloat16>(WeightBits::bf16);
}
TEST(ManyRows, Fp16) {
  expect_equal_to_the_slow_way<c10::Half>(WeightBits::fp16);
}

TEST(ManyRows, ARowHasTheSameBitsWhoeverIsBesideItAndOnAnyNumberOfThreads) {
  const Case<c10::BFloat16> own({261, 77, 1200});
  use_threads(1);
  const auto whole = own.fast(WeightBits::bf16, true, true, Then::gelu, best_isa());
  for (const int threads : {2, 3, 16}) {
    use_threads(threads);
    EXPECT_EQ(own.fast(WeightBits::bf16, true, true, Then::gelu, best_isa()), whole) << threads;
  }
  use_threads(1);
  for (const std::int64_t rows : {1, 13, 130}) {
    Case<c10::BFloat16> part = own;
    part.shape.rows = rows;
    part.before.resize(static_cast<std::size_t>(rows * part.shape.out));
    EXPECT_EQ(part.fast(WeightBits::bf16, true, true, Then::gelu, best_isa()),
              std::vector<float>(whole.begin(), whole.begin() + rows * part.shape.out))
        << rows;
  }
}

TEST(ManyRows, GeluOfLargeNumbersIsThemOrNothing) {
  const float x[] = {-1e30f, -200, -10, 10, 200, 1e30f}, weight[] = {1};
  for (const Isa isa : isas_here()) {
    float y[6];
    many_row_products(x, 6, 1, {{{.weight = weight, .out = 1, .y = y}}}, Factors::fp32,
                      {.then = Then::gelu}, isa);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(std::abs(y[i]), 0) << x[i];
    for (int i = 3; i < 6; ++i) EXPECT_EQ(y[i], x[i]);
  }
}

}  // namespace
}  // namespace looktwice::nn
