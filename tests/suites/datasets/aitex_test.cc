#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "harness/core/error.h"
#include "harness/core/random.h"
#include "tests/suites/datasets/miniature.h"

namespace looktwice {
namespace {

using testing::counts_of;
using testing::ids_of;
using testing::masks_of;
using testing::Miniature;
using testing::sample_of;
using testing::warns;
using Strings = std::vector<std::string>;

// Strips as text, so that 4096 x 256 costs nothing on disk: "width height" and then rectangles "x y
// width height" that are set.
class StripCodec final : public ImageCodec {
 public:
  ImageInfo info(std::span<const std::byte> file) const override {
    std::istringstream in(text_of(file));
    ImageInfo info{.channels = 1, .bits = 8, .format = "strip"};
    in >> info.width >> info.height;
    if (!in) throw Error(Kind::data, "not a strip");
    return info;
  }
  Image decode(std::span<const std::byte> file) const override { return decode_mask(file); }
  Image decode_mask(std::span<const std::byte> file) const override {
    const ImageInfo size = info(file);
    Image image{.width = size.width, .height = size.height, .channels = 1};
    image.pixels.resize(static_cast<std::size_t>(size.width) * size.height);
    std::istringstream in(text_of(file));
    Region part;
    in >> part.width >> part.height;
    while (in >> part.x >> part.y >> part.width >> part.height)
      for (int y = part.y; y < part.y + part.height; ++y)
        for (int x = part.x; x < part.x + part.width; ++x)
          image.pixels[static_cast<std::size_t>(y) * image.width + x] = 255;
    return image;
  }
  std::vector<std::byte> encode_png(const Image&) const override { return {}; }
  Image resized(const Image& image, int, int) const override { return image; }

 private:
  static std::string text_of(std::span<const std::byte> file) {
    return {reinterpret_cast<const char*>(file.data()), file.size()};
  }
};

Dataset loaded(const Miniature& mini, const std::string& variant = {}) {
  return testing::dataset_named("aitex").load(
      {.root = mini.path(), .variant = variant, .codec = std::make_shared<StripCodec>()});
}

constexpr const char* kStrip = "4096 256";

void add_rolls(Miniature& mini, int strips) {
  for (int i = 0; i < strips; ++i)
    mini.text("NODefect_images/2306881-210020u/" + Miniature::padded(i, 4) + "_000_00.png", kStrip);
}

TEST(Aitex, PatchesOfDefectStripsAreKeptWhereTheMaskIsSet) {
  Miniature mini;
  add_rolls(mini, 1);
  mini.text("Defect_images/0001_002_00.png", kStrip);
  mini.text("Mask_images/0001_002_00_mask.png",
            "4096 256 255 10 2 1");                    // reaches from patch 0 into patch 1
  mini.text("Defect_images/0044_019_04.png", kStrip);  // two masks, merged by OR
  mini.text("Mask_images/0044_019_04_mask1.png", "4096 256 512 0 1 1");
  mini.text("Mask_images/0044_019_04_mask2.png", "4096 256 1024 0 1 1 513 0 1 1");
  mini.text("Defect_images/0100_025_08.png", kStrip);      // no mask
  mini.text("Defect_images/0094_027_05.png", "4000 256");  // the last patch is narrower
  mini.text("Mask_images/0094_027_05_mask.png", "4000 256 3999 255 1 1");
  mini.text("Mask_images/0777_027_05_mask.png", kStrip);  // nobody's
  const Dataset set = loaded(mini, "all");
  Strings anomalous;
  for (const Sample& sample : set.test)
    if (*sample.truth.anomalous) anomalous.push_back(sample.id);
  EXPECT_EQ(
      anomalous,
      (Strings{"Defect_images/0001_002_00.png#patch00", "Defect_images/0001_002_00.png#patch01",
               "Defect_images/0044_019_04.png#patch02", "Defect_images/0044_019_04.png#patch04",
               "Defect_images/0094_027_05.png#patch15"}));
  EXPECT_EQ(masks_of(set, "Defect_images/0044_019_04.png#patch02"),
            (Strings{"Mask_images/0044_019_04_mask1.png", "Mask_images/0044_019_04_mask2.png"}));
  const Sample& last = sample_of(set, "Defect_images/0094_027_05.png#patch15");
  EXPECT_EQ(last.image.region->x, 3840);
  EXPECT_EQ(last.image.region->width, 160);
  EXPECT_EQ(last.truth.defect, "Knots");
  EXPECT_EQ(sample_of(set, "Defect_images/0001_002_00.png#patch00").truth.defect, "Broken_end");
  EXPECT_EQ(counts_of(set), std::pair(16, 5));
  EXPECT_EQ(
      sample_of(set, "NODefect_images/2306881-210020u/0000_000_00.png#patch07").image.region->x,
      1792);
  EXPECT_TRUE(
      warns(set, "no mask, skipped (0100_025_08 is known for it): Defect_images/0100_025_08.png"));
  EXPECT_TRUE(
      warns(set, "not 4096 wide (0094_027_05 is known for it): Defect_images/0094_027_05.png"));
  EXPECT_TRUE(warns(set, "masks without an image: Mask_images/0777_027_05_mask.png"));
}

TEST(Aitex, AQuarterOfTheNormalPatchesIsTested) {
  Miniature mini;
  add_rolls(mini, 3);
  mini.text("Defect_images/0001_002_00.png", kStrip);
  mini.text("Mask_images/0001_002_00_mask.png", "4096 256 0 0 1 1");
  const Dataset all = loaded(mini, "all"), quarter = loaded(mini);
  EXPECT_EQ(counts_of(all), std::pair(48, 1));
  EXPECT_EQ(counts_of(quarter), std::pair(12, 1));
  EXPECT_EQ(quarter.normal_train.at("aitex").size(), 36u);
  Strings normals;
  for (const Sample& sample : all.test)
    if (!*sample.truth.anomalous) normals.push_back(sample.id);
  Strings drawn;
  const auto order = permutation(48, 42);
  for (std::size_t i = 0; i < 12; ++i) drawn.push_back(normals[order[i]]);
  std::sort(drawn.begin(), drawn.end());
  Strings tested = ids_of(quarter);
  std::erase(tested, "Defect_images/0001_002_00.png#patch00");
  EXPECT_EQ(tested, drawn);
}

TEST(Aitex, ANestedMirrorIsRead) {
  Miniature mini;
  add_rolls(mini, 1);
  mini.text("Defect_images/Defect_images/0001_002_00.png", kStrip);
  mini.text("Mask_images/Mask_images/0001_002_00_mask.png", "4096 256 0 0 1 1");
  EXPECT_EQ(counts_of(loaded(mini, "all")), std::pair(16, 1));
}

TEST(Aitex, UnreadableStripsAreToldAndLeftOut) {
  Miniature mini;
  add_rolls(mini, 1);
  mini.text("NODefect_images/2306881-210020u/0009_000_00.png", "");
  mini.text("Defect_images/0001_002_00.png", kStrip);
  mini.text("Mask_images/0001_002_00_mask.png", "broken");
  const Dataset set = loaded(mini, "all");
  EXPECT_EQ(counts_of(set), std::pair(16, 0));
  EXPECT_TRUE(warns(set, "2 x strips or masks that cannot be read, left out"));
}

// 141 defect-free strips give 2256 patches; the masks here set 183 patches.
TEST(Aitex, PublishedCountsGiveNoWarningOfCounts) {
  Miniature mini;
  add_rolls(mini, 141);
  int left = 183;
  for (int i = 0; i < 105; ++i) {
    const std::string name = Miniature::padded(i, 4) + "_006_00";
    mini.text("Defect_images/" + name + ".png", kStrip);
    const int patches = i < 78 ? 2 : 1;
    left -= patches;
    mini.text("Mask_images/" + name + "_mask.png",
              patches == 2 ? "4096 256 255 0 2 1" : "4096 256 0 0 1 1");
  }
  ASSERT_EQ(left, 0);
  const Dataset quarter = loaded(mini), all = loaded(mini, "all");
  EXPECT_EQ(counts_of(quarter), std::pair(564, 183));
  EXPECT_EQ(counts_of(all), std::pair(2256, 183));
  EXPECT_EQ(quarter.warnings, Strings{});
  EXPECT_EQ(all.warnings, Strings{});
}

}  // namespace
}  // namespace looktwice
