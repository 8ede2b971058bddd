// Row B5 with the real decoder: whatever way a mask is written, it means the same; what does not
// fit is found.
#include <gtest/gtest.h>

#include <string>
#include <tuple>

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

std::string png_of(const ImageCodec& codec, const Image& image) {
  const auto bytes = codec.encode_png(image);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void expect_findings(const std::string& dataset, const Miniature& mini, const MaskCase& given) {
  const auto codec = imaging::make_codec();
  const DatasetEntry entry = testing::dataset_named(dataset);
  const Verification result =
      verify(entry, entry.load({.root = mini.path(), .codec = codec}), "", *codec, 1);
  std::vector<std::string> found;
  for (const Finding& finding : result.findings)
    if (finding.what.find("mask") != std::string::npos) found.push_back(finding.what);
  EXPECT_EQ(found, given.finding.empty() ? std::vector<std::string>{} : std::vector{given.finding});
  EXPECT_EQ(result.masks, static_cast<std::int64_t>(given.masks.size()));
}

class SeveralMasks : public ::testing::TestWithParam<MaskCase> {};

TEST_P(SeveralMasks, MeanWhatIsNotZeroInAnyOfThem) {
  const auto codec = imaging::make_codec();
  Miniature mini;
  const std::string folder = "mvtec_loco/pushpins/";
  mini.text(folder + "test/good/000.png", png_of(*codec, blank(8, 6, 3)));
  mini.text(folder + "test/logical_anomalies/000.png", png_of(*codec, with(blank(8, 6, 3), 0, 9)));
  int number = 0;
  for (const Image& mask : GetParam().masks)
    mini.text(
        folder + "ground_truth/logical_anomalies/000/" + Miniature::padded(number++, 3) + ".png",
        png_of(*codec, mask));
  expect_findings("loco", mini, GetParam());
}

INSTANTIATE_TEST_SUITE_P(Files, SeveralMasks, ::testing::ValuesIn(cases()),
                         [](const auto& each) { return each.param.name; });

// Where a set keeps a normal picture, an anomalous one and its mask.
struct Layout {
  std::string dataset, normal, anomalous, mask;
};

const Layout kLayouts[] = {
    {"mvtec", "mvtec/bottle/test/good/000.png", "mvtec/bottle/test/broken_large/000.png",
     "mvtec/bottle/ground_truth/broken_large/000_mask.png"},
    {"visa", "visa/candle/test/good/0000.JPG", "visa/candle/test/bad/000.JPG",
     "visa/candle/ground_truth/bad/000.png"},
    {"btad", "btad/01/test/ok/0000.bmp", "btad/01/test/ko/0000.bmp",
     "btad/01/ground_truth/ko/0000.png"},
    {"mpdd", "mpdd/tubes/test/good/000.png", "mpdd/tubes/test/anomalous/000.png",
     "mpdd/tubes/ground_truth/anomalous/000_mask.png"},
    {"goodsad", "goodsad/drink_can/test/good/000.jpg", "goodsad/drink_can/test/dented/000.jpg",
     "goodsad/drink_can/ground_truth/dented/000.png"},
    {"folder", "test/good/000.png", "test/bad/000.png", "ground_truth/bad/000.png"},
};

class OneMask : public ::testing::TestWithParam<std::tuple<Layout, MaskCase>> {};

TEST_P(OneMask, MeansWhatIsNotZero) {
  const auto& [layout, given] = GetParam();
  const auto codec = imaging::make_codec();
  Miniature mini;
  mini.text(layout.normal, png_of(*codec, blank(8, 6, 3)));
  mini.text(layout.anomalous, png_of(*codec, with(blank(8, 6, 3), 0, 9)));
  mini.text(layout.mask, png_of(*codec, given.masks.front()));
  expect_findings(layout.dataset, mini, given);
}

std::vector<MaskCase> cases_of_one_mask() {
  std::vector<MaskCase> all = cases();
  std::erase_if(all, [](const MaskCase& each) { return each.masks.size() != 1; });
  return all;
}

INSTANTIATE_TEST_SUITE_P(Sets, OneMask,
                         ::testing::Combine(::testing::ValuesIn(kLayouts),
                                            ::testing::ValuesIn(cases_of_one_mask())),
                         [](const auto& each) {
                           return std::get<0>(each.param).dataset + "_" +
                                  std::get<1>(each.param).name;
                         });

}  // namespace
}  // namespace looktwice::datasets
