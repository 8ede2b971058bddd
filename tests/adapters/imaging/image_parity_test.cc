// Decoding, resizing, preprocessing and tiling against what Pillow, transformers and
// Anomaly-OneVision gave: the folders image/ and anomaly_ov/ of the fixtures, whatever their seed
// and sizes.
#include <gtest/gtest.h>

#include <fstream>
#include <span>
#include <string>

#include <nlohmann/json.hpp>

#include "adapters/imaging/anyres.h"
#include "adapters/imaging/codec.h"
#include "adapters/imaging/normalise.h"
#include "adapters/imaging/resize.h"
#include "adapters/imaging/resize_rows.h"
#include "harness/core/hash.h"
#include "tests/adapters/imaging/filter_names.h"
#include "tests/support/files.h"
#include "tests/support/refusal.h"
#include "tests/support/safetensors.h"

namespace looktwice::imaging {
namespace {

using test::bytes_of;
using test::fixture_path;
using test::Safetensors;
using test::Tensor;

nlohmann::json json_of(const std::string& name) {
  std::ifstream in(fixture_path(name));
  return nlohmann::json::parse(in);
}

Image image_of(const Tensor& tensor) {
  return {.width = static_cast<int>(tensor.shape[1]),
          .height = static_cast<int>(tensor.shape[0]),
          .channels = tensor.shape.size() == 3 ? static_cast<int>(tensor.shape[2]) : 1,
          .pixels = tensor.as<std::uint8_t>()};
}

std::vector<float> flat(const ValueTable& table) {
  std::vector<float> values;
  for (const auto& channel : table) values.insert(values.end(), channel.begin(), channel.end());
  return values;
}

TEST(ImageParity, DecodedPixelsEqualPillow) {
  LOOKTWICE_NEEDS_FIXTURE("image/decoded.safetensors");
  const auto codec = make_codec();
  const Safetensors expected(fixture_path("image/decoded.safetensors"));
  EXPECT_FALSE(expected.all().empty());
  for (const auto& [name, tensor] : expected.all()) {
    const Image image = codec->decode(bytes_of(fixture_path("image/files/" + name)));
    ASSERT_EQ(tensor.shape, (std::vector<std::int64_t>{image.height, image.width, 3})) << name;
    EXPECT_EQ(tensor.as<std::uint8_t>(), image.pixels) << name;
  }
}

TEST(ImageParity, ResizedPixelsEqualPillow) {
  LOOKTWICE_NEEDS_FIXTURE("image/manifest.json");
  const Safetensors tensors(fixture_path("image/resize.safetensors"));
  const nlohmann::json cases = json_of("image/manifest.json");
  int count = 0;
  for (const char* list : {"resize", "boxes"})
    for (const auto& wanted : cases.at(list)) {
      const Tensor& source = tensors[wanted.at("src")];
      const Tensor& expected = tensors[wanted.at("out")];
      const Filter filter = filter_named(wanted.at("filter"));
      const int width = wanted.at("width"), height = wanted.at("height");
      ++count;
      if (source.type == "F32") {
        EXPECT_EQ(resized(source.as<float>(), static_cast<int>(source.shape[1]),
                          static_cast<int>(source.shape[0]), width, height, filter),
                  expected.as<float>())
            << wanted.at("out");
        continue;
      }
      std::optional<Box> box;
      if (wanted.contains("box"))
        box = Box{wanted["box"][0], wanted["box"][1], wanted["box"][2], wanted["box"][3]};
      const Image image = image_of(source);
      EXPECT_EQ(resized(image, width, height, filter, box).pixels, expected.as<std::uint8_t>())
          << wanted.at("out");
      EXPECT_EQ(resized_plain(image, width, height, filter, box).pixels,
                expected.as<std::uint8_t>())
          << wanted.at("out");
    }
  EXPECT_GT(count, 0);
}

TEST(ImageParity, ValueTablesEqualTransformers) {
  LOOKTWICE_NEEDS_FIXTURE("image/preprocess.safetensors");
  const Safetensors expected(fixture_path("image/preprocess.safetensors"));
  EXPECT_EQ(flat(value_table(kSiglip)), expected["table.siglip"].as<float>());
  EXPECT_EQ(flat(value_table(kClip)), expected["table.clip"].as<float>());
}

TEST(ImageParity, PreparedPicturesEqualTransformers) {
  LOOKTWICE_NEEDS_FIXTURE("image/manifest.json");
  const auto codec = make_codec();
  int count = 0;
  const nlohmann::json manifest = json_of("image/manifest.json");
  for (const auto& wanted : manifest.at("preprocess")) {
    const std::string what = wanted.at("what");
    if (what.starts_with("qwen2vl")) continue;  // patches are the model's own business
    const auto file = bytes_of(fixture_path("image/" + std::string(wanted.at("picture"))));
    const auto& size = wanted.at("params").at("size");
    const bool cropped = size.contains("shortest_edge");
    const auto& final_size = cropped ? wanted["params"].at("crop_size") : size;
    const int width = final_size.at("width"), height = final_size.at("height");
    ASSERT_EQ(wanted["params"].at("resample"), 3) << "not bicubic";
    const Normalisation normalisation = {wanted["params"].at("image_mean"),
                                         wanted["params"].at("image_std")};
    std::vector<float> values(3 * std::size_t(width) * std::size_t(height));
    if (cropped) {
      const Image image = codec->decode(file);
      const Size fitting = shortest_edge_size(image.width, image.height, size["shortest_edge"]);
      const Image square = centre_crop(
          resized(image, fitting.width, fitting.height, Filter::bicubic), width, height);
      normalise(square, value_table(normalisation), values);
    } else {
      prepare(file, {.width = width, .height = height, .normalisation = normalisation}, values);
      std::vector<float> stepwise(values.size());
      normalise(resized(codec->decode(file), width, height, Filter::bicubic),
                value_table(normalisation), stepwise);
      EXPECT_EQ(stepwise, values);
    }
    EXPECT_EQ(sha256(std::as_bytes(std::span(values))), wanted.at("sha256_f32"))
        << what << " of " << wanted.at("picture");
    ++count;
  }
  EXPECT_GT(count, 0);
}

TEST(AnyresParity, LayoutsEqualTheOriginals) {
  LOOKTWICE_NEEDS_FIXTURE("anomaly_ov/grid_table.json");
  const nlohmann::json table = json_of("anomaly_ov/grid_table.json");
  const std::vector<std::string> columns = table.at("columns");
  ASSERT_EQ(columns.at(7), "resized_height");
  for (const auto& row : table.at("rows")) {
    const AnyresLayout layout = anyres_layout(row[0], row[1]);
    const std::vector<int> found = {
        row[0],      row[1],     layout.grid.width,    layout.grid.height,
        layout.left, layout.top, layout.resized.width, layout.resized.height};
    const std::vector<int> expected(row.begin(), row.begin() + 8);
    EXPECT_EQ(found, expected);
  }
  EXPECT_GT(table.at("rows").size(), 0u);
}

// int(height * scale) is 0 on each grid, so that the original finds none.
TEST(Anyres, WhatIsTooNarrowForAnyGridIsOneError) {
  EXPECT_TRUE(
      testing::names_all(testing::refusal(Kind::data, [] { (void)anyres_layout(2305, 1, 384); }),
                         {"2305x1", "narrow"}));
  EXPECT_EQ(anyres_layout(2304, 1, 384).grid.width, 2304);
}

// NAME.u8_rows and NAME.f32_rows: rows FIRST, FIRST + STEP, ... of every tile, channels first;
// NAME.tiles_u8: all of them.
TEST(AnyresParity, TilesEqualTheOriginalsToTheBit) {
  LOOKTWICE_NEEDS_FIXTURE("anomaly_ov/tiles.safetensors");
  const Safetensors expected(fixture_path("anomaly_ov/tiles.safetensors"));
  struct Rows {
    int first = 0, step = 1;
  };
  const std::map<std::string, Rows> kinds = {
      {"u8_rows", {5, 24}}, {"f32_rows", {5, 96}}, {"tiles_u8", {0, 1}}};
  for (const auto& [key, tensor] : expected.all()) {
    const std::string name = key.substr(0, key.find('.')), kind = key.substr(key.find('.') + 1);
    const auto rows = kinds.find(kind);
    const auto picture = fixture_path("anomaly_ov/images/" + name + ".png");
    if (rows == kinds.end() || !std::filesystem::exists(picture)) continue;
    const auto [first, step] = rows->second;
    const std::vector<Image> tiles = anyres_tiles(make_codec()->decode(bytes_of(picture)));
    ASSERT_EQ(static_cast<std::int64_t>(tiles.size()), tensor.shape[0]) << key;
    std::vector<std::uint8_t> bytes;
    std::vector<float> numbers;
    for (const Image& tile : tiles) {
      std::vector<float> values(tile.pixels.size());
      normalise(tile, value_table(kSiglip), values);
      for (int c = 0; c < 3; ++c)
        for (int y = first, row = 0; row < tensor.shape[2]; y += step, ++row)
          for (int x = 0; x < tile.width; ++x) {
            bytes.push_back(tile.pixels[std::size_t((y * tile.width + x) * 3 + c)]);
            numbers.push_back(values[std::size_t((c * tile.height + y) * tile.width + x)]);
          }
    }
    if (tensor.type == "U8")
      EXPECT_EQ(bytes, tensor.as<std::uint8_t>()) << key;
    else
      EXPECT_EQ(numbers, tensor.as<float>()) << key;
  }
}

}  // namespace
}  // namespace looktwice::imaging
