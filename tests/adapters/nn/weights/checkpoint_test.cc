// Folders, shards and their index.
#include "adapters/nn/weights/checkpoint.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstring>
#include <fstream>
#include <string>

#include "tests/support/refusal.h"

namespace looktwice::weights {
namespace {

namespace fs = std::filesystem;
using testing::names_all;
using testing::refusal;

class Checkpoints : public ::testing::Test {
 protected:
  void SetUp() override {
    folder = fs::path(::testing::TempDir()) /
             ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(folder);
    fs::create_directories(folder);
  }
  void TearDown() override { fs::remove_all(folder); }

  void write(const std::string& name, const std::string& content) const {
    std::ofstream(folder / name, std::ios::binary) << content;
  }
  // A file of one tensor of 4 bytes.
  void write_shard(const std::string& name, const std::string& tensor,
                   const std::string& data) const {
    const std::string header =
        R"({")" + tensor + R"(":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})";
    const std::uint64_t length = header.size();
    std::string bytes(sizeof length, '\0');
    std::memcpy(bytes.data(), &length, sizeof length);
    write(name, bytes + header + data);
  }
  std::string refused() const {
    return refusal(Kind::model, [&] { (void)Checkpoint::of_folder(folder); });
  }

  fs::path folder;
};

TEST_F(Checkpoints, OneFileIsFoundInItsFolder) {
  write_shard("model.safetensors", "a", "1234");
  const Checkpoint checkpoint = Checkpoint::of_folder(folder);
  ASSERT_NE(checkpoint.find("a"), nullptr);
  EXPECT_EQ(checkpoint.find("a")->bytes[1], std::byte('2'));
  EXPECT_EQ(checkpoint.find("b"), nullptr);
  EXPECT_EQ(checkpoint.hash().size(), 64u);
}

TEST_F(Checkpoints, ShardsAreOneCheckpoint) {
  write_shard("one.safetensors", "a", "1234");
  write_shard("two.safetensors", "b", "5678");
  write("model.safetensors.index.json",
        R"({"metadata":{},"weight_map":{"a":"one.safetensors","b":"two.safetensors"}})");
  const Checkpoint checkpoint = Checkpoint::of_folder(folder);
  EXPECT_EQ(checkpoint.tensors().size(), 2u);
  EXPECT_EQ(checkpoint.find("b")->bytes[0], std::byte('5'));
  EXPECT_EQ(checkpoint.files().size(), 2u);
}

TEST_F(Checkpoints, WhatTheIndexPromisesMustBeThere) {
  write_shard("one.safetensors", "a", "1234");
  write("model.safetensors.index.json",
        R"({"weight_map":{"a":"one.safetensors","lost":"one.safetensors"}})");
  EXPECT_TRUE(names_all(refused(), {"index.json", "lost"}));
  write("model.safetensors.index.json", R"({"weight_map":{"a":"gone.safetensors"}})");
  EXPECT_TRUE(names_all(refused(), {"gone.safetensors"}));
}

TEST_F(Checkpoints, ATensorInTwoShardsIsRefused) {
  write_shard("one.safetensors", "a", "1234");
  write_shard("two.safetensors", "a", "5678");
  write("model.safetensors.index.json",
        R"({"weight_map":{"a":"one.safetensors","b":"two.safetensors"}})");
  EXPECT_TRUE(names_all(refused(), {"'a'", "two.safetensors"}));
}

TEST_F(Checkpoints, ShardsLieBesideTheirIndex) {
  for (const char* shard :
       {"../one.safetensors", "/etc/passwd", "", "..", "model.safetensors.index.json"}) {
    write("model.safetensors.index.json",
          std::string(R"({"weight_map":{"a":")") + shard + R"("}})");
    EXPECT_NE(refused(), "") << shard;
  }
  for (const char* index : {"{}", "[]", R"({"weight_map":{}})", R"({"weight_map":{"a":1}})", "{"}) {
    write("model.safetensors.index.json", index);
    EXPECT_TRUE(names_all(refused(), {"index.json"})) << index;
  }
}

TEST_F(Checkpoints, ABarePickleIsToldFromSafetensors) {
  write("pretrained_expert.pth",
        "\x80\x02\x8a\x0al\xfc\x9c"
        "F\xf9 j\xa8P\x19.");
  EXPECT_TRUE(names_all(
      refusal(Kind::model, [&] { (void)Checkpoint::of_file(folder / "pretrained_expert.pth"); }),
      {"pretrained_expert.pth", "bare pickle", "safetensors"}));
}

TEST_F(Checkpoints, WhatIsNoFileIsRefusedAtOnce) {
  EXPECT_TRUE(names_all(refused(), {folder.string(), "model.safetensors"}));
  write("model.safetensors", "");
  EXPECT_TRUE(names_all(refused(), {"empty"}));
  fs::remove(folder / "model.safetensors");
  fs::create_directory(folder / "model.safetensors");
  EXPECT_NE(refused(), "");
  fs::remove(folder / "model.safetensors");
  ASSERT_EQ(::mkfifo((folder / "model.safetensors").c_str(), 0600), 0);
  EXPECT_TRUE(names_all(refused(), {"regular"}));
}

}  // namespace
}  // namespace looktwice::weights
