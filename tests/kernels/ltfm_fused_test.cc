#include "adapters/kernels/ltfm_fused.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <stdexcept>
#include <vector>

#include "adapters/kernels/device.h"
#include "adapters/kernels/ltfm.h"
#include "adapters/kernels/ltfm_fused_cases.h"

namespace looktwice::kernels {
namespace {

TEST(LtfmFused, TheAdaptorTurnsAFeatureToAPrompt) {
  // The weight swaps two axes; the bias pulls the third token to the first prompt.
  const std::vector<float> features = {3, 0, 0, 2, 0, 0}, weight = {0, 1, 1, 0}, bias = {1, 0};
  const std::vector<float> prompts = {1, 0, 0, 1};
  const void* const feature = features.data();
  const void* const own_weight = weight.data();
  const float* const own_bias = bias.data();
  std::vector<float> map(3);
  LtfmFused shape{.tokens = 3, .hidden = 2, .dims = 2};
  shape.scale = 1;
  for (const auto run : {ltfm_fused_ref, ltfm_fused_cpu}) {
    run(shape, &feature, &own_weight, &own_bias, prompts.data(), map.data());
    // e = (0, 3) + (1, 0), (2, 0) + (1, 0), (1, 0)
    EXPECT_NEAR(map[0], 1 / (1 + std::exp((1 - 3) / std::sqrt(10.0))), 1e-6);
    EXPECT_NEAR(map[1], 1 / (1 + std::exp(1.0)), 1e-6);
    EXPECT_NEAR(map[2], 1 / (1 + std::exp(1.0)), 1e-6);
  }
}

TEST(LtfmFused, IsTheProductFollowedByLtfm) {
  const LtfmFusedCase own = ltfm_fused_cases()[4];
  const LtfmFusedProblem problem = problem_of(own);
  const LtfmFused& shape = own.shape;
  ASSERT_EQ(shape.number, Number::f32);
  std::vector<float> features, biases;
  for (int level = 0; level < shape.levels; ++level) {
    const auto at = static_cast<std::size_t>(level);
    const auto* x = reinterpret_cast<const float*>(problem.features[at].data());
    const auto* w = reinterpret_cast<const float*>(problem.weights[at].data());
    for (int row = 0; row < shape.tiles * shape.tokens; ++row)
      for (int d = 0; d < shape.dims; ++d) {
        double sum = 0;
        for (int h = 0; h < shape.hidden; ++h)
          sum += double{x[row * shape.hidden + h]} * w[d * shape.hidden + h];
        features.push_back(static_cast<float>(sum));
      }
    if (own.bias) biases.insert(biases.end(), problem.biases[at].begin(), problem.biases[at].end());
  }
  std::vector<float> expected(problem.rows);
  ltfm_ref({.levels = shape.levels,
            .tiles = shape.tiles,
            .tokens = shape.tokens,
            .dims = shape.dims,
            .selected = shape.selected},
           features.data(), own.bias ? biases.data() : nullptr, problem.prompts.data(),
           expected.data());
  const std::vector<float> map = map_of(own, problem, ltfm_fused_ref);
  for (std::size_t i = 0; i < map.size(); ++i) ASSERT_NEAR(map[i], expected[i], 1e-5) << i;
}

TEST(LtfmFused, CpuEqualsReference) {
  for (const LtfmFusedCase& own : ltfm_fused_cases()) {
    const LtfmFusedProblem problem = problem_of(own);
    const std::vector<float> expected = map_of(own, problem, ltfm_fused_ref),
                             map = map_of(own, problem, ltfm_fused_cpu);
    for (std::size_t i = 0; i < map.size(); ++i)
      ASSERT_NEAR(map[i], expected[i], tolerance_of(own)) << name_of(own) << " row " << i;
  }
}

TEST(LtfmFused, CudaEqualsReferenceThreeTimesOver) {
  const Devices devices = cuda_devices();
  if (devices.found.empty()) GTEST_SKIP() << devices.why_none;
  if constexpr (kCudaBuilt)
    for (const LtfmFusedCase& own : ltfm_fused_cases()) {
      if (const std::string why = ltfm_fused_refusal(own.shape); !why.empty())
        GTEST_SKIP() << devices.found[0].name << ": " << why;
      const LtfmFusedProblem problem = problem_of(own);
      const std::vector<float> expected = map_of(own, problem, ltfm_fused_ref);
      const auto on_device = [](const auto& values) {
        auto made = std::make_unique<DeviceMemory>(values.size() * sizeof values[0]);
        made->copy_from(values.data(), values.size() * sizeof values[0]);
        return made;
      };
      std::vector<std::unique_ptr<DeviceMemory>> kept;
      std::vector<const void*> features, weights;
      std::vector<const float*> biases;
      for (std::size_t level = 0; level < problem.features.size(); ++level) {
        features.push_back(kept.emplace_back(on_device(problem.features[level]))->as<void>());
        weights.push_back(kept.emplace_back(on_device(problem.weights[level]))->as<void>());
        if (own.bias)
          biases.push_back(kept.emplace_back(on_device(problem.biases[level]))->as<float>());
      }
      const auto prompts = on_device(problem.prompts), map_out = on_device(expected);
      std::vector<float> first;
      for (int repeat = 0; repeat < 3; ++repeat) {
        std::vector<float> map(problem.rows, 7);
        map_out->copy_from(map.data(), map.size() * 4);
        ltfm_fused(own.shape, features.data(), weights.data(), own.bias ? biases.data() : nullptr,
                   prompts->as<float>(), map_out->as<float>(), {.device = Stream::Device::cuda});
        map_out->copy_to(map.data(), map.size() * 4);
        for (std::size_t i = 0; i < map.size(); ++i)
          ASSERT_NEAR(map[i], expected[i], tolerance_of(own)) << name_of(own) << " row " << i;
        if (repeat == 0) first = map;
        ASSERT_EQ(map, first) << name_of(own) << " repeat " << repeat;
      }
    }
}

TEST(LtfmFused, AFeatureOfZerosHasNoDirection) {
  const std::vector<float> features = {0, 0}, weight = {1, 0, 0, 1}, prompts = {1, 0, 0, 1};
  const void* const feature = features.data();
  const void* const own_weight = weight.data();
  std::vector<float> map(1);
  ltfm_fused({.hidden = 2, .dims = 2}, &feature, &own_weight, nullptr, prompts.data(), map.data());
  EXPECT_TRUE(std::isnan(map[0]));
}

TEST(LtfmFused, ShapesOutsideTheLimitsAreRefused) {
  const std::vector<float> some(8);
  const void* const rows[9] = {some.data()};
  std::vector<float> map(8);
  for (const LtfmFused& shape :
       {LtfmFused{.levels = 0}, LtfmFused{.levels = kMostFusedLevels + 1}, LtfmFused{.tiles = 0},
        LtfmFused{.tokens = -1}, LtfmFused{.hidden = 0}, LtfmFused{.hidden = kMostFusedWidth + 1},
        LtfmFused{.dims = 0}, LtfmFused{.dims = kMostFusedWidth + 1}, LtfmFused{.selected = 2}})
    EXPECT_THROW(ltfm_fused(shape, rows, rows, nullptr, some.data(), map.data()),
                 std::invalid_argument);
}

TEST(LtfmFused, TheGpuRefusesRowsThatItCannotCopy) {
  EXPECT_NE(ltfm_fused_refusal({.hidden = 9, .dims = 4}), "");
  LtfmFused narrow{.hidden = 12, .dims = 4};
  narrow.number = Number::bf16;
  EXPECT_NE(ltfm_fused_refusal(narrow), "");
}

}  // namespace
}  // namespace looktwice::kernels
