// Products, norms, GELU and attention of the CPU encoder, each way this machine has, against plain
// loops in double; and the encoder of BERT against LibTorch's operations.
#include "adapters/nn/panels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "adapters/nn/bert_rows.h"
#include "adapters/nn/text_rows.h"

namespace looktwice::nn {
namespace {

std::vector<float> normals(std::int64_t count, unsigned seed, float scale = 1) {
  std::mt19937 draw(seed);
  std::normal_distribution<float> normal(0, scale);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = normal(draw);
  return values;
}

Words as_rows(const std::vector<float>& x, std::int64_t rows, std::int64_t size) {
  Words made(rows * row_step(size));
  for (std::int64_t row = 0; row < rows; ++row)
    std::copy_n(x.data() + row * size, size, made.floats() + row * row_step(size));
  return made;
}

// Bound of one number of a product: sums of `in` products of fp32, and in fp16 sums of 64.
double bound_of(std::int64_t in, Factors factors, Isa isa) {
  const double fp32 = 1.2e-7 * static_cast<double>(in) + 1e-6;
  if (layout_of(factors, isa).word != Word::halves) return 4 * fp32;
  // Two roundings to 11 bits of each product of size 1, and the growing sums; the reference rounds
  // to 8 bits instead.
  return 4 * (4e-3 + 5e-4) * std::sqrt(static_cast<double>(in)) + 4e-3 + fp32;
}

TEST(Panels, EqualThePlainProductOnEveryPath) {
  struct Shape {
    std::int64_t rows, out, in;
  };
  for (const Isa isa : isas_here())
    for (const Factors factors : {Factors::fp32, Factors::bf16})
      for (const Shape shape : {Shape{1, 1, 1}, Shape{2, 33, 7}, Shape{15, 64, 32},
                                Shape{29, 40, 65}, Shape{43, 96, 400}, Shape{14, 130, 193}}) {
        const auto x = normals(shape.rows * shape.in, 1), w = normals(shape.out * shape.in, 2),
                   bias = normals(shape.out, 3);
        const Panels panels(w.data(), bias.data(), shape.out, shape.in, factors, isa);
        Words rows = as_rows(x, shape.rows, shape.in), y(shape.rows * row_step(shape.out)), room;
        const FactorRows in = factor_rows(rows.floats(), row_step(shape.in), shape.rows, shape.in,
                                          factors, isa, room);
        panels.times(in.x, in.step, shape.rows, y.floats(), row_step(shape.out));
        std::vector<float> expected(static_cast<std::size_t>(shape.rows * shape.out));
        panels_ref(x.data(), shape.rows, w.data(), bias.data(), shape.out, shape.in, factors,
                   expected.data());
        const double bound = bound_of(shape.in, factors, isa);
        for (std::int64_t row = 0; row < shape.rows; ++row) {
          const float* got = y.floats() + row * row_step(shape.out);
          for (std::int64_t o = 0; o < shape.out; ++o)
            ASSERT_NEAR(got[o], expected[static_cast<std::size_t>(row * shape.out + o)], bound)
                << "isa " << int(isa) << " factors " << int(factors) << " in " << shape.in << " at "
                << row << ", " << o;
          for (std::int64_t o = shape.out; o < panels.columns(); ++o) ASSERT_EQ(got[o], 0) << o;
        }
      }
}

TEST(Panels, ARowIsTheSameWhoeverIsBesideIt) {
  constexpr std::int64_t kRows = 31, kOut = 70, kIn = 300;
  const auto x = normals(kRows * kIn, 4), w = normals(kOut * kIn, 5), bias = normals(kOut, 6);
  for (const Isa isa : isas_here())
    for (const Factors factors : {Factors::fp32, Factors::bf16}) {
      const Panels panels(w.data(), bias.data(), kOut, kIn, factors, isa);
      const std::int64_t step = row_step(kOut);
      Words rows = as_rows(x, kRows, kIn), all(kRows * step), one(step), room;
      const FactorRows in =
          factor_rows(rows.floats(), row_step(kIn), kRows, kIn, factors, isa, room);
      panels.times(in.x, in.step, kRows, all.floats(), step);
      for (std::int64_t row = 0; row < kRows; ++row) {
        panels.times(in.x + row * in.step, in.step, 1, one.floats(), step);
        EXPECT_TRUE(std::equal(one.floats(), one.floats() + kOut, all.floats() + row * step))
            << "isa " << int(isa) << " row " << row;
      }
    }
}

// fp16 has more digits than bf16: its products are nearer to the exact ones.
TEST(Panels, Bf16IsAtLeastThatPrecise) {
  constexpr std::int64_t kRows = 14, kOut = 64, kIn = 1536;
  const auto x = normals(kRows * kIn, 7), w = normals(kOut * kIn, 8);
  std::vector<float> exact(kRows * kOut), rounded(kRows * kOut);
  panels_ref(x.data(), kRows, w.data(), nullptr, kOut, kIn, Factors::fp32, exact.data());
  panels_ref(x.data(), kRows, w.data(), nullptr, kOut, kIn, Factors::bf16, rounded.data());
  double of_bf16 = 0;
  for (std::size_t i = 0; i < exact.size(); ++i)
    of_bf16 += std::pow(static_cast<double>(rounded[i]) - exact[i], 2);
  for (const Isa isa : isas_here()) {
    const Panels panels(w.data(), nullptr, kOut, kIn, Factors::bf16, isa);
    Words rows = as_rows(x, kRows, kIn), y(kRows * row_step(kOut)), room;
    const FactorRows in =
        factor_rows(rows.floats(), row_step(kIn), kRows, kIn, Factors::bf16, isa, room);
    panels.times(in.x, in.step, kRows, y.floats(), row_step(kOut));
    double own = 0;
    for (std::int64_t i = 0; i < kRows * kOut; ++i)
      own += std::pow(static_cast<double>(y.floats()[i / kOut * row_step(kOut) + i % kOut]) -
                          exact[static_cast<std::size_t>(i)],
                      2);
    EXPECT_LE(own, 1.01 * of_bf16) << "isa " << int(isa);
    EXPECT_GT(own, 0);
  }
}

TEST(TextRows, GeluIsThatOfErf) {
  for (const Isa isa : isas_here()) {
    constexpr std::int64_t kSize = 64 * 1024;
    Words x(kSize);
    for (std::int64_t i = 0; i < kSize; ++i)
      x.floats()[i] = (static_cast<float>(i) - kSize / 2) * (20.0f / kSize);
    gelu_rows(x.floats(), kSize, 1, kSize, isa);
    for (std::int64_t i = 0; i < kSize; ++i) {
      const double in = (static_cast<double>(i) - kSize / 2) * (20.0 / kSize);
      ASSERT_NEAR(x.floats()[i], in / 2 * (1 + std::erf(in / std::sqrt(2.0))),
                  3e-7 + 3e-7 * std::fabs(in))
          << in << " isa " << int(isa);
    }
  }
}

TEST(TextRows, NormOfTheSum) {
  for (const Isa isa : isas_here())
    for (const std::int64_t size : {1, 15, 16, 40, 384}) {
      const auto a = normals(3 * size, 9), b = normals(3 * size, 10), weight = normals(size, 11),
                 bias = normals(size, 12);
      Words x = as_rows(a, 3, size), more = as_rows(b, 3, size);
      add_norm_rows(x.floats(), more.floats(), row_step(size), 3, size,
                    {weight.data(), bias.data(), 1e-12}, isa);
      for (std::int64_t row = 0; row < 3; ++row) {
        double mean = 0, square = 0;
        const auto sum = [&](std::int64_t i) {
          return static_cast<double>(a[static_cast<std::size_t>(row * size + i)]) +
                 b[static_cast<std::size_t>(row * size + i)];
        };
        for (std::int64_t i = 0; i < size; ++i) mean += sum(i) / static_cast<double>(size);
        for (std::int64_t i = 0; i < size; ++i)
          square += std::pow(sum(i) - mean, 2) / static_cast<double>(size);
        for (std::int64_t i = 0; i < size && size > 1; ++i)
          ASSERT_NEAR(
              x.floats()[row * row_step(size) + i],
              (sum(i) - mean) / std::sqrt(square + 1e-12) * weight[static_cast<std::size_t>(i)] +
                  bias[static_cast<std::size_t>(i)],
              2e-5)
              << size << " isa " << int(isa);
      }
    }
}

void expect_attention(Isa isa, std::int64_t heads, std::int64_t width, std::int64_t length,
                      bool with_bias, float scale) {
  const std::int64_t size = heads * width;
  const auto qkv = normals(length * 3 * size, 13, scale),
             bias = normals(heads * length * length, 14);
  Words rows = as_rows(qkv, length, 3 * size), out(length * row_step(size));
  AttentionRoom room;
  attend({.heads = heads,
          .width = width,
          .length = length,
          .q = rows.floats(),
          .k = rows.floats() + size,
          .v = rows.floats() + 2 * size,
          .step = row_step(3 * size),
          .bias = with_bias ? bias.data() : nullptr,
          .out = out.floats(),
          .out_step = row_step(size)},
         isa, room);
  const auto at = [&](std::int64_t token, std::int64_t part, std::int64_t head, std::int64_t i) {
    return static_cast<double>(
        qkv[static_cast<std::size_t>(token * 3 * size + part * size + head * width + i)]);
  };
  for (std::int64_t head = 0; head < heads; ++head)
    for (std::int64_t query = 0; query < length; ++query) {
      std::vector<double> weight(static_cast<std::size_t>(length));
      double most = -std::numeric_limits<double>::infinity(), sum = 0;
      for (std::int64_t key = 0; key < length; ++key) {
        double score = 0;
        for (std::int64_t i = 0; i < width; ++i)
          score += at(query, 0, head, i) * at(key, 1, head, i);
        score /= std::sqrt(static_cast<double>(width));
        if (with_bias)
          score += bias[static_cast<std::size_t>((head * length + query) * length + key)];
        weight[static_cast<std::size_t>(key)] = score;
        most = std::max(most, score);
      }
      for (double& w : weight) sum += w = std::exp(w - most);
      for (std::int64_t i = 0; i < width; ++i) {
        double mixed = 0;
        for (std::int64_t key = 0; key < length; ++key)
          mixed += weight[static_cast<std::size_t>(key)] / sum * at(key, 2, head, i);
        ASSERT_NEAR(out.floats()[query * row_step(size) + head * width + i], mixed,
                    2e-5 * static_cast<double>(scale))
            << "isa " << int(isa) << " width " << width << " length " << length;
      }
    }
}

TEST(TextRows, AttentionIsSoftmaxOfScoresTimesValues) {
  for (const Isa isa : isas_here())
    for (const std::int64_t width : {4, 32, 40})
      for (const std::int64_t length : {1, 16, 45, 70, 200})
        for (const bool with_bias : {false, true})
          expect_attention(isa, 3, width, length, with_bias, 1);
  // Scores hundreds apart: what is left out is 0, not nearly so.
  for (const Isa isa : isas_here()) expect_attention(isa, 1, 32, 33, false, 8);
}

// Two layers of random weights.
struct RandomBert {
  static constexpr std::int64_t kHidden = 40, kInner = 72, kHeads = 5;
  std::vector<std::vector<float>> held = {};
  BertWeights weights = {};

  explicit RandomBert(float scale) {
    const auto take = [&](std::int64_t count, float size) {
      held.push_back(normals(count, static_cast<unsigned>(held.size()) + 20, size));
      return held.back().data();
    };
    const Norm norm{take(kHidden, 1), take(kHidden, 1), 1e-12};
    weights = {.hidden = kHidden, .heads = kHeads, .inner = kInner, .embedding_norm = norm};
    weights.words = take(50 * kHidden, 1);
    weights.places = take(300 * kHidden, 1);
    for (int i = 0; i < 2; ++i) {
      BertWeights::Layer layer{.after_attention = norm, .after_mlp = norm};
      layer.qkv = {take(3 * kHidden * kHidden, scale), take(3 * kHidden, scale)};
      layer.attention_out = {take(kHidden * kHidden, scale), take(kHidden, scale)};
      layer.up = {take(kInner * kHidden, scale), take(kInner, scale)};
      layer.down = {take(kHidden * kInner, scale), take(kHidden, scale)};
      weights.layers.push_back(layer);
    }
  }
};

struct Texts {
  std::vector<std::int32_t> ids = {};
  std::vector<std::int64_t> lengths = {};
};
Texts some_texts() {
  Texts texts;
  std::mt19937 draw(17);
  for (const std::int64_t length : {1, 2, 5, 5, 30, 31, 80, 90, 250}) {
    texts.lengths.push_back(length);
    for (std::int64_t i = 0; i < length; ++i)
      texts.ids.push_back(static_cast<std::int32_t>(draw() % 50));
  }
  return texts;
}

TEST(BertRows, EveryPathGivesTheStatesOfThePlainOne) {
  const RandomBert model(0.2f);
  const Texts texts = some_texts();
  const std::size_t numbers = texts.ids.size() * RandomBert::kHidden;
  for (int layers = 0; layers <= 2; ++layers) {
    std::vector<float> plain(numbers), other(numbers);
    BertRows(model.weights, Factors::fp32, Isa::plain)
        .states(texts.ids, texts.lengths, layers, plain.data());
    for (const Isa isa : isas_here())
      for (const Factors factors : {Factors::fp32, Factors::bf16}) {
        BertRows(model.weights, factors, isa)
            .states(texts.ids, texts.lengths, layers, other.data());
        const double bound = factors == Factors::fp32 ? 2e-4 : layers == 0 ? 1e-5 : 0.2;
        for (std::size_t i = 0; i < numbers; ++i)
          ASSERT_NEAR(other[i], plain[i], bound)
              << "isa " << int(isa) << " factors " << int(factors) << " layers " << layers;
      }
  }
}

TEST(BertRows, ATextIsTheSameWhateverIsBesideIt) {
  const RandomBert model(0.2f);
  const Texts texts = some_texts();
  for (const Factors factors : {Factors::fp32, Factors::bf16}) {
    const BertRows rows(model.weights, factors);
    std::vector<float> all(texts.ids.size() * RandomBert::kHidden), one(all);
    rows.states(texts.ids, texts.lengths, 2, all.data(), 3);
    std::size_t begin = 0;
    for (const std::int64_t& length : texts.lengths) {
      const auto tokens = static_cast<std::size_t>(length);
      rows.states(std::span(texts.ids).subspan(begin, tokens), {&length, 1}, 2, one.data());
      EXPECT_TRUE(std::equal(one.data(), one.data() + tokens * RandomBert::kHidden,
                             all.data() + begin * RandomBert::kHidden))
          << length;
      begin += tokens;
    }
  }
}

// Weights of thousands leave the range of fp16 somewhere on the way.
TEST(BertRows, WhatLeavesTheRangeOfFp16IsComputedInBf16) {
  const RandomBert model(3e4f);
  const Texts texts = some_texts();
  const std::size_t numbers = texts.ids.size() * RandomBert::kHidden;
  for (const Isa isa : isas_here()) {
    std::vector<float> states(numbers);
    BertRows(model.weights, Factors::bf16, isa).states(texts.ids, texts.lengths, 2, states.data());
    EXPECT_TRUE(std::ranges::all_of(states, [](float x) { return std::isfinite(x); })) << int(isa);
  }
}

}  // namespace
}  // namespace looktwice::nn
