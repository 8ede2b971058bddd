// Resizing against Pillow's bytes, and the vector code against plain loops.
#include "adapters/imaging/resize.h"

#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include <nlohmann/json.hpp>

#include "adapters/imaging/resize_rows.h"
#include "harness/core/hash.h"
#include "tests/adapters/imaging/filter_names.h"
#include "tests/support/files.h"

namespace looktwice::imaging {
namespace {

using test::data_path;

Image random_image(int width, int height, int channels, std::mt19937& random) {
  Image image{.width = width, .height = height, .channels = channels};
  image.pixels.resize(std::size_t(width) * std::size_t(height) * std::size_t(channels));
  // Mostly extremes, so that sums overshoot and are clipped.
  for (std::uint8_t& value : image.pixels)
    value = static_cast<std::uint8_t>(random() % 3 == 0 ? random() : random() % 2 * 255);
  return image;
}

// Sizes and boxes that the fixtures lack; scripts/golden/resize_golden.py made the hashes and the
// same pictures.
TEST(Resize, OddSizesAndBoxesEqualPillow) {
  std::ifstream in(data_path("image/resize_golden.json"));
  const nlohmann::json golden = nlohmann::json::parse(in);
  for (const auto& wanted : golden.at("cases")) {
    Image image{.width = wanted["in"][0], .height = wanted["in"][1], .channels = wanted["in"][2]};
    image.pixels.resize(std::size_t(image.width) * std::size_t(image.height) *
                        std::size_t(image.channels));
    for (std::size_t i = 0; i < image.pixels.size(); ++i)
      image.pixels[i] =
          static_cast<std::uint8_t>(static_cast<std::uint32_t>(i * 2654435761u) >> 24);
    std::optional<Box> box;
    if (!wanted["box"].is_null())
      box = Box{wanted["box"][0], wanted["box"][1], wanted["box"][2], wanted["box"][3]};
    const Image out =
        resized(image, wanted["out"][0], wanted["out"][1], filter_named(wanted["filter"]), box);
    EXPECT_EQ(sha256(std::as_bytes(std::span(out.pixels))), wanted["sha256"]) << wanted;
  }
}

TEST(Resize, VectorCodeEqualsPlainLoops) {
  const std::uint32_t seed = 20261123;
  std::mt19937 random(seed);
  const int sizes[][4] = {{1000, 77, 384, 384}, {300, 300, 384, 384}, {518, 518, 384, 384},
                          {384, 384, 518, 518}, {33, 31, 97, 5},      {7, 5, 9, 11},
                          {64, 200, 31, 1},     {1, 1, 40, 40},       {129, 1, 17, 64},
                          {2000, 9, 3, 9},      {95, 97, 95, 33},     {97, 95, 33, 95}};
  for (const auto& [in_width, in_height, width, height] : sizes)
    for (const int channels : {1, 3})
      for (const Filter filter : {Filter::nearest, Filter::box, Filter::bilinear, Filter::hamming,
                                  Filter::bicubic, Filter::lanczos}) {
        const Image image = random_image(in_width, in_height, channels, random);
        ASSERT_EQ(resized(image, width, height, filter).pixels,
                  resized_plain(image, width, height, filter).pixels)
            << in_width << "x" << in_height << "x" << channels << " to " << width << "x" << height
            << ", filter " << static_cast<int>(filter) << ", seed " << seed;
      }
}

TEST(Resize, WeightedRowsAgreeOnEveryInstructionSet) {
  const std::uint32_t seed = 7;
  std::mt19937 random(seed);
  for (int round = 0; round < 300; ++round) {
    const std::size_t size = 1 + random() % 150, stride = size + random() % 9;
    const int count = 1 + static_cast<int>(random() % 14);
    std::vector<std::uint8_t> rows(stride * std::size_t(count));
    for (std::uint8_t& value : rows) value = static_cast<std::uint8_t>(random());
    std::vector<TapPair> weight;
    for (int j = 0; j < count; j += 2) {
      const auto any = [&] { return static_cast<std::int32_t>(random() % 6000000) - 1000000; };
      weight.push_back(pair_of(any(), j + 1 < count ? any() : 0));
    }
    std::vector<std::uint8_t> plain(size), vectors(size);
    weighted_rows(Isa::plain, rows.data(), stride, size, weight.data(), count, plain.data());
    for (const Isa isa : {Isa::sse4, Isa::avx2}) {
      if (static_cast<int>(best_isa()) < static_cast<int>(isa)) continue;
      weighted_rows(isa, rows.data(), stride, size, weight.data(), count, vectors.data());
      ASSERT_EQ(vectors, plain) << "size " << size << ", taps " << count << ", seed " << seed
                                << ", round " << round;
    }
  }
}

TEST(Resize, TransposedTwiceIsTheSame) {
  std::mt19937 random(3);
  for (const int channels : {1, 3})
    for (const int width : {1, 3, 4, 5, 8, 16, 17, 31, 32, 50})
      for (const int height : {1, 2, 4, 7, 16, 33, 48}) {
        const Image image = random_image(width, height, channels, random);
        const std::size_t row = std::size_t(width * channels),
                          column = std::size_t(height * channels);
        // Exactly as large as needed: ASan sees a tile that writes too far.
        std::vector<std::uint8_t> turned(image.pixels.size()), back(image.pixels.size());
        transpose(image.pixels.data(), row, width, height, channels, turned.data(), column);
        for (int y = 0; y < height; ++y)
          for (int x = 0; x < width; ++x)
            for (int c = 0; c < channels; ++c)
              ASSERT_EQ(turned[std::size_t((x * height + y) * channels + c)],
                        image.pixels[std::size_t((y * width + x) * channels + c)]);
        transpose(turned.data(), column, height, width, channels, back.data(), row);
        ASSERT_EQ(back, image.pixels);
      }
}

TEST(Resize, SameSizeIsACopyAndWholeBoxesAreCuts) {
  std::mt19937 random(5);
  const Image image = random_image(20, 10, 3, random);
  EXPECT_EQ(resized(image, 20, 10, Filter::lanczos).pixels, image.pixels);
  const Image part = resized(image, 5, 4, Filter::bicubic, Box{3, 2, 8, 6});
  EXPECT_EQ(part.pixels, crop(image, {3, 2, 5, 4}).pixels);
}

TEST(Resize, TwoPixelsByHand) {
  // Bilinear, 2 to 4: centres 0.25, 0.75, 1.25, 1.75 between pixels at 0.5 and 1.5. The outer two
  // see one pixel more than their triangle covers: weights 0.75 and 0.25 inside, and all of the one
  // pixel outside after normalising.
  const Image image{.width = 2, .height = 1, .channels = 1, .pixels = {0, 200}};
  EXPECT_EQ(resized(image, 4, 1, Filter::bilinear).pixels,
            (std::vector<std::uint8_t>{0, 50, 150, 200}));
  EXPECT_EQ(resized(image, 1, 1, Filter::box).pixels, (std::vector<std::uint8_t>{100}));
}

}  // namespace
}  // namespace looktwice::imaging
