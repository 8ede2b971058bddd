// What a checkpoint folder must hold, and what is said when it does not.
#include "adapters/anomaly_ov/checkpoint_folder.h"

#include <gtest/gtest.h>

#include <fstream>

#include "adapters/anomaly_ov/vision.h"
#include "tests/support/files.h"
#include "tests/support/refusal.h"

namespace looktwice::anomaly_ov {
namespace {

namespace fs = std::filesystem;
using testing::names_all;
using testing::refusal;

class Folders : public ::testing::Test {
 protected:
  void SetUp() override {
    folder = fs::path(::testing::TempDir()) /
             ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(folder);
    fs::copy(test::data_path("anomaly_ov_other/checkpoint"), folder, fs::copy_options::recursive);
  }
  void TearDown() override { fs::remove_all(folder); }

  void replace(const std::string& name, const std::string& from, const std::string& to) const {
    std::ifstream in(folder / name, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(in), {}};
    const std::size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    std::ofstream(folder / name, std::ios::binary) << text.replace(at, from.size(), to);
  }
  std::string refused() const {
    return refusal(Kind::model,
                   [&] { const Vision vision(checkpoint_folder({.checkpoint = folder}), {}); });
  }

  fs::path folder;
};

TEST_F(Folders, SizesComeFromTheConfiguration) {
  const CheckpointFolder found = checkpoint_folder({.checkpoint = folder});
  EXPECT_EQ(found.vision_shape.hidden, 24);
  EXPECT_EQ(found.vision_shape.heads, 3);
  EXPECT_EQ(found.vision_shape.tokens(), 14 * 14);
  EXPECT_EQ(found.language_hidden, 16);
  EXPECT_EQ(refused(), "");
}

TEST_F(Folders, NoCheckpointIsAQuestionOfUsage) {
  EXPECT_TRUE(
      names_all(refusal(Kind::usage, [] { (void)checkpoint_folder({}); }), {"checkpoint=DIR"}));
  fs::remove_all(folder);
  EXPECT_TRUE(names_all(refused(), {folder.string()}));
}

TEST_F(Folders, TheExpertMayLieElsewhere) {
  const fs::path other = folder / "elsewhere.safetensors";
  fs::rename(folder / "anomaly_expert.safetensors", other);
  EXPECT_TRUE(
      names_all(refused(), {"anomaly_expert.safetensors", "pretrained_expert", "expert=FILE"}));
  EXPECT_NO_THROW((void)checkpoint_folder({.checkpoint = folder, .expert = other}));
}

TEST_F(Folders, AConfigurationThatLiesIsRefusedByItsName) {
  replace("config.json", "\"mm_hidden_size\": 24", "\"mm_hidden_size\": 25");
  EXPECT_TRUE(names_all(refused(), {"config.json", "mm_hidden_size", "24"}));
  replace("config.json", "\"mm_hidden_size\": 25", "\"mm_hidden_size\": \"x\"");
  EXPECT_TRUE(names_all(refused(), {"mm_hidden_size", "whole number"}));
  replace("config.json", "\"mm_hidden_size\": \"x\"", "\"mm_hidden_size\": 24");
  replace("config.json", "\"num_attention_heads\": 3", "\"num_attention_heads\": 5");
  EXPECT_TRUE(names_all(refused(), {"heads 5"}));
}

TEST_F(Folders, OtherGridsThanTheThirtySixAreRefused) {
  replace("config.json", "200,\n   400", "200,\n   401");
  EXPECT_TRUE(names_all(refused(), {"image_grid_pinpoints"}));
}

TEST_F(Folders, AllThatDoesNotFitIsToldAtOnce) {
  replace("model.safetensors", "layers.3.mlp.fc1.weight", "layers.3.mlp.fc9.weight");
  replace("model.safetensors", "\"model.image_newline\"", "\"model.image_oldline\"");
  const std::string error = refused();
  EXPECT_TRUE(names_all(
      error, {"2 missing", "layers.3.mlp.fc1.weight", "model.image_newline", "1 unknown", "fc9"}))
      << error;
}

}  // namespace
}  // namespace looktwice::anomaly_ov
