// Perceptual hashes against those of the Python package ImageHash (scripts/golden/phash.py).
#include "adapters/imaging/phash.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "adapters/imaging/codec.h"
#include "adapters/imaging/turn.h"

namespace looktwice::imaging {
namespace {

TEST(Phash, EqualsImageHashOnTheCommittedPictures) {
  std::ifstream in(LOOKTWICE_TEST_DATA "/image/phash.txt");
  const auto codec = make_codec();
  int compared = 0;
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream words(line);
    std::string hash, name;
    words >> hash >> name;
    const auto found = phash(codec->decode(file_bytes(LOOKTWICE_TEST_DATA "/" + name)));
    ASSERT_TRUE(found) << name;
    EXPECT_EQ(*found, std::stoull(hash, nullptr, 16)) << name;
    ++compared;
  }
  EXPECT_GE(compared, 20);
}

TEST(Phash, OneColourHasNone) {
  Image image{.width = 40, .height = 30, .channels = 3};
  image.pixels.assign(40 * 30 * 3, 77);
  EXPECT_FALSE(phash(image));
}

TEST(Phash, ScalingMovesFewBitsAndAnotherPictureMany) {
  const auto codec = make_codec();
  const Image wide =
      codec->decode(file_bytes(LOOKTWICE_TEST_DATA "/fixtures/image/pictures/wide.png"));
  const Image tall =
      codec->decode(file_bytes(LOOKTWICE_TEST_DATA "/fixtures/image/pictures/tall.png"));
  const std::uint64_t hash = phash(wide).value();
  EXPECT_LE(hamming(hash, phash(codec->resized(wide, wide.width / 2, wide.height / 2)).value()), 4);
  EXPECT_GE(hamming(hash, phash(tall).value()), 8);
}

TEST(Turned, EachOrientationPutsTheCornersWhereExifSays) {
  // 3 x 2: a b c / d e f
  const Image stored{.width = 3, .height = 2, .channels = 1, .pixels = {1, 2, 3, 4, 5, 6}};
  const std::pair<int, std::vector<std::uint8_t>> cases[] = {
      {1, {1, 2, 3, 4, 5, 6}}, {2, {3, 2, 1, 6, 5, 4}}, {3, {6, 5, 4, 3, 2, 1}},
      {4, {4, 5, 6, 1, 2, 3}}, {5, {1, 4, 2, 5, 3, 6}}, {6, {4, 1, 5, 2, 6, 3}},
      {7, {6, 3, 5, 2, 4, 1}}, {8, {3, 6, 2, 5, 1, 4}}, {9, {1, 2, 3, 4, 5, 6}}};
  for (const auto& [orientation, pixels] : cases) {
    const Image upright = turned(stored, orientation);
    EXPECT_EQ(upright.pixels, pixels) << orientation;
    EXPECT_EQ(upright.width, orientation >= 5 && orientation <= 8 ? 2 : 3) << orientation;
  }
}

}  // namespace
}  // namespace looktwice::imaging
