// The pixel metrics beside scikit-learn and the official AUPRO codes:
// scripts/golden/pixel_golden.py made the values and repeats the formula of the maps.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <numeric>

#include "tests/metrics/golden.h"
#include "tests/metrics/pixel_reference.h"

namespace looktwice::metrics {
namespace {

constexpr int kPictures = 5, kHeight = 24, kWidth = 17;

// Multiples of 2^-24 in [0, 1).
float noise(std::size_t i, std::size_t seed) {
  auto x = static_cast<std::uint32_t>(i) * 2654435761U + static_cast<std::uint32_t>(seed);
  x ^= x >> 15;
  x *= 2246822519U;
  x ^= x >> 13;
  return static_cast<float>(x >> 8) / 16777216.0F;
}

float score(const std::string& kind, float u, bool anomalous) {
  const float raised = u + (anomalous ? 0.5F : 0.F);
  if (kind == "continuous") return raised;
  if (kind == "tied") return std::floor(u * 8) + (anomalous ? 2.F : 0.F);
  if (kind == "decisions") return u < (anomalous ? 0.75F : 0.25F) ? 1.F : 0.F;
  if (kind == "negative") {
    const float scaled = raised * 30;
    return scaled - 50;
  }
  if (kind == "large") return raised * 1e30F;
  if (kind == "denormal") return std::floor(raised * 4096) * 0x1p-149F;
  throw std::runtime_error("no formula for " + kind);
}

std::vector<reference::Picture> pictures(const std::string& kind) {
  std::vector<reference::Picture> made;
  for (int k = 0; k < kPictures; ++k) {
    reference::Picture picture{kWidth, kHeight, {}, std::vector<std::uint8_t>(kWidth * kHeight)};
    for (int j = 0; j < k; ++j)
      for (int y = 5 * j; y < std::min(kHeight, 5 * j + 4 + j); ++y)
        for (int x = 3 * j; x < std::min(kWidth, 3 * j + 3 + k); ++x)
          picture.mask[static_cast<std::size_t>(y * kWidth + x)] = 1;
    for (std::size_t i = 0; i < picture.mask.size(); ++i)
      picture.map.push_back(
          score(kind, noise(static_cast<std::size_t>(k) * picture.mask.size() + i, kind.size()),
                picture.mask[i] != 0));
    made.push_back(std::move(picture));
  }
  return made;
}

TEST(PixelGolden, EqualsScikitLearnAndTheOfficialAuproCodes) {
  const Golden lines = golden("pixel_golden.txt");
  ASSERT_EQ(lines.size(), 18U);
  for (const auto& [kind, expected] : lines) {
    const double limit = expected[0];
    const std::string where = kind + ", limit " + std::to_string(limit);
    const auto maps = pictures(kind);
    const auto result = [&](int positions) {
      return reference::streamed(
          maps,
          {.fpr_limit = limit, .equidistant_scores = true, .equidistant_positions = positions});
    };
    const PixelResult values = result(50);
    EXPECT_NEAR(*values.auroc, expected[1], 1e-12) << where;
    EXPECT_NEAR(*values.average_precision, expected[2], 1e-12) << where;
    EXPECT_NEAR(values.f1_max->value, expected[3], 1e-12) << where;
    EXPECT_NEAR(*values.aupro_mvtec, expected[4], 1e-12) << where;
    EXPECT_NEAR(*result(5000).aupro_mvtec, expected[5], 1e-12) << where;
    // Its thresholds are float32 sums; NaN where the kept rates have no range.
    EXPECT_EQ(values.aupro_anomalyclip.has_value(), !std::isnan(expected[6])) << where;
    if (values.aupro_anomalyclip) {
      EXPECT_NEAR(*values.aupro_anomalyclip, expected[6], 1e-9) << where;
    }
    // anomalib adds up float32.
    EXPECT_NEAR(*values.aupro, expected[7], 1e-5) << where;
  }
}

}  // namespace
}  // namespace looktwice::metrics
