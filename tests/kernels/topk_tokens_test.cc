#include "adapters/kernels/topk_tokens.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

#include "adapters/kernels/device.h"
#include "adapters/kernels/topk_tokens_cases.h"

namespace looktwice::kernels {
namespace {
using Kept = std::vector<std::int32_t>;

Kept room_for(const TopkTokens& shape) {
  return Kept(static_cast<std::size_t>(shape.images) * static_cast<std::size_t>(shape.k), -7);
}

Kept reference(const TopkTokens& shape, const std::vector<float>& weight) {
  Kept kept = room_for(shape);
  topk_tokens_ref(shape, weight.data(), kept.data());
  return kept;
}

Kept on_cpu(const TopkTokens& shape, const std::vector<float>& weight) {
  Kept kept = room_for(shape);
  topk_tokens(shape, weight.data(), kept.data());
  return kept;
}

TEST(TopkTokens, AreKeptInTheirOriginalOrder) {
  const std::vector<float> weight = {0.1f, 0.9f, 0.3f, 0.8f, 0.2f};
  EXPECT_EQ(on_cpu({.tokens = 5, .k = 3}, weight), (Kept{1, 2, 3}));
  EXPECT_EQ(reference({.tokens = 5, .k = 3}, weight), (Kept{1, 2, 3}));
}

TEST(TopkTokens, OfEqualWeightTheEarlierIsKept) {
  const std::vector<float> weight = {1, 2, 2, 2, 3, 0.0f, -0.0f, 0.0f};
  EXPECT_EQ(on_cpu({.tokens = 8, .k = 3}, weight), (Kept{1, 2, 4}));
  EXPECT_EQ(on_cpu({.tokens = 8, .k = 7}, weight), (Kept{0, 1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(reference({.tokens = 8, .k = 7}, weight), (Kept{0, 1, 2, 3, 4, 5, 6}));
}

TEST(TopkTokens, EachImageIsItsOwn) {
  const std::vector<float> weight = {1, 2, 3, 30, 20, 10};
  EXPECT_EQ(on_cpu({.images = 2, .tokens = 3, .k = 1}, weight), (Kept{2, 0}));
}

TEST(TopkTokens, CpuEqualsReference) {
  for (const TopkCase& own : topk_cases()) {
    const std::vector<float> weight = weights_of(own);
    EXPECT_TRUE(on_cpu(own.shape, weight) == reference(own.shape, weight)) << name_of(own);
  }
}

TEST(TopkTokens, ANanIsRefusedByItsPlace) {
  const std::vector<float> weight = {1, 2, 3, 4, std::nanf(""), 6};
  Kept kept(2);
  try {
    topk_tokens({.images = 2, .tokens = 3, .k = 1}, weight.data(), kept.data());
    FAIL() << "accepted";
  } catch (const std::invalid_argument& error) {
    EXPECT_STREQ(error.what(), "topk_tokens: weight of token 1 of image 1 is NaN");
  }
}

TEST(TopkTokens, ShapesOutsideTheLimitsAreRefused) {
  const std::vector<float> weight(4);
  Kept kept(8);
  for (const TopkTokens& shape : {TopkTokens{1, 0, 0}, TopkTokens{1, 4, 5}, TopkTokens{1, 4, -1},
                                  TopkTokens{-1, 4, 1}, TopkTokens{1, kMostTokens + 1, 1}})
    EXPECT_THROW(topk_tokens(shape, weight.data(), kept.data()), std::invalid_argument)
        << shape.tokens;
}

TEST(TopkTokens, ACudaStreamWithoutCudaSaysSo) {
  if constexpr (kCudaBuilt)
    GTEST_SKIP() << "built with CUDA";
  else
    EXPECT_THROW(topk_tokens({}, nullptr, nullptr, {.device = Stream::Device::cuda}),
                 std::invalid_argument);
}

// The device's answer to one problem.
Kept on_cuda([[maybe_unused]] const TopkTokens& shape,
             [[maybe_unused]] const std::vector<float>& weight) {
  Kept kept = room_for(shape);
  if constexpr (kCudaBuilt) {
    DeviceMemory device_weight(weight.size() * sizeof(float));
    DeviceMemory device_kept(kept.size() * sizeof(std::int32_t));
    device_weight.copy_from(weight.data(), weight.size() * sizeof(float));
    const Stream stream{.device = Stream::Device::cuda};
    topk_tokens(shape, device_weight.as<float>(), device_kept.as<std::int32_t>(), stream);
    wait_for(stream);
    device_kept.copy_to(kept.data(), kept.size() * sizeof(std::int32_t));
  }
  return kept;
}

class TopkTokensCuda : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const Devices devices = cuda_devices(); devices.found.empty())
      GTEST_SKIP() << devices.why_none;
  }
};

TEST_F(TopkTokensCuda, EqualsReferenceTenTimesOver) {
  for (const TopkCase& own : topk_cases()) {
    const std::vector<float> weight = weights_of(own);
    const Kept expected = reference(own.shape, weight);
    for (int repeat = 0; repeat < 10; ++repeat)
      ASSERT_TRUE(on_cuda(own.shape, weight) == expected) << name_of(own) << " repeat " << repeat;
  }
}

TEST_F(TopkTokensCuda, ANanMarksItsImageAndNoOther) {
  const std::vector<float> weight = {1, 2, 3, 4, std::nanf(""), 6};
  EXPECT_EQ(on_cuda({.images = 2, .tokens = 3, .k = 2}, weight), (Kept{1, 2, kNotKept, kNotKept}));
}
}  // namespace
}  // namespace looktwice::kernels
