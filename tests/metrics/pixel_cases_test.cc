// Where peers go wrong, each on data of its own; their figures on the same kinds of data stand in
// docs/pixel_metrics.md, and benchmarks/peers/pixel_cases.py runs them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/metrics/pixel_reference.h"

namespace looktwice::metrics {
namespace {

using reference::Picture;
using reference::streamed;

// Eight pictures of 48 x 48 with a square defect each; scores like distances of patches, 10 to 30.
std::vector<Picture> distances(unsigned seed) {
  reference::Random random(seed);
  std::vector<Picture> pictures;
  for (int k = 0; k < 8; ++k) {
    Picture picture{48, 48, {}, {}};
    for (int y = 0; y < 48; ++y)
      for (int x = 0; x < 48; ++x) {
        const bool anomalous = y > 4 * k && y < 4 * k + 9 && x > 10 && x < 20;
        const float noise = std::normal_distribution<float>(0, 2)(random);
        picture.mask.push_back(anomalous);
        // Steps of 1/64, so that adding 40 rounds nothing.
        picture.map.push_back(std::round((18 + noise + (anomalous ? 5.F : 0.F)) * 64) / 64);
      }
    pictures.push_back(std::move(picture));
  }
  return pictures;
}

template <class Change>
std::vector<Picture> changed(std::vector<Picture> pictures, const Change& change) {
  for (Picture& picture : pictures)
    for (float& score : picture.map) score = change(score);
  return pictures;
}

// What torchmetrics, and anomalib through it, put scores through that leave [0, 1].
float sigmoid(float score) {
  return 1.F / (1.F + std::exp(-score));
}

TEST(PixelCases, ScoresBeyondOneAreNotSquashed) {
  const auto pictures = distances(1);
  const reference::Result right = reference::result(pictures, 0.3);
  const PixelResult ours = streamed(pictures);
  EXPECT_NEAR(*ours.average_precision, right.average_precision, 1e-12);
  EXPECT_NEAR(ours.f1_max->value, right.f1_max, 1e-12);
  // The loss is real on this data: a float32 sigmoid is 1 from about 17 on.
  EXPECT_LT(*streamed(changed(pictures, sigmoid)).average_precision, right.average_precision - 0.2);
}

TEST(PixelCases, AddingFortyChangesNothing) {
  const auto pictures = distances(2);
  const auto shifted = changed(pictures, [](float score) { return score + 40; });
  EXPECT_EQ(*streamed(shifted).auroc, *streamed(pictures).auroc);
  EXPECT_EQ(*streamed(shifted).average_precision, *streamed(pictures).average_precision);
  EXPECT_EQ(*streamed(shifted).aupro, *streamed(pictures).aupro);
  EXPECT_EQ(*streamed(changed(shifted, sigmoid)).auroc, 0.5);  // what squashing makes of it
}

TEST(PixelCases, OneOutlyingPixelIsOnePixel) {
  auto pictures = distances(3);
  pictures[0].map[0] = 40;  // already the highest score of a normal pixel
  const PixelResult before = streamed(pictures);
  pictures[0].map[0] = 1e9F;
  const PixelResult after = streamed(pictures);
  EXPECT_EQ(*after.auroc, *before.auroc);
  EXPECT_EQ(*after.average_precision, *before.average_precision);
  EXPECT_EQ(*after.aupro, *before.aupro);
  // A thousand bins between the lowest and the highest score hold all others in the first.
  const auto binned = changed(pictures, [](float score) { return std::floor(score / 1e6F); });
  EXPECT_NEAR(*streamed(binned).auroc, 0.5, 1e-3);
  EXPECT_NEAR(*streamed(binned).aupro, 0.15, 1e-3);
}

TEST(PixelCases, MapsOfZeroAndOneHaveOneStep) {
  // AP of decisions: recall times precision, and the rest of the recall at the share of anomalous
  // pixels. The trapezoid under that curve is another number.
  reference::Random random(4);
  auto pictures = distances(4);
  for (Picture& picture : pictures)
    for (std::size_t i = 0; i < picture.map.size(); ++i)
      picture.map[i] = random() % 100 < (picture.mask[i] ? 60U : 2U) ? 1.F : 0.F;
  const PixelResult result = streamed(pictures);
  const Confusion& counts = result.at_half;
  const double share = static_cast<double>(counts.positives()) / static_cast<double>(counts.all());
  const double recall = *counts.recall(), precision = *counts.precision();
  EXPECT_NEAR(*result.average_precision, recall * precision + (1 - recall) * share, 1e-12);
  EXPECT_NEAR(result.f1_max->value, *counts.f1(), 1e-12);
  EXPECT_EQ(result.f1_max->threshold, 1.F);
  // Recall at every threshold including the lowest; half of the pairs of equal scores.
  const double alarms =
      static_cast<double>(counts.false_positives) / static_cast<double>(counts.negatives());
  EXPECT_NEAR(*result.auroc, (1 + recall - alarms) / 2, 1e-12);
}

TEST(PixelCases, TheAuproVariantsDifferOnTheSameMaps) {
  const PixelResult result =
      streamed(distances(5), {.equidistant_scores = true, .equidistant_positions = 100});
  EXPECT_NEAR(*result.aupro, reference::result(distances(5), 0.3).aupro, 1e-12);
  EXPECT_GT(std::abs(*result.aupro - *result.aupro_mvtec), 1e-6);
  EXPECT_GT(std::abs(*result.aupro - *result.aupro_anomalyclip), 1e-4);
  EXPECT_LT(std::abs(*result.aupro - *result.aupro_mvtec), 0.02);
  EXPECT_LT(std::abs(*result.aupro - *result.aupro_anomalyclip), 0.05);
}

}  // namespace
}  // namespace looktwice::metrics
