#include "adapters/kernels/token_select.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <stdexcept>
#include <vector>

#include "adapters/kernels/device.h"
#include "adapters/kernels/token_select_cases.h"

namespace looktwice::kernels {
namespace {

using Floats = std::vector<float>;

struct Selected {
  Floats query = {}, pooled = {}, token = {}, global = {};
};

Selected room_for(const TokenSelect& shape) {
  const auto places = static_cast<std::size_t>(shape.tiles) * kWindows,
             dims = static_cast<std::size_t>(shape.dims);
  return {Floats(places * dims), Floats(places), Floats(places * dims), Floats(dims)};
}

void expect_near(const Floats& a, const Floats& b, float tolerance, const std::string& what) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i)
    ASSERT_NEAR(a[i], b[i], tolerance * std::max(1.0f, std::abs(b[i]))) << what << " at " << i;
}

TEST(TokenSelect, WindowsOfAnOddGridShareTheirMiddle) {
  // 3 x 3 tokens with the features 1 .. 9 and the map 1 everywhere: windows of 2 x 2.
  const Floats features = {1, 2, 3, 4, 5, 6, 7, 8, 9}, map(9, 1);
  Selected got = room_for({.grid = 3});
  token_pool({.grid = 3}, features.data(), map.data(), got.query.data(), got.pooled.data());
  EXPECT_EQ(got.query, (Floats{3, 4, 6, 7}));
  EXPECT_EQ(got.pooled, (Floats{1, 1, 1, 1}));
}

TEST(TokenSelect, TheQueryFollowsTheMapAndItsDivisionIsAChoice) {
  const Floats features = {1, 2, 3, 4}, map = {0.5f, 0.25f, 1, 0};
  for (const auto run : {token_pool_ref, token_pool_cpu}) {
    Selected got = room_for({.grid = 2});
    run({.grid = 2, .divide = true}, features.data(), map.data(), got.query.data(),
        got.pooled.data());
    EXPECT_EQ(got.pooled, map);
    EXPECT_EQ(got.query[1], 2);
    EXPECT_TRUE(std::isnan(got.query[3])) << "a map of 0 has no mean";
    run({.grid = 2, .divide = false}, features.data(), map.data(), got.query.data(),
        got.pooled.data());
    EXPECT_EQ(got.query, (Floats{0.5f, 0.5f, 3, 0}));
  }
}

TEST(TokenSelect, AttentionIsASoftmaxOverTheTile) {
  // One token says log 3 more than each of the three others: 3 / 6 of the weight.
  const Floats features = {0, 0, 0, 1}, query = {std::log(3.0f), 0, 100, -100};
  for (const auto run : {token_attend_ref, token_attend_cpu}) {
    Selected got = room_for({.grid = 2});
    run({.grid = 2}, features.data(), query.data(), got.token.data());
    EXPECT_NEAR(got.token[0], 0.5, 1e-6);
    EXPECT_NEAR(got.token[1], 0.25, 1e-6);
    EXPECT_NEAR(got.token[2], 1, 1e-6);
    EXPECT_NEAR(got.token[3], 0, 1e-6);
  }
}

TEST(TokenSelect, TheGlobalTokenIsAWeightedMean) {
  const Floats token = {1, 2, 3, 4}, weight = {1, 0, 0, 3};
  Selected got = room_for({.grid = 1});
  token_mean({.grid = 1}, token.data(), weight.data(), got.global.data());
  EXPECT_EQ(got.global, (Floats{3.25f}));
}

TEST(TokenSelect, CpuEqualsReference) {
  for (const TokenSelectCase& own : token_select_cases()) {
    const TokenSelectProblem problem = problem_of(own);
    Selected expected = room_for(own.shape), got = expected;
    token_pool_ref(own.shape, problem.features.data(), problem.map.data(), expected.query.data(),
                   expected.pooled.data());
    token_attend_ref(own.shape, problem.features.data(), problem.query.data(),
                     expected.token.data());
    token_pool(own.shape, problem.features.data(), problem.map.data(), got.query.data(),
               got.pooled.data());
    token_attend(own.shape, problem.features.data(), problem.query.data(), got.token.data());
    expect_near(got.query, expected.query, tolerance_of(own), name_of(own) + " query");
    expect_near(got.pooled, expected.pooled, tolerance_of(own), name_of(own) + " pooled");
    expect_near(got.token, expected.token, tolerance_of(own), name_of(own) + " token");
  }
}

TEST(TokenSelect, EachVectorCodeEqualsTheReference) {
  for (const TokenSelectCase& own : token_select_cases()) {
    const TokenSelectProblem problem = problem_of(own);
    Selected expected = room_for(own.shape);
    token_pool_ref(own.shape, problem.features.data(), problem.map.data(), expected.query.data(),
                   expected.pooled.data());
    token_attend_ref(own.shape, problem.features.data(), problem.query.data(),
                     expected.token.data());
    for (const Isa isa : isas_here()) {
      Selected got = room_for(own.shape);
      token_pool_by(isa, own.shape, problem.features.data(), problem.map.data(), got.query.data(),
                    got.pooled.data());
      token_attend_by(isa, own.shape, problem.features.data(), problem.query.data(),
                      got.token.data());
      const std::string name = name_of(own) + " " + name_of(isa);
      expect_near(got.query, expected.query, tolerance_of(own), name + " query");
      expect_near(got.pooled, expected.pooled, tolerance_of(own), name + " pooled");
      expect_near(got.token, expected.token, tolerance_of(own), name + " token");
    }
  }
}

TEST(TokenSelect, CudaEqualsReference) {
  const Devices devices = cuda_devices();
  if (devices.found.empty()) GTEST_SKIP() << devices.why_none;
  if constexpr (kCudaBuilt)
    for (const TokenSelectCase& own : token_select_cases()) {
      const TokenSelectProblem problem = problem_of(own);
      const Stream stream{.device = Stream::Device::cuda};
      Selected expected = room_for(own.shape), got = expected;
      token_pool_ref(own.shape, problem.features.data(), problem.map.data(), expected.query.data(),
                     expected.pooled.data());
      token_attend_ref(own.shape, problem.features.data(), problem.query.data(),
                       expected.token.data());
      token_mean_ref(own.shape, expected.token.data(), problem.weight.data(),
                     expected.global.data());
      const auto on_device = [](const auto& values) {
        auto made = std::make_unique<DeviceMemory>(values.size() * sizeof values[0]);
        made->copy_from(values.data(), values.size() * sizeof values[0]);
        return made;
      };
      const auto back = [](const DeviceMemory& from, Floats& to) {
        from.copy_to(to.data(), to.size() * sizeof(float));
      };
      const auto features = on_device(problem.features), map = on_device(problem.map),
                 query = on_device(problem.query), weight = on_device(problem.weight);
      const auto query_out = on_device(got.query), pooled = on_device(got.pooled),
                 token = on_device(got.token), global = on_device(got.global);
      token_pool(own.shape, features->as<void>(), map->as<float>(), query_out->as<float>(),
                 pooled->as<float>(), stream);
      token_attend(own.shape, features->as<void>(), query->as<float>(), token->as<float>(), stream);
      token_mean(own.shape, token->as<float>(), weight->as<float>(), global->as<float>(), stream);
      back(*query_out, got.query);
      back(*pooled, got.pooled);
      back(*token, got.token);
      back(*global, got.global);
      expect_near(got.query, expected.query, tolerance_of(own), name_of(own) + " query");
      expect_near(got.pooled, expected.pooled, tolerance_of(own), name_of(own) + " pooled");
      expect_near(got.token, expected.token, tolerance_of(own), name_of(own) + " token");
      expect_near(got.global, expected.global, tolerance_of(own), name_of(own) + " global");
    }
}

TEST(TokenSelect, ShapesOutsideTheLimitsAreRefused) {
  const Floats some(8);
  Selected got = room_for({.grid = 1});
  for (const TokenSelect& shape :
       {TokenSelect{.tiles = 0}, TokenSelect{.tiles = kMostTiles + 1}, TokenSelect{.grid = 0},
        TokenSelect{.grid = kMostGrid + 1}, TokenSelect{.dims = 0}})
    EXPECT_THROW(token_pool(shape, some.data(), some.data(), got.query.data(), got.pooled.data()),
                 std::invalid_argument);
}

}  // namespace
}  // namespace looktwice::kernels
