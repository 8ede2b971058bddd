// The eyes of Qwen2.5-VL against transformers, stage by stage: sizes, values of patches, order of
// windows, each block, features; and the places of tokens. Sizes and seeds are read from the files.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "adapters/imaging/codec.h"
#include "adapters/imaging/resize.h"
#include "adapters/imaging/smart_resize.h"
#include "adapters/nn/device.h"
#include "adapters/nn/prompt.h"
#include "adapters/nn/qwen2_5_vl.h"
#include "harness/core/error.h"
#include "harness/core/hash.h"
#include "tests/support/files.h"
#include "tests/support/safetensors.h"

namespace looktwice::nn {
namespace {

using test::Safetensors;

// The official fixture, and a second checkpoint of other sizes (scripts/golden/omniad_golden.py).
std::vector<std::filesystem::path> folders() {
  return {test::fixture_path("omniad"), test::data_path("omniad_other")};
}

std::int64_t number(const JsonValue& value) {
  return std::atoll(value.text.c_str());
}

at::Tensor tensor(const test::Tensor& stored, at::ScalarType type) {
  return at::from_blob(const_cast<std::byte*>(stored.bytes.data()), stored.shape, type).clone();
}

// Largest difference over the largest expected value.
double difference(const at::Tensor& found, const at::Tensor& expected) {
  if (found.sizes() != expected.sizes()) return 1e9;
  return (found - expected).abs().max().item<double>() / expected.abs().max().item<double>();
}

imaging::PatchRule rule_of(const std::filesystem::path& folder) {
  const JsonValue config = json_file(folder / "checkpoint/preprocessor_config.json");
  return {.min_pixels = number(*config.find("min_pixels")),
          .max_pixels = number(*config.find("max_pixels"))};
}

// A picture of a case, as the manifest says it was made smaller before the model's own resize.
Image shown(const std::filesystem::path& folder, const JsonValue& told) {
  Image image = imaging::make_codec()->decode(test::bytes_of(folder / told.find("image")->text));
  const std::string& resize = told.find("resize")->text;
  imaging::Size size{.width = image.width, .height = image.height};
  // "square512", "fit512", "none"; other fixtures may have other numbers.
  if (resize.starts_with("square"))
    size.width = size.height = std::atoi(resize.c_str() + std::string("square").size());
  if (resize.starts_with("fit"))
    size = imaging::fitted_size(image.width, image.height,
                                std::atoi(resize.c_str() + std::string("fit").size()));
  EXPECT_EQ(std::to_string(size.width), told.find("size_after_resize")->items[0].text);
  EXPECT_EQ(std::to_string(size.height), told.find("size_after_resize")->items[1].text);
  return imaging::resized(image, size.width, size.height, imaging::Filter::bicubic);
}

struct Seen {
  at::Tensor pixels;
  PatchRows grid;
};
Seen seen(const Image& image, const imaging::PatchRule& rule) {
  const imaging::Size size = imaging::smart_size(image.width, image.height, rule);
  const imaging::PatchGrid grid = imaging::patch_grid(size, rule);
  Seen made{.pixels = at::empty({grid.patches(), 3 * rule.frames * rule.patch * rule.patch}),
            .grid = {grid.rows, grid.columns}};
  const Image sized = imaging::resized(image, size.width, size.height, imaging::Filter::bicubic);
  imaging::patch_values(
      sized, imaging::value_table(imaging::kClip), rule,
      {made.pixels.mutable_data_ptr<float>(), static_cast<std::size_t>(made.pixels.numel())});
  return made;
}

std::string hash_of(const void* bytes, std::size_t size) {
  return sha256({static_cast<const char*>(bytes), size});
}

struct Model {
  weights::Checkpoint checkpoint;
  std::unique_ptr<Qwen25VlVision> vision;
};
Model model_of(const std::filesystem::path& folder) {
  use_threads(1);  // tests run beside each other
  const std::filesystem::path path = folder / "checkpoint";
  Model model{.checkpoint = weights::Checkpoint::of_folder(path)};
  const JsonValue config = json_file(path / "config.json");
  Loading loading("checkpoint", model.checkpoint, at::kCPU, at::kFloat);
  for (const char* prefix : {"model.", "lm_head."}) loading.ignore(prefix);
  model.vision = std::make_unique<Qwen25VlVision>(
      loading, qwen2_5_vl_vision_config(*config.find("vision_config"), "config.json"));
  loading.finish();
  return model;
}

TEST(Qwen25VlParity, SizesArePythons) {
  LOOKTWICE_NEEDS_FIXTURE("omniad/resize_table.json");
  const JsonValue table = json_file(test::fixture_path("omniad/resize_table.json"));
  for (const JsonValue& row : table.find("rows")->items) {
    const auto value = [&](std::size_t i) { return static_cast<int>(number(row.items[i])); };
    const imaging::PatchRule rule{.min_pixels = value(2), .max_pixels = value(3)};
    const std::string name = std::to_string(value(0)) + "x" + std::to_string(value(1));
    if (row.items[4].type != JsonValue::Type::array) {
      EXPECT_THROW(imaging::smart_size(value(1), value(0), rule), Error) << name;
      continue;
    }
    const imaging::Size size = imaging::smart_size(value(1), value(0), rule);
    EXPECT_EQ(size.height, number(row.items[4].items[0])) << name;
    EXPECT_EQ(size.width, number(row.items[4].items[1])) << name;
  }
}

TEST(Qwen25VlParity, PatchesAreExact) {
  LOOKTWICE_NEEDS_FIXTURE("omniad/pixels.safetensors");
  for (const auto& folder : folders()) {
    if (!std::filesystem::exists(folder / "manifest.json")) continue;
    const Safetensors expected(folder / "pixels.safetensors");
    const JsonValue manifest = json_file(folder / "manifest.json");
    const imaging::PatchRule rule = rule_of(folder);
    for (const auto& [name, one] : manifest.find("cases")->members) {
      std::vector<at::Tensor> all;
      for (const JsonValue& told : one.find("images")->items) {
        const Image image = shown(folder, told);
        EXPECT_EQ(hash_of(image.pixels.data(), image.pixels.size()),
                  told.find("resized_u8_sha256")->text)
            << name;
        const Seen own = seen(image, rule);
        EXPECT_EQ(own.grid.rows, number(told.find("grid_thw")->items[1])) << name;
        EXPECT_EQ(own.grid.columns, number(told.find("grid_thw")->items[2])) << name;
        EXPECT_EQ(hash_of(own.pixels.const_data_ptr(),
                          static_cast<std::size_t>(own.pixels.numel()) * sizeof(float)),
                  told.find("pixel_values_sha256")->text)
            << name;
        all.push_back(own.pixels);
      }
      if (all.empty()) continue;
      const at::Tensor rows = at::cat(all).slice(0, 0, c10::nullopt, 24);
      EXPECT_TRUE(at::equal(rows, tensor(expected[name + ".rows_every24th"], at::kFloat))) << name;
    }
  }
}

TEST(Qwen25VlParity, EveryStageOfTheVisionModel) {
  LOOKTWICE_NEEDS_FIXTURE("omniad/vision.safetensors");
  int detailed = 0;
  for (const auto& folder : folders()) {
    if (!std::filesystem::exists(folder / "manifest.json")) continue;
    const Model model = model_of(folder);
    const Safetensors expected(folder / "vision.safetensors");
    const JsonValue manifest = json_file(folder / "manifest.json");
    for (const auto& [name, one] : manifest.find("cases")->members) {
      std::vector<at::Tensor> features;
      VisionStages stages;
      PatchRows grid;
      for (const JsonValue& told : one.find("images")->items) {
        const Seen own = seen(shown(folder, told), rule_of(folder));
        grid = own.grid;
        features.push_back(model.vision->features(own.pixels, own.grid, &stages));
      }
      if (features.empty()) continue;
      EXPECT_LT(difference(at::cat(features), tensor(expected[name + ".features"], at::kFloat)),
                2e-5)
          << name;
      if (!expected.all().contains(name + ".window_index")) continue;
      ASSERT_EQ(features.size(), 1u);
      ++detailed;
      const WindowOrder order = window_order(grid, model.vision->config());
      EXPECT_EQ(order.index, expected[name + ".window_index"].as<std::int64_t>());
      EXPECT_EQ(order.bounds, expected[name + ".cu_window_seqlens"].as<std::int64_t>());
      const auto every8th = [](const at::Tensor& x) { return x.slice(0, 0, c10::nullopt, 8); };
      EXPECT_LT(difference(every8th(stages.patch_embed),
                           tensor(expected[name + ".patch_embed.every8th"], at::kFloat)),
                2e-5);
      for (std::size_t i = 0; i < stages.blocks.size(); ++i)
        EXPECT_LT(
            difference(
                every8th(stages.blocks[i]),
                tensor(expected[name + ".block" + std::to_string(i) + ".window_order.every8th"],
                       at::kFloat)),
            2e-5)
            << i;
      EXPECT_LT(
          difference(stages.merged, tensor(expected[name + ".merger.window_order"], at::kFloat)),
          2e-5);
    }
  }
  EXPECT_GT(detailed, 0);
}

// Stretches of a prompt by the ids that the model saw.
std::vector<PromptStretch> stretches_of(const JsonValue& one, std::int32_t image_token) {
  std::vector<PromptStretch> made;
  std::size_t picture = 0;
  for (const JsonValue& run : one.find("input_ids_run_length")->items) {
    const std::int64_t id = number(run.items[0]), count = number(run.items[1]);
    if (id != image_token) {
      made.push_back({.tokens = count});
      continue;
    }
    const JsonValue& grid = *one.find("images")->items[picture++].find("grid_thw");
    made.push_back({.picture = PatchRows{number(grid.items[1]) / 2, number(grid.items[2]) / 2}});
  }
  return made;
}

TEST(Qwen25VlParity, PlacesOnThreeAxes) {
  LOOKTWICE_NEEDS_FIXTURE("omniad/lm.safetensors");
  for (const auto& folder : folders()) {
    if (!std::filesystem::exists(folder / "manifest.json")) continue;
    const Safetensors expected(folder / "lm.safetensors");
    const JsonValue manifest = json_file(folder / "manifest.json");
    const JsonValue config = json_file(folder / "checkpoint/config.json");
    for (const auto& [name, one] : manifest.find("cases")->members) {
      const at::Tensor places = mrope_positions(
          stretches_of(one, static_cast<std::int32_t>(number(*config.find("image_token_id")))));
      EXPECT_TRUE(at::equal(places, tensor(expected[name + ".position_ids"], at::kLong))) << name;
      EXPECT_EQ(places.max().item<std::int64_t>() + 1 - places.size(1),
                number(*one.find("rope_delta")))
          << name;
    }
  }
}

// What is there to go wrong is at the edges: the windows of each grid hold every token once, and
// what one picture's features are hangs on nothing outside it.
TEST(Qwen25VlVision, EveryTokenIsInOneWindow) {
  Qwen25VlVisionConfig config;
  for (std::int64_t rows = 2; rows <= 22; rows += 2)
    for (std::int64_t columns = 2; columns <= 22; columns += 2) {
      const WindowOrder order = window_order({rows, columns}, config);
      std::vector<std::int64_t> sorted = order.index;
      std::ranges::sort(sorted);
      for (std::size_t i = 0; i < sorted.size(); ++i)
        ASSERT_EQ(sorted[i], static_cast<std::int64_t>(i));
      EXPECT_EQ(order.bounds.back(), rows * columns);
      for (std::size_t i = 0; i + 1 < order.bounds.size(); ++i) {
        EXPECT_GT(order.bounds[i + 1], order.bounds[i]);
        EXPECT_LE(order.bounds[i + 1] - order.bounds[i], 64);
      }
    }
}

TEST(Qwen25VlVision, ASizeThatMakesNoSenseIsNamed) {
  const auto refusal = [](const std::string& text) -> std::string {
    try {
      qwen2_5_vl_vision_config(parsed_json(text, "config.json"), "config.json");
    } catch (const Error& error) {
      return error.what();
    }
    return {};
  };
  EXPECT_EQ(refusal("{}"), "");
  EXPECT_NE(refusal(R"({"num_heads":7})").find("num_heads"), std::string::npos);
  EXPECT_NE(refusal(R"({"depth":0})").find("depth"), std::string::npos);
  EXPECT_NE(refusal(R"({"depth":4,"fullatt_block_indexes":[4]})").find("from 0 to 3"),
            std::string::npos);
  EXPECT_NE(refusal(R"({"window_size":13})").find("window_size"), std::string::npos);
  EXPECT_NE(refusal(R"({"hidden_act":"gelu"})").find("hidden_act"), std::string::npos);
}

}  // namespace
}  // namespace looktwice::nn
