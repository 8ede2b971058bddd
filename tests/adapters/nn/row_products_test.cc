// What a decoder does with few rows: each fast way against a slow one, for every kind of weight and
// every form that this machine can run.
#include "adapters/nn/row_products.h"

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "adapters/nn/decoder_rows.h"
#include "adapters/nn/device.h"

namespace looktwice::nn {
namespace {

struct Shape {
  std::int64_t rows, out, in;
};

// Every form that this machine can run.
std::vector<Isa> forms() {
  std::vector<Isa> made;
  for (const Isa isa : {Isa::plain, Isa::avx2, Isa::avx512})
    if (isa <= best_isa()) made.push_back(isa);
  return made;
}

std::vector<float> normal_numbers(std::int64_t count, std::mt19937& draw) {
  std::normal_distribution<float> normal;
  std::vector<float> made(static_cast<std::size_t>(count));
  for (float& value : made) value = normal(draw);
  return made;
}

// In double, one number after the other.
template <class Weight>
std::vector<float> slow(const std::vector<float>& x, const std::vector<Weight>& weight,
                        const std::vector<float>& bias, const Shape& shape) {
  std::vector<float> y;
  for (std::int64_t row = 0; row < shape.rows; ++row)
    for (std::int64_t o = 0; o < shape.out; ++o) {
      double sum = bias.empty() ? 0.0 : double{bias[static_cast<std::size_t>(o)]};
      for (std::int64_t i = 0; i < shape.in; ++i)
        sum += double{x[static_cast<std::size_t>(row * shape.in + i)]} *
               double{static_cast<float>(weight[static_cast<std::size_t>(o * shape.in + i)])};
      y.push_back(static_cast<float>(sum));
    }
  return y;
}

template <class Weight>
void expect_equal_to_the_slow_way(WeightBits bits) {
  for (const Shape shape :
       {Shape{1, 1, 1}, Shape{1, 5, 7}, Shape{2, 33, 32}, Shape{3, 130, 41}, Shape{7, 65, 57},
        Shape{9, 6, 130}, Shape{5, 64, 896}, Shape{1, 300, 1111}})
    for (const Isa isa : forms()) {
      std::mt19937 draw(static_cast<unsigned>(shape.in));
      const std::vector<float> x = normal_numbers(shape.rows * shape.in, draw),
                               bias = normal_numbers(shape.out, draw);
      std::vector<Weight> weight;
      for (const float value : normal_numbers(shape.out * shape.in, draw))
        weight.push_back(static_cast<Weight>(value));
      const std::vector<float> expected = slow(x, weight, bias, shape);
      std::vector<float> fast(expected.size()), alone(fast), added(fast.size(), 2.0f);
      const auto matrix = [&](float* y) {
        return RowMatrix{
            .weight = weight.data(), .bits = bits, .bias = bias.data(), .out = shape.out, .y = y};
      };
      row_products(x.data(), shape.rows, shape.in, {{matrix(fast.data())}}, false, isa);
      row_products(x.data(), shape.rows, shape.in, {{matrix(added.data())}}, true, isa);
      // Sums of `in` products of size 1, in another order.
      const float bound = 4 * 1.2e-7f * static_cast<float>(shape.in) + 1e-6f;
      for (std::size_t i = 0; i < fast.size(); ++i) {
        ASSERT_NEAR(fast[i], expected[i], bound)
            << "rows " << shape.rows << ", in " << shape.in << ", at " << i << ", form "
            << static_cast<int>(isa);
        ASSERT_EQ(added[i], 2.0f + fast[i]);
      }
      // A row's result is the same to the last bit whoever is beside it.
      for (std::int64_t row = 0; row < shape.rows; ++row)
        row_products(x.data() + row * shape.in, 1, shape.in,
                     {{matrix(alone.data() + row * shape.out)}}, false, isa);
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
  row_products(x, 1, 2, {{{.weight = weight, .out = 2, .y = y}}});
  EXPECT_EQ(y[0], 11);
  EXPECT_EQ(y[1], 17);
}

TEST(RowProducts, SeveralMatricesAtOnceAreAsOneByOne) {
  std::mt19937 draw(5);
  const std::int64_t rows = 3, in = 70;
  const std::vector<float> x = normal_numbers(rows * in, draw);
  const std::int64_t outs[] = {90, 7, 33};
  std::vector<std::vector<float>> weights, together, alone;
  std::vector<RowMatrix> matrices;
  for (const std::int64_t out : outs) {
    weights.push_back(normal_numbers(out * in, draw));
    together.emplace_back(static_cast<std::size_t>(rows * out));
    alone.push_back(together.back());
    matrices.push_back({.weight = weights.back().data(), .out = out, .y = together.back().data()});
  }
  row_products(x.data(), rows, in, matrices);
  for (std::size_t m = 0; m < matrices.size(); ++m) {
    matrices[m].y = alone[m].data();
    row_products(x.data(), rows, in, {{matrices[m]}});
    EXPECT_EQ(together[m], alone[m]) << m;
  }
}

TEST(RowProducts, GatesAreSiluTimesUp) {
  for (const Isa isa : forms()) {
    std::mt19937 draw(6);
    const std::int64_t rows = 2, in = 40, out = 131;
    const std::vector<float> x = normal_numbers(rows * in, draw),
                             gate = normal_numbers(out * in, draw),
                             up = normal_numbers(out * in, draw);
    std::vector<float> y(static_cast<std::size_t>(rows * out));
    gated_products(x.data(), rows, in, {.weight = gate.data(), .out = out},
                   {.weight = up.data(), .out = out}, y.data(), isa);
    const auto gates = slow(x, gate, {}, {rows, out, in}), ups = slow(x, up, {}, {rows, out, in});
    for (std::size_t i = 0; i < y.size(); ++i)
      ASSERT_NEAR(y[i], gates[i] / (1 + std::exp(-gates[i])) * ups[i], 1e-3) << i;
  }
}

// Large enough to be divided among threads, at places that are no whole blocks of the loops.
TEST(RowProducts, AnyNumberOfThreadsGivesTheSameBits) {
  std::mt19937 draw(9);
  const std::int64_t rows = 2, in = 417, out = 1031;
  const std::vector<float> x = normal_numbers(rows * in, draw),
                           first = normal_numbers(out * in, draw),
                           second = normal_numbers(out * in, draw);
  std::vector<std::vector<float>> made;
  for (const int threads : {1, 2, 3, 5}) {
    use_threads(threads);
    std::vector<float>& y = made.emplace_back(static_cast<std::size_t>(3 * rows * out));
    row_products(x.data(), rows, in,
                 {{{.weight = first.data(), .out = out, .y = y.data()},
                   {.weight = second.data(), .out = out, .y = y.data() + rows * out}}});
    gated_products(x.data(), rows, in, {.weight = first.data(), .out = out},
                   {.weight = second.data(), .out = out}, y.data() + 2 * rows * out);
    EXPECT_EQ(y, made.front()) << threads << " threads";
  }
  use_threads(1);
}

TEST(RowProducts, WideningLosesNothing) {
  for (const Isa isa : forms())
    for (const std::int64_t count : {1, 15, 16, 1000}) {
      std::mt19937 draw(7);
      std::vector<c10::BFloat16> narrow;
      std::vector<float> expected, wide(static_cast<std::size_t>(count));
      for (const float value : normal_numbers(count, draw)) {
        narrow.push_back(static_cast<c10::BFloat16>(value));
        expected.push_back(static_cast<float>(narrow.back()));
      }
      widen(narrow.data(), WeightBits::bf16, count, wide.data(), isa);
      EXPECT_EQ(wide, expected);
    }
}

TEST(DecoderRows, AttentionIsSoftmaxOverTheText) {
  for (const Isa isa : forms())
    for (const HeadShape& shape :
         {HeadShape{4, 2, 64}, HeadShape{6, 1, 24}, HeadShape{2, 2, 128}}) {
      std::mt19937 draw(8);
      const std::int64_t room = 700, group = shape.heads / shape.kv_heads;
      const auto keys = normal_numbers(shape.kv_heads * room * shape.size, draw),
                 values = normal_numbers(shape.kv_heads * room * shape.size, draw),
                 q = normal_numbers(3 * shape.heads * shape.size, draw);
      const std::int64_t lengths[] = {1, 256, 613};
      const auto width = static_cast<std::size_t>(shape.heads * shape.size);
      std::vector<float> y(3 * width), alone(y);
      std::vector<Glance> glances;
      for (std::size_t t = 0; t < 3; ++t)
        glances.push_back({.q = q.data() + t * width,
                           .keys = keys.data(),
                           .values = values.data(),
                           .room = room,
                           .length = lengths[t],
                           .y = y.data() + t * width});
      attend(glances, shape, isa);
      for (std::size_t t = 0; t < 3; ++t)
        for (std::int64_t head = 0; head < shape.heads; ++head) {
          const float* own = glances[t].q + head * shape.size;
          const float* from = keys.data() + head / group * room * shape.size;
          const float* of = values.data() + head / group * room * shape.size;
          std::vector<double> sum(static_cast<std::size_t>(shape.size));
          double all = 0;
          for (std::int64_t i = 0; i < lengths[t]; ++i) {
            double score = 0;
            for (std::int64_t d = 0; d < shape.size; ++d)
              score += double{own[d]} * from[i * shape.size + d];
            const double weight = std::exp(score / std::sqrt(static_cast<double>(shape.size)));
            all += weight;
            for (std::int64_t d = 0; d < shape.size; ++d)
              sum[static_cast<std::size_t>(d)] += weight * of[i * shape.size + d];
          }
          for (std::int64_t d = 0; d < shape.size; ++d)
            ASSERT_NEAR(glances[t].y[head * shape.size + d], sum[static_cast<std::size_t>(d)] / all,
                        2e-5)
                << "length " << lengths[t] << ", head " << head << ", form "
                << static_cast<int>(isa);
        }
      for (std::size_t t = 0; t < 3; ++t) {
        Glance one = glances[t];
        one.y = alone.data() + t * width;
        attend({&one, 1}, shape, isa);
      }
      EXPECT_EQ(y, alone);
    }
}

TEST(DecoderRows, NormOfRows) {
  const float x[] = {3, 4, 0, 0, 1, 1, 1, 1}, weight[] = {1, 2, 3, 4};
  float y[8];
  rms_norm_rows(x, 2, 4, weight, 0, y);
  EXPECT_FLOAT_EQ(y[0], 1.2f);  // mean of squares 25 / 4
  EXPECT_FLOAT_EQ(y[1], 3.2f);
  EXPECT_FLOAT_EQ(y[6], 3);
}

TEST(DecoderRows, RotationTurnsPairsOfEachHead) {
  float x[] = {1, 0, 0, 2, 0, 5, 1, 0};  // one row, two heads of four
  const float cos[] = {0, 1}, sin[] = {1, 0};
  rotate_rows(x, 1, 2, 4, cos, sin);
  // Pair 0 turns by 90 degrees, pair 1 stays.
  EXPECT_EQ(std::vector<float>(x, x + 8), (std::vector<float>{0, 0, 1, 2, -1, 5, 0, 0}));
}

}  // namespace
}  // namespace looktwice::nn
