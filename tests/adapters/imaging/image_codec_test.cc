// The codec against Pillow: the pixels of every kind of file, and which files are refused.
#include "adapters/imaging/codec.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <span>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "harness/core/error.h"
#include "harness/core/hash.h"
#include "tests/support/files.h"

namespace looktwice::imaging {
namespace {

using test::bytes_of;
using test::data_path;

std::string sha256_of(const Image& image) {
  return sha256(std::as_bytes(std::span(image.pixels)));
}

// The message of the error of kind data that `call` throws, empty when it throws none.
template <class Call>
std::string refusal(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Kind::data) << error.what();
    return error.what();
  }
  return "";
}

nlohmann::json json_of(const std::string& name) {
  std::ifstream in(data_path(name));
  return nlohmann::json::parse(in);
}

TEST(Codec, EveryModeEqualsPillowOrIsRefusedWithIt) {
  const auto codec = make_codec();
  const nlohmann::json golden = json_of("image/modes/golden.json");
  int refused = 0;
  for (const auto& wanted : golden.at("cases")) {
    const std::string name = wanted.at("file");
    const auto file = bytes_of(data_path("image/modes/" + name));
    Image image;
    const std::string why = refusal([&] { image = codec->decode(file); });
    if (wanted.contains("refused")) {
      EXPECT_FALSE(why.empty()) << name << ": Pillow refuses it with " << wanted.at("refused");
      ++refused;
      continue;
    }
    EXPECT_EQ(why, "") << name;
    if (!why.empty()) continue;
    EXPECT_EQ(image.width, wanted.at("width")) << name;
    EXPECT_EQ(image.height, wanted.at("height")) << name;
    EXPECT_EQ(sha256_of(image), wanted.at("rgb_sha256")) << name << ", mode " << wanted.at("mode");
    const ImageInfo info = codec->info(file);
    EXPECT_EQ(info.width, image.width) << name;
    EXPECT_EQ(info.height, image.height) << name;
    EXPECT_EQ(info.format, name.substr(0, name.find('/'))) << name;
  }
  EXPECT_GT(refused, 20);
}

TEST(Codec, OrientationIsNotedAndOnlyTiffIsTurned) {
  const auto codec = make_codec();
  const Image upright = codec->decode(bytes_of(data_path("image/modes/jpeg/exif1.jpg")));
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const std::string number = std::to_string(orientation);
    const auto jpeg = bytes_of(data_path("image/modes/jpeg/exif" + number + ".jpg"));
    EXPECT_EQ(codec->info(jpeg).exif_orientation, orientation);
    EXPECT_EQ(codec->decode(jpeg).pixels, upright.pixels);
    const auto tiff = bytes_of(data_path("image/modes/tiff/orientation" + number + ".tif"));
    EXPECT_EQ(codec->info(tiff).exif_orientation, orientation);
    EXPECT_EQ(codec->decode(tiff).width, orientation < 5 ? 29 : 19);
  }
  EXPECT_EQ(codec->info(bytes_of(data_path("image/modes/png/rgb8_exif6.png"))).exif_orientation, 6);
  EXPECT_EQ(codec->info(bytes_of(data_path("image/modes/webp/exif6.webp"))).exif_orientation, 6);
}

TEST(Codec, InfoTellsWhatTheHeaderSays) {
  const auto codec = make_codec();
  const ImageInfo grey = codec->info(bytes_of(data_path("fixtures/image/files/gray16.png")));
  EXPECT_EQ(grey.channels, 1);
  EXPECT_EQ(grey.bits, 16);
  const ImageInfo cmyk = codec->info(bytes_of(data_path("fixtures/image/files/cmyk.jpg")));
  EXPECT_EQ(cmyk.channels, 4);
  EXPECT_EQ(cmyk.bits, 8);
}

TEST(Codec, TheFormatIsToldByTheFirstBytes) {
  const auto codec = make_codec();
  const auto text = [](std::string_view bytes) { return std::as_bytes(std::span(bytes)); };
  EXPECT_EQ(refusal([&] { codec->decode({}); }), "the file is empty");
  EXPECT_EQ(refusal([&] { codec->decode(text("GIF89a")); }),
            "neither PNG, JPEG, BMP, TIFF nor WebP");
  for (const std::string_view start :
       {"\x89PNG\r\n\x1a\n", "\xff\xd8\xff", "BM", "RIFF1234WEBP", "II*"}) {
    EXPECT_NE(refusal([&] { codec->decode(text(start)); }), "") << start;
    EXPECT_NE(refusal([&] { codec->info(text(start)); }), "") << start;
  }
}

TEST(Codec, TheLimitHoldsBeforeAnythingIsDecoded) {
  const auto codec = make_codec({.max_pixels = 29 * 19});
  EXPECT_EQ(codec->decode(bytes_of(data_path("image/modes/png/rgb8.png"))).width, 29);
  const auto tight = make_codec({.max_pixels = 29 * 19 - 1});
  for (const char* name : {"png/rgb8.png", "jpeg/grey.jpg", "bmp/rgb24.bmp", "tiff/rgb8_le.tif",
                           "webp/lossless.webp"}) {
    const auto strict = make_codec({.max_pixels = 100});
    const auto file = bytes_of(data_path(std::string("image/modes/") + name));
    EXPECT_NE(refusal([&] { strict->decode(file); }).find("limit of 100"), std::string::npos)
        << name;
    EXPECT_NE(refusal([&] { strict->info(file); }).find("limit of 100"), std::string::npos) << name;
  }
  EXPECT_NE(refusal([&] { tight->decode(bytes_of(data_path("image/modes/png/rgb8.png"))); }), "");
}

TEST(Codec, MasksKeepWhatIsSmallButNotNothing) {
  const auto codec = make_codec();
  const auto mask_of = [&](const std::string& name) {
    return codec->decode_mask(bytes_of(data_path(name)));
  };
  // Defect ids of an indexed mask stay ids; the palette does not matter.
  const Image ids = mask_of("image/modes/png/palette2.png");
  EXPECT_EQ(ids.channels, 1);
  EXPECT_LE(*std::max_element(ids.pixels.begin(), ids.pixels.end()), 3);
  // 16-bit values below 256 stay, larger ones saturate, in grey and in colour.
  for (const char* name :
       {"image/modes/png/grey16_small_values.png", "image/modes/png/rgb16.png",
        "image/modes/tiff/grey16_small_be.tif", "image/modes/png/grey_alpha16.png"}) {
    const Image mask = mask_of(name);
    EXPECT_GT(std::count(mask.pixels.begin(), mask.pixels.end(), 255), 0) << name;
  }
  const Image grey = mask_of("image/modes/png/grey8.png");
  const Image rgb = codec->decode(bytes_of(data_path("image/modes/png/grey8.png")));
  for (std::size_t i = 0; i < grey.pixels.size(); ++i) ASSERT_EQ(grey.pixels[i], rgb.pixels[3 * i]);
  const Image colour = mask_of("image/modes/bmp/rgb24.bmp");
  const Image same = codec->decode(bytes_of(data_path("image/modes/bmp/rgb24.bmp")));
  for (std::size_t i = 0; i < colour.pixels.size(); ++i)
    ASSERT_EQ(colour.pixels[i], *std::max_element(&same.pixels[3 * i], &same.pixels[3 * i] + 3));
}

TEST(Codec, WhatIsEncodedIsDecodedAgain) {
  const auto codec = make_codec();
  for (const int channels : {1, 3})
    for (const int width : {1, 2, 17, 64})
      for (const int height : {1, 3, 33}) {
        Image image{.width = width, .height = height, .channels = channels};
        for (int i = 0; i < width * height * channels; ++i)
          image.pixels.push_back(static_cast<std::uint8_t>(i % 7 == 0 ? i * 37 : i / 3));
        const auto file = codec->encode_png(image);
        EXPECT_EQ(codec->info(file).channels, channels);
        const Image back = channels == 3 ? codec->decode(file) : codec->decode_mask(file);
        EXPECT_EQ(back.pixels, image.pixels) << width << "x" << height << "x" << channels;
      }
}

}  // namespace
}  // namespace looktwice::imaging
