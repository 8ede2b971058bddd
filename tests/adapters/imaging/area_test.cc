// INTER_AREA and the JPEG of OpenCV, which the scripts of MMAD send; golden values by
// scripts/golden/area_golden.py.
#include <gtest/gtest.h>

#include "adapters/imaging/area.h"
#include "adapters/imaging/codec.h"
#include "adapters/imaging/jpeg_write.h"
#include "harness/core/hash.h"
#include "harness/core/table.h"
#include "tests/support/files.h"

namespace looktwice::imaging {
namespace {

Image formula_picture(int width, int height, int channels) {
  Image image{.width = width, .height = height, .channels = channels};
  for (std::int64_t i = 0; i < std::int64_t{1} * width * height * channels; ++i)
    image.pixels.push_back(static_cast<std::uint8_t>((i * i * 7 + i * 13) % 251));
  return image;
}

TEST(AreaResize, EqualsOpenCv) {
  const Table golden = table_of_file(test::data_path("image/area.csv"));
  ASSERT_GE(golden.rows.size(), 30u);
  for (const Row& row : golden.rows) {
    const auto number = [&](const char* name) {
      return static_cast<int>(golden.number(row, name));
    };
    const Image image = formula_picture(number("width"), number("height"), number("channels"));
    const Image small = area_resized(image, number("to_width"), number("to_height"));
    const auto bytes = std::as_bytes(std::span(small.pixels));
    EXPECT_EQ(sha256(bytes), golden.at(row, "pixels").text)
        << image.width << "x" << image.height << "x" << image.channels << " to " << small.width
        << "x" << small.height;
  }
}

TEST(JpegWriter, EqualsOpenCv) {
  const Table golden = table_of_file(test::data_path("image/area.csv"));
  for (const Row& row : golden.rows) {
    const auto number = [&](const char* name) {
      return static_cast<int>(golden.number(row, name));
    };
    const Image image = formula_picture(number("width"), number("height"), number("channels"));
    const Image small = area_resized(image, number("to_width"), number("to_height"));
    EXPECT_EQ(sha256(std::span<const std::byte>(jpeg_of(small, 95))), golden.at(row, "jpeg").text)
        << small.width << "x" << small.height << "x" << small.channels;
  }
}

TEST(AreaResize, MeansOfWholeBlocksAreExact) {
  Image image{.width = 4, .height = 2, .channels = 1, .pixels = {0, 1, 10, 20, 2, 3, 30, 41}};
  EXPECT_EQ(area_resized(image, 2, 1).pixels, (std::vector<std::uint8_t>{2, 25}))
      << "6 / 4 = 1.5 rounds up, 101 / 4 = 25.25 down";
  EXPECT_EQ(area_resized(image, 4, 2).pixels, image.pixels);
}

TEST(JpegWriter, IsReadBackNearly) {
  Image image{.width = 40, .height = 30, .channels = 3};
  for (int y = 0; y < 30; ++y)
    for (int x = 0; x < 40; ++x)
      for (const int value : {x * 6, y * 8, 128})
        image.pixels.push_back(static_cast<std::uint8_t>(value));
  const Image back = make_codec()->decode(jpeg_of(image, 95));
  ASSERT_EQ(back.pixels.size(), image.pixels.size());
  for (std::size_t i = 0; i < image.pixels.size(); ++i)
    ASSERT_NEAR(back.pixels[i], image.pixels[i], 12) << i;
}

}  // namespace
}  // namespace looktwice::imaging
