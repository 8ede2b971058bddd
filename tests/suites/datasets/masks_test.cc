// Row B5 with the real decoder: whatever way a mask is written, it means the same; what does not
// fit is found.
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "adapters/imaging/codec.h"
#include "suites/datasets/verify.h"
#include "tests/suites/datasets/miniature.h"

namespace looktwice::datasets {
namespace {

using testing::Miniature;

Image blank(int width, int height, int channels) {
  Image image{.width = width, .height = height, .channels = channels};
  image.pixels.assign(static_cast<std::size_t>(width) * height * channels, 0);
  return image;
}

// One anomalous picture of 8 x 6 and its mask files; what verify says about them.
struct MaskCase {
  std::string name;
  std::vector<Image> masks;
  std::string finding;  // empty: nothing is wrong
};

Image with(Image image, std::size_t at, std::uint8_t value) {
  image.pixels[at] = value;
  return image;
}

std::vector<MaskCase> cases() {
  const Image grey = blank(8, 6, 1), colour = blank(8, 6, 3);
  Image smooth = grey;
  for (std::size_t i = 0; i < smooth.pixels.size(); ++i)
    smooth.pixels[i] = static_cast<std::uint8_t>(i * 5);
  return {
      {"zero_one", {with(grey, 3, 1)}, ""},
      {"zero_255", {with(grey, 3, 255)}, ""},
      {"class_ids", {with(with(grey, 3, 4), 9, 9)}, ""},
      {"antialiased", {smooth}, ""},
      {"rgb_red_only", {with(colour, 0, 200)}, ""},
      {"rgb_blue_only", {with(colour, 5, 1)}, ""},
      {"last_pixel_of_the_second_file", {grey, with(grey, 47, 1)}, ""},
      {"all_zero", {grey}, "anomalous images whose mask is all zero"},
      {"all_zero_rgb", {colour}, "anomalous images whose mask is all zero"},
      {"all_zero_twice", {grey, grey}, "anomalous images whose mask is all zero"},
      {"turned", {with(blank(6, 8, 1), 0, 1)}, "mask and picture differ in size"},
      {"half_size", {with(blank(4, 3, 1), 0, 1)}, "mask and picture differ in size"},
      {"second_of_other_size",
       {with(grey, 0, 1), with(blank(8, 7, 1), 0, 1)},
       "mask and picture differ in size"},
  };
}

class Masks : public ::testing::TestWithParam<MaskCase> {};

TEST_P(Masks, MeanWhatIsNotZero) {
  const auto codec = imaging::make_codec();
  const auto png = [&](const Image& image) {
    const auto bytes = codec->encode_png(image);
    return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  };
  Miniature mini;
  const std::string folder = "mvtec_loco/pushpins/";
  mini.text(folder + "test/good/000.png", png(blank(8, 6, 3)));
  mini.text(folder + "test/logical_anomalies/000.png", png(with(blank(8, 6, 3), 0, 9)));
  int number = 0;
  for (const Image& mask : GetParam().masks)
    mini.text(
        folder + "ground_truth/logical_anomalies/000/" + Miniature::padded(number++, 3) + ".png",
        png(mask));
  const DatasetEntry entry = testing::dataset_named("loco");
  const Verification result =
      verify(entry, entry.load({.root = mini.path(), .codec = codec}), "", *codec, 1);
  std::vector<std::string> found;
  for (const Finding& finding : result.findings)
    if (finding.what.find("mask") != std::string::npos) found.push_back(finding.what);
  EXPECT_EQ(found, GetParam().finding.empty() ? std::vector<std::string>{}
                                              : std::vector{GetParam().finding});
  EXPECT_EQ(result.masks, static_cast<std::int64_t>(GetParam().masks.size()));
}

std::string mask_name(const ::testing::TestParamInfo<MaskCase>& info) {
  return info.param.name;
}
INSTANTIATE_TEST_SUITE_P(Files, Masks, ::testing::ValuesIn(cases()), mask_name);

}  // namespace
}  // namespace looktwice::datasets
