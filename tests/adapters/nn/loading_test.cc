// Tensors by name and shape; everything wrong told at once.
#include "adapters/nn/loading.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "tests/support/refusal.h"

namespace looktwice::nn {
namespace {

namespace fs = std::filesystem;
using testing::names_all;
using testing::refusal;

// a: F32 [2] = 1, 2; b: BF16 [1, 2] = 1, -2; ids: I64 [1] = 7.
weights::Checkpoint checkpoint() {
  std::string header = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[8,16]},)"
                       R"("b":{"dtype":"BF16","shape":[1,2],"data_offsets":[16,20]},)"
                       R"("ids":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}})";
  while (header.size() % 8 != 0) header += ' ';
  const std::uint64_t length = header.size();
  const float a[] = {1, 2};
  const std::uint16_t b[] = {0x3f80, 0xc000};
  const std::int64_t ids[] = {7};
  const fs::path path = fs::path(::testing::TempDir()) / "loading_test.safetensors";
  std::ofstream out(path, std::ios::binary);
  const auto write = [&](const void* data, std::size_t size) {
    out.write(static_cast<const char*>(data), static_cast<std::streamsize>(size));
  };
  write(&length, sizeof length);
  write(header.data(), header.size());
  write(ids, sizeof ids);
  write(a, sizeof a);
  write(b, sizeof b);
  out.close();
  weights::Checkpoint made = weights::Checkpoint::of_file(path);
  fs::remove(path);  // it stays mapped
  return made;
}

TEST(Loading, FloatingNumbersBecomeWhatIsAskedForAndWholeOnesAreRefused) {
  const auto file = checkpoint();
  Loading loading("test", file, at::kCPU, at::kFloat);
  const at::Tensor a = loading.take("a", {2});
  const at::Tensor b = loading.take("b", {1, 2});
  EXPECT_FALSE(loading.take("ids", {1}).defined());
  EXPECT_FALSE(loading.take_narrow("ids", {1}).defined());
  EXPECT_TRUE(names_all(refusal(Kind::model, [&] { loading.finish(); }),
                        {"of another type: ids I64, expected floating numbers"}));
  EXPECT_EQ(a[1].item<float>(), 2);
  EXPECT_EQ(b.scalar_type(), at::kFloat);
  EXPECT_EQ(b[0][1].item<float>(), -2);
}

TEST(Loading, TensorsOutliveTheCheckpoint) {
  at::Tensor a;
  {
    const auto file = checkpoint();
    Loading loading("test", file, at::kCPU, at::kFloat);
    a = loading.take("a", {2});
  }
  EXPECT_EQ(a[0].item<float>(), 1);
}

TEST(Loading, EverythingWrongIsToldAtOnce) {
  const auto file = checkpoint();
  Loading loading("checkpoint x", file, at::kCPU, at::kFloat);
  EXPECT_FALSE(loading.take("a", {3}).defined());
  EXPECT_FALSE(loading.take("gone", {1}).defined());
  EXPECT_FALSE(loading.take("lost", {1}).defined());
  const std::string error = refusal(Kind::model, [&] { loading.finish(); });
  EXPECT_TRUE(names_all(
      error, {"checkpoint x", "2 missing: gone, lost", "a [2], expected [3]", "2 unknown: b, ids"}))
      << error;
}

TEST(Loading, WhatIsIgnoredIsNotLeftOver) {
  const auto file = checkpoint();
  Loading loading("test", file, at::kCPU, at::kFloat);
  (void)loading.take("a", {2});
  loading.ignore("b");
  loading.ignore("id");
  EXPECT_NO_THROW(loading.finish());
}

}  // namespace
}  // namespace looktwice::nn
