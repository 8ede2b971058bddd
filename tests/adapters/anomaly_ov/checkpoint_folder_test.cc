// What a checkpoint folder must hold, and what is said when it does not.
#include "adapters/anomaly_ov/checkpoint_folder.h"

#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <map>

#include "adapters/anomaly_ov/vision.h"
#include "tests/support/files.h"
#include "tests/support/refusal.h"
#include "tests/support/safetensors.h"

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
  EXPECT_TRUE(names_all(error, {"2 missing", "layers.3.mlp.fc1.weight", "model.image_newline",
                                "2 unknown", "fc9", "oldline"}))
      << error;
}

TEST_F(Folders, WhatDoesNotFitInModelAndExpertIsOneError) {
  replace("model.safetensors", "\"model.image_newline\"", "\"other.image_newline\"");
  replace("anomaly_expert.safetensors", "q_former.key_proj.bias", "q_former.key_proj.bia2");
  const std::string error = refused();
  EXPECT_TRUE(names_all(
      error, {"checkpoint", "1 missing: model.image_newline", "1 unknown: other.image_newline",
              "expert", "1 missing: q_former.key_proj.bias", "q_former.key_proj.bia2"}))
      << error;
}

// Tensors of a file under other names; more: name -> shape, filled with zeros.
void rewrite(const fs::path& from, const fs::path& to,
             const std::function<std::string(const std::string&)>& name_of,
             const std::map<std::string, int>& more = {}) {
  const test::Safetensors file(from);
  std::string header = "{", data;
  const auto add = [&](const std::string& name, const std::string& type, const std::string& shape,
                       const std::string& bytes) {
    header += (header.size() > 1 ? ",\"" : "\"") + name + R"(":{"dtype":")" + type +
              R"(","shape":)" + shape + R"(,"data_offsets":[)" + std::to_string(data.size()) + "," +
              std::to_string(data.size() + bytes.size()) + "]}";
    data += bytes;
  };
  for (const auto& [name, tensor] : file.all()) {
    const std::string renamed = name_of(name);
    if (renamed.empty()) continue;
    std::string shape;
    for (const std::int64_t size : tensor.shape)
      shape += (shape.empty() ? "" : ",") + std::to_string(size);
    add(renamed, tensor.type, "[" + shape + "]",
        {reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size()});
  }
  for (const auto& [name, count] : more)
    add(name, "F32", "[" + std::to_string(count) + "]",
        std::string(4 * static_cast<std::size_t>(count), '\0'));
  header += "}";
  header.resize((header.size() + 7) / 8 * 8, ' ');  // numbers lie aligned behind it
  const std::uint64_t length = header.size();
  std::ofstream(to, std::ios::binary)
      << std::string(reinterpret_cast<const char*>(&length), sizeof length) << header << data;
}

double logit(const FolderOptions& options) {
  Vision vision(checkpoint_folder(options), {});
  Image image{.width = 30, .height = 20, .channels = 3};
  for (int i = 0; i < 30 * 20 * 3; ++i)
    image.pixels.push_back(static_cast<std::uint8_t>(i * 37 % 251));
  return vision.look(tiles_of(image, static_cast<int>(vision.shape().image))).logit;
}

constexpr const char* kTower = "model.vision_tower.vision_tower.";

TEST_F(Folders, TheVisionModelMayLieBesideTheCheckpoint) {
  const double inside = logit({.checkpoint = folder});
  const fs::path siglip = folder / "siglip";
  fs::create_directory(siglip);
  // As the model is published alone: its own prefix, the text model and the two logit numbers.
  rewrite(folder / "model.safetensors", siglip / "model.safetensors",
          [](const std::string& name) {
            return name.starts_with(kTower) ? name.substr(std::string(kTower).size())
                                            : std::string();
          },
          {{"text_model.head.bias", 3}, {"logit_scale", 1}, {"logit_bias", 1}});
  fs::copy(folder / "config.json", siglip / "config.json");
  rewrite(folder / "model.safetensors", folder / "rest.safetensors",
          [](const std::string& name) { return name.starts_with(kTower) ? "" : name; });
  fs::rename(folder / "rest.safetensors", folder / "model.safetensors");
  EXPECT_TRUE(names_all(refused(), {"missing", "vision_tower"})) << "it is not inside any more";
  EXPECT_EQ(logit({.checkpoint = folder, .vision = siglip}), inside);
}

TEST_F(Folders, WhatAFineTunedCheckpointSavesOfTheExpertIsLeftAlone) {
  const double before = logit({.checkpoint = folder});
  rewrite(
      folder / "model.safetensors", folder / "saved.safetensors",
      [](const std::string& name) { return name; },
      {{"anomaly_encoder.positive_embedding", 40}, {"anomaly_encoder.pooling_layer.0.bias", 7}});
  fs::rename(folder / "saved.safetensors", folder / "model.safetensors");
  EXPECT_EQ(logit({.checkpoint = folder}), before) << "the expert's own file decides";
}

TEST_F(Folders, BothNamesOfTheModelTypeAreTaken) {
  const double before = logit({.checkpoint = folder});
  replace("config.json", "\"model_type\": \"llava\"", "\"model_type\": \"llava_qwen\"");
  EXPECT_EQ(logit({.checkpoint = folder}), before);
}

TEST_F(Folders, TheExpertIsHeldToTheSameRules) {
  rewrite(folder / "anomaly_expert.safetensors", folder / "other.safetensors",
          [](const std::string& name) {
            return name == "q_former.key_proj.bias" ? std::string("q_former.key_proj.bias2") : name;
          },
          {{"strange", 2}});
  fs::rename(folder / "other.safetensors", folder / "anomaly_expert.safetensors");
  EXPECT_TRUE(names_all(refused(), {"expert", "1 missing: q_former.key_proj.bias", "2 unknown",
                                    "q_former.key_proj.bias2", "strange"}))
      << refused() << "; a missing tensor must never stay random";
}

}  // namespace
}  // namespace looktwice::anomaly_ov
