// Names of devices and numbers.
#include "adapters/nn/device.h"

#include <gtest/gtest.h>

#include "tests/support/refusal.h"

namespace looktwice::nn {
namespace {

using testing::names_all;
using testing::refusal;

TEST(Device, TheCpuIsAlwaysThere) {
  EXPECT_TRUE(device_named("cpu").is_cpu());
  EXPECT_EQ(stream_of(at::Device(at::kCPU)).device, kernels::Stream::Device::cpu);
}

TEST(Device, OtherWordsAreRefused) {
  for (const char* name : {"", "gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:12345", "cpu:0"})
    EXPECT_TRUE(names_all(refusal(Kind::usage, [&] { (void)device_named(name); }), {"cuda:0"}))
        << name;
}

TEST(Device, AGpuThatIsNotThereIsAnAnswerNotACrash) {
  EXPECT_TRUE(names_all(refusal(Kind::model, [] { (void)device_named("cuda:99"); }), {"cuda:99"}));
}

TEST(Device, NumbersHaveNames) {
  for (const char* name : {"fp32", "bf16", "fp16"})
    EXPECT_STREQ(name_of(number_type_named(name)), name);
  EXPECT_TRUE(
      names_all(refusal(Kind::usage, [] { (void)number_type_named("int8"); }), {"int8", "bf16"}));
}

}  // namespace
}  // namespace looktwice::nn
