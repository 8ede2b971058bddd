// The clock of stages: each begins where the one before ends.
#include "adapters/nn/stage_clock.h"

#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <gtest/gtest.h>

#include "adapters/nn/device.h"
#include "harness/core/error.h"

namespace looktwice::nn {
namespace {

void expect_whole(const std::vector<Span>& spans, std::int64_t before, std::int64_t after,
                  std::int64_t slack) {
  ASSERT_EQ(spans.size(), 2u);
  EXPECT_EQ(spans[0].name, "first");
  EXPECT_EQ(spans[1].name, "second");
  EXPECT_GE(spans[0].start_ns, before - slack);
  EXPECT_EQ(spans[1].start_ns, spans[0].start_ns + spans[0].duration_ns);
  EXPECT_LE(spans[1].start_ns + spans[1].duration_ns, after + slack);
  for (const Span& span : spans) EXPECT_GE(span.duration_ns, 0);
}

std::vector<Span> timed(at::Device device) {
  StageClock clock(device);
  at::Tensor big = at::ones({256, 256}, at::TensorOptions(device));
  for (int i = 0; i < 4; ++i) big = at::matmul(big, big).mul(1e-3);
  clock.end("first");
  const at::Tensor small = at::ones({2, 2}, at::TensorOptions(device)).add(1);
  clock.end("second");
  return clock.spans();
}

TEST(StageClock, StagesFollowEachOtherOnTheCpu) {
  const std::int64_t before = steady_ns();
  const std::vector<Span> spans = timed(at::Device(at::kCPU));
  expect_whole(spans, before, steady_ns(), 0);
  EXPECT_GT(spans[0].duration_ns, spans[1].duration_ns);
}

TEST(StageClock, StagesFollowEachOtherOnAGpu) {
  at::Device device(at::kCPU);
  try {
    device = device_named("cuda:0");
  } catch (const Error& error) {
    GTEST_SKIP() << error.what();
  }
  (void)timed(device);  // the library's own start
  const std::int64_t before = steady_ns();
  const std::vector<Span> spans = timed(device);
  expect_whole(spans, before, steady_ns(), 1000000);
}

}  // namespace
}  // namespace looktwice::nn
