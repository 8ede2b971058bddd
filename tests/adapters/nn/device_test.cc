// Names of devices and numbers, and the threads of the CPU.
#include "adapters/nn/device.h"

#include <ATen/Parallel.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <iterator>
#include <mutex>
#include <set>
#include <thread>

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

std::ptrdiff_t threads_of_this_process() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/task"), {});
}

// Compiled without OpenMP, a loop of ours runs on one thread and no one notices.
TEST(Device, LoopsOfOursRunOnTheThreadsOfLibTorch) {
  for (const int asked : {1, 2, 3}) {
    use_threads(asked);
    std::set<std::thread::id> seen;
    std::mutex guard;
    at::parallel_for(0, 3, 1, [&](std::int64_t, std::int64_t) {
      const std::lock_guard held(guard);
      seen.insert(std::this_thread::get_id());
    });
    EXPECT_EQ(seen.size(), static_cast<std::size_t>(asked));
  }
  const std::ptrdiff_t before = threads_of_this_process();
  (void)at::mm(at::ones({500, 500}), at::ones({500, 500}));
  EXPECT_EQ(threads_of_this_process(), before) << "LibTorch has threads of its own";
}

}  // namespace
}  // namespace looktwice::nn
