#include "adapters/kernels/ltfm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

#include "adapters/kernels/device.h"
#include "adapters/kernels/lanes.h"
#include "adapters/kernels/ltfm_cases.h"

namespace looktwice::kernels {
namespace {

TEST(Ltfm, ATokenOnTheSelectedPromptIsSure) {
  // Unit prompts along two axes: cosines 1 and 0, then 0 and 1, then equal.
  const std::vector<float> features = {3, 0, 0, 5, 2, 2};
  const std::vector<float> prompts = {7, 0, 0, 0.5f};
  std::vector<float> map(3);
  const Ltfm shape{.tokens = 3, .dims = 2, .scale = 1};
  for (const auto run : {ltfm_ref, ltfm_cpu}) {
    run(shape, features.data(), nullptr, prompts.data(), map.data());
    EXPECT_NEAR(map[0], 1 / (1 + std::exp(1.0)), 1e-7);
    EXPECT_NEAR(map[1], 1 / (1 + std::exp(-1.0)), 1e-7);
    EXPECT_NEAR(map[2], 0.5, 1e-7);
  }
}

TEST(Ltfm, LevelsAreAveragedAndTheBiasIsPartOfTheFeature) {
  // Level 0 is sure of the second prompt, level 1 of the first once its bias is added.
  const std::vector<float> features = {0, 1, 0, 1};
  const std::vector<float> bias = {0, 0, 9, -1};
  const std::vector<float> prompts = {1, 0, 0, 1, 1, 0, 0, 1};
  std::vector<float> map(1);
  const Ltfm shape{.levels = 2, .dims = 2};
  for (const auto run : {ltfm_ref, ltfm_cpu}) {
    run(shape, features.data(), bias.data(), prompts.data(), map.data());
    EXPECT_NEAR(map[0], 0.5, 1e-6);
  }
}

TEST(Ltfm, CpuEqualsReference) {
  for (const LtfmCase& own : ltfm_cases()) {
    const LtfmProblem problem = problem_of(own);
    std::vector<float> expected(problem.rows), map(problem.rows, 7);
    ltfm_ref(own.shape, problem.features.data(), problem.bias_or_null(), problem.prompts.data(),
             expected.data());
    ltfm(own.shape, problem.features.data(), problem.bias_or_null(), problem.prompts.data(),
         map.data());
    for (std::size_t i = 0; i < map.size(); ++i)
      ASSERT_NEAR(map[i], expected[i], tolerance_of(own)) << name_of(own) << " token " << i;
  }
}

TEST(Ltfm, CudaEqualsReference) {
  const Devices devices = cuda_devices();
  if (devices.found.empty()) GTEST_SKIP() << devices.why_none;
  if constexpr (kCudaBuilt)
    for (const LtfmCase& own : ltfm_cases()) {
      const LtfmProblem problem = problem_of(own);
      std::vector<float> expected(problem.rows), map(problem.rows, 7);
      ltfm_ref(own.shape, problem.features.data(), problem.bias_or_null(), problem.prompts.data(),
               expected.data());
      DeviceMemory features(problem.features.size()), bias(problem.bias.size() * 4 + 4),
          prompts(problem.prompts.size() * 4), result(map.size() * 4);
      features.copy_from(problem.features.data(), problem.features.size());
      bias.copy_from(problem.bias.data(), problem.bias.size() * 4);
      prompts.copy_from(problem.prompts.data(), problem.prompts.size() * 4);
      ltfm(own.shape, features.as<void>(), own.bias ? bias.as<float>() : nullptr,
           prompts.as<float>(), result.as<float>(), {.device = Stream::Device::cuda});
      result.copy_to(map.data(), map.size() * 4);
      for (std::size_t i = 0; i < map.size(); ++i)
        ASSERT_NEAR(map[i], expected[i], tolerance_of(own)) << name_of(own) << " token " << i;
    }
}

TEST(Ltfm, AFeatureOfZerosHasNoDirection) {
  const std::vector<float> features = {0, 0}, prompts = {1, 0, 0, 1};
  std::vector<float> map(1);
  ltfm({.dims = 2}, features.data(), nullptr, prompts.data(), map.data());
  EXPECT_TRUE(std::isnan(map[0]));
}

TEST(Ltfm, EveryHalfIsReadAsItIs) {
  for (unsigned bits = 0; bits < 0x10000u; ++bits) {
    const unsigned exponent = (bits >> 10) & 31, fraction = bits & 0x3ff;
    double expected = exponent == 31 ? (fraction ? std::numeric_limits<double>::quiet_NaN()
                                                 : std::numeric_limits<double>::infinity())
                      : exponent == 0
                          ? std::ldexp(fraction, -24)
                          : std::ldexp(1024.0 + fraction, static_cast<int>(exponent) - 25);
    if (bits & 0x8000u) expected = -expected;
    const float value = float_of(F16{static_cast<std::uint16_t>(bits)});
    if (std::isnan(expected))
      ASSERT_TRUE(std::isnan(value)) << bits;
    else
      ASSERT_EQ(value, expected) << bits;
  }
}

TEST(Ltfm, ShapesOutsideTheLimitsAreRefused) {
  const std::vector<float> some(8);
  std::vector<float> map(8);
  for (const Ltfm& shape : {Ltfm{.levels = 0}, Ltfm{.tiles = 0}, Ltfm{.tokens = -1},
                            Ltfm{.dims = 0}, Ltfm{.dims = kMostLtfmDims + 1}, Ltfm{.selected = 2}})
    EXPECT_THROW(ltfm(shape, some.data(), nullptr, some.data(), map.data()), std::invalid_argument);
}

}  // namespace
}  // namespace looktwice::kernels
