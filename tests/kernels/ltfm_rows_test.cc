#include "adapters/kernels/ltfm_rows.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "adapters/kernels/ltfm_fused_cases.h"

namespace looktwice::kernels {
namespace {

std::vector<float> map_by(Isa isa, const LtfmFusedCase& own, const LtfmFusedProblem& problem,
                          std::size_t rows_at_once) {
  const LtfmFused& shape = own.shape;
  std::vector<float> map(problem.rows);
  Words room;
  for (int level = 0; level < shape.levels; ++level) {
    const auto at = static_cast<std::size_t>(level);
    const LtfmRows rows(problem.weights[at].data(), shape.number,
                        own.bias ? problem.biases[at].data() : nullptr, shape.dims, shape.hidden,
                        shape.number, isa);
    const LtfmRows::Against against =
        rows.against(problem.prompts.data() + 2 * std::ptrdiff_t{level} * shape.dims,
                     shape.selected, shape.scale);
    for (std::size_t first = 0; first < problem.rows; first += rows_at_once) {
      const std::size_t count = std::min(rows_at_once, problem.rows - first);
      const std::size_t row_bytes = static_cast<std::size_t>(shape.hidden) * bytes_of(shape.number);
      rows.add(problem.features[at].data() + first * row_bytes, static_cast<std::int64_t>(count),
               against, 1.0f / static_cast<float>(shape.levels), map.data() + first, room);
    }
  }
  return map;
}

TEST(LtfmRows, EachVectorCodeEqualsTheReference) {
  for (const LtfmFusedCase& own : ltfm_fused_cases()) {
    const LtfmFusedProblem problem = problem_of(own);
    const std::vector<float> expected = map_of(own, problem, ltfm_fused_ref);
    for (const Isa isa : isas_here()) {
      const std::vector<float> map = map_by(isa, own, problem, problem.rows);
      for (std::size_t i = 0; i < map.size(); ++i)
        ASSERT_NEAR(map[i], expected[i], tolerance_of(own))
            << name_of(isa) << " " << name_of(own) << " row " << i;
    }
  }
}

TEST(LtfmRows, ARowHasTheSameBitsWhateverRowsAreBesideIt) {
  for (const std::size_t at : {5u, 12u, 22u}) {
    const LtfmFusedCase own = ltfm_fused_cases()[at];
    const LtfmFusedProblem problem = problem_of(own);
    for (const Isa isa : isas_here()) {
      const std::vector<float> all = map_by(isa, own, problem, problem.rows);
      for (const std::size_t rows_at_once : {1u, 13u, 14u, 113u})
        ASSERT_EQ(map_by(isa, own, problem, rows_at_once), all)
            << name_of(isa) << " " << name_of(own) << " in shares of " << rows_at_once;
    }
  }
}

// Widths that are whole powers of two, longer than a stretch of the depth and a block of rows.
TEST(LtfmRows, LongRowsEqualTheReference) {
  LtfmFusedCase own{.bias = true, .seed = 77};
  own.shape = {.tiles = 1, .tokens = 131, .hidden = 1024, .dims = 64};
  const LtfmFusedProblem problem = problem_of(own);
  const std::vector<float> expected = map_of(own, problem, ltfm_fused_ref);
  for (const Isa isa : isas_here()) {
    const std::vector<float> map = map_by(isa, own, problem, problem.rows);
    for (std::size_t i = 0; i < map.size(); ++i)
      ASSERT_NEAR(map[i], expected[i], tolerance_of(own)) << name_of(isa) << " row " << i;
  }
}

TEST(LtfmRows, ZerosAtTheLeftCostNothingAndChangeNothing) {
  LtfmFusedCase own{.bias = true, .seed = 5};
  own.shape = {.tiles = 1, .tokens = 30, .hidden = 80, .dims = 70};
  LtfmFusedProblem problem = problem_of(own);
  std::vector<float> weight(70 * 80);
  std::memcpy(weight.data(), problem.weights[0].data(), weight.size() * 4);
  for (std::size_t d = 0; d < 70; ++d) std::fill_n(weight.begin() + 80 * d, d, 0.0f);
  std::fill(weight.begin() + 64 * 80, weight.end(), 0.0f);  // the last rows: all of them zeros
  std::memcpy(problem.weights[0].data(), weight.data(), weight.size() * 4);
  const LtfmRows rows(weight.data(), Number::f32, nullptr, 70, 80, Number::f32, Isa::plain);
  EXPECT_EQ(rows.products_per_row(), 32 * 80 + 32 * (80 - 32));
  const std::vector<float> expected = map_of(own, problem, ltfm_fused_ref);
  for (const Isa isa : isas_here()) {
    const std::vector<float> map = map_by(isa, own, problem, problem.rows);
    for (std::size_t i = 0; i < map.size(); ++i)
      ASSERT_NEAR(map[i], expected[i], tolerance_of(own)) << name_of(isa) << " row " << i;
  }
}

// Weights of all 24 bits, as a turned matrix has them, and as many columns as the model: what the
// planes of matrix units leave out must not be seen.
TEST(LtfmRows, WeightsInFewerBitsHardlyMoveTheMap) {
  constexpr std::int64_t kRows = 96, kDims = 512, kHidden = 1152;
  RandomNumbers random(11);
  const std::vector<float> weight = random.floats(kDims * kHidden),
                           prompts = random.floats(2 * kDims);
  for (const Number number : {Number::f32, Number::f16, Number::bf16}) {
    const std::vector<std::byte> features = random.stored(kRows * kHidden, number);
    const auto map_of = [&](Isa isa) {
      const LtfmRows rows(weight.data(), Number::f32, nullptr, kDims, kHidden, number, isa);
      std::vector<float> map(kRows);
      Words room;
      rows.add(features.data(), kRows, rows.against(prompts.data()), 1, map.data(), room);
      return map;
    };
    const std::vector<float> expected = map_of(Isa::plain);
    for (const Isa isa : isas_here()) {
      const std::vector<float> map = map_of(isa);
      const float bound = isa == Isa::amx && number == Number::bf16 ? 1e-4f : 1e-6f;
      for (std::size_t i = 0; i < map.size(); ++i)
        ASSERT_NEAR(map[i], expected[i], bound) << name_of(isa) << " " << name_of(number);
    }
  }
}

TEST(LtfmRows, AFeatureOfZerosHasNoDirection) {
  const std::vector<float> features = {0, 0}, weight = {1, 0, 0, 1}, prompts = {1, 0, 0, 1};
  Words room;
  for (const Isa isa : isas_here()) {
    float map = 0;
    const LtfmRows rows(weight.data(), Number::f32, nullptr, 2, 2, Number::f32, isa);
    rows.add(features.data(), 1, rows.against(prompts.data()), 1, &map, room);
    EXPECT_TRUE(std::isnan(map)) << name_of(isa);
  }
}

}  // namespace
}  // namespace looktwice::kernels
