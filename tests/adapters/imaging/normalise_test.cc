// Values for a network against those of transformers, to the bit.
#include "adapters/imaging/normalise.h"

#include <gtest/gtest.h>

#include <fstream>

#include <nlohmann/json.hpp>

#include "adapters/imaging/codec.h"
#include "harness/core/hash.h"
#include "tests/support/files.h"
#include "tests/support/safetensors.h"

namespace looktwice::imaging {
namespace {

using test::bytes_of;
using test::data_path;

std::vector<float> flat(const ValueTable& table) {
  std::vector<float> values;
  for (const auto& channel : table) values.insert(values.end(), channel.begin(), channel.end());
  return values;
}

TEST(Normalise, TablesEqualTransformers) {
  const test::Safetensors expected(data_path("image/preprocess.safetensors"));
  EXPECT_EQ(flat(value_table(kSiglip)), expected["table.siglip"].as<float>());
  EXPECT_EQ(flat(value_table(kClip)), expected["table.clip"].as<float>());
}

TEST(Normalise, PreparedPicturesEqualTransformers) {
  std::ifstream in(data_path("image/manifest.json"));
  const nlohmann::json manifest = nlohmann::json::parse(in);
  const auto codec = make_codec();
  int count = 0;
  for (const auto& wanted : manifest.at("preprocess")) {
    const std::string what = wanted.at("what");
    if (what.starts_with("qwen2vl")) continue;  // patches are the model's own business
    const auto file = bytes_of(data_path("image/" + std::string(wanted.at("picture"))));
    const int height = wanted["shape"][1], width = wanted["shape"][2];
    std::vector<float> values(3 * std::size_t(width) * std::size_t(height));
    if (what.starts_with("clip")) {
      const Image image = codec->decode(file);
      const Size size = shortest_edge_size(image.width, image.height, width);
      const Image square =
          centre_crop(resized(image, size.width, size.height, Filter::bicubic), width, height);
      normalise(square, value_table(kClip), values);
    } else {
      prepare(file, {.width = width, .height = height}, values);
      std::vector<float> stepwise(values.size());
      normalise(resized(codec->decode(file), width, height, Filter::bicubic), value_table(kSiglip),
                stepwise);
      EXPECT_EQ(stepwise, values);
    }
    EXPECT_EQ(sha256(std::as_bytes(std::span(values))), wanted.at("sha256_f32"))
        << what << " of " << wanted.at("picture");
    ++count;
  }
  EXPECT_EQ(count, 12);
}

TEST(Normalise, GreyAndIndexedFilesGiveTheSameAsTheirRgb) {
  const auto codec = make_codec();
  for (const char* name : {"files/gray.png", "files/palette.png", "files/gray.jpg",
                           "files/gray16.png", "files/cmyk.jpg"}) {
    const auto file = bytes_of(data_path(std::string("image/") + name));
    std::vector<float> values(3 * 40 * 30), stepwise(values.size());
    prepare(file, {.width = 40, .height = 30, .normalisation = kClip}, values);
    normalise(resized(codec->decode(file), 40, 30, Filter::bicubic), value_table(kClip), stepwise);
    EXPECT_EQ(values, stepwise) << name;
  }
}

}  // namespace
}  // namespace looktwice::imaging
