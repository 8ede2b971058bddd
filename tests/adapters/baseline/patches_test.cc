// The parts of the baseline against cases worked out by hand and against slow, plain loops.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "adapters/baseline/contrast_map.h"
#include "adapters/baseline/memory.h"
#include "adapters/baseline/patches.h"
#include "adapters/baseline/planes.h"
#include "adapters/baseline/self_contrast.h"

namespace looktwice::adapters::baseline {
namespace {

Image grey_image(int width, int height, const std::vector<int>& values) {
  Image image{.width = width, .height = height, .channels = 3};
  for (const int value : values)
    image.pixels.insert(image.pixels.end(), 3, static_cast<std::uint8_t>(value));
  return image;
}

Plane random_plane(int width, int height, std::uint32_t seed) {
  std::mt19937 bits(seed);
  Plane plane{.width = width, .height = height};
  for (int i = 0; i < width * height; ++i)
    plane.values.push_back(static_cast<float>(bits() % 1024) / 1024);
  return plane;
}

Plane mirrored(const Plane& plane, bool in_x, bool in_y) {
  Plane out = plane;
  for (int y = 0; y < plane.height; ++y)
    for (int x = 0; x < plane.width; ++x) {
      const int from_x = in_x ? plane.width - 1 - x : x, from_y = in_y ? plane.height - 1 - y : y;
      out.values[static_cast<std::size_t>(y * plane.width + x)] =
          plane.values[static_cast<std::size_t>(from_y * plane.width + from_x)];
    }
  return out;
}

TEST(Planes, AreRelativeToTheMeanBrightness) {
  const auto levels = levels_of(grey_image(2, 2, {50, 150, 100, 100}), 32, 1, false);
  ASSERT_EQ(levels[0].planes.size(), 2u);
  const Plane& brightness = levels[0].planes[0];
  EXPECT_EQ(brightness.width, 2);
  EXPECT_FLOAT_EQ(brightness.values[0], 0.5f);
  EXPECT_FLOAT_EQ(brightness.values[1], 1.5f);
  EXPECT_FLOAT_EQ(brightness.values[2], 1.0f);
  // All four pixels lie within two of each other: their mean is 1.
  EXPECT_FLOAT_EQ(levels[0].planes[1].values[0], static_cast<float>(kDetail * 0.5));
  EXPECT_NEAR(levels[0].planes[1].values[2], 0, 1e-12);
}

TEST(Planes, ReduceToTheMeanOfTheAreaThatAPixelCovers) {
  // Three pixels to two: each takes one and a half.
  std::vector<int> row;
  for (int i = 0; i < 48; ++i) row.insert(row.end(), {30, 60, 120});
  std::vector<int> all;
  for (int i = 0; i < 144; ++i) all.insert(all.end(), row.begin(), row.end());
  const auto levels = levels_of(grey_image(144, 144, all), 96, 1, false);
  const Plane& plane = levels[0].planes[0];
  ASSERT_EQ(plane.width, 96);
  ASSERT_EQ(plane.height, 96);
  EXPECT_NEAR(plane.values[0], (30 + 60 * 0.5) / 1.5 / 70, 1e-6);
  EXPECT_NEAR(plane.values[1], (60 * 0.5 + 120) / 1.5 / 70, 1e-6);
}

TEST(Planes, StayBoundedForALineOfPixels) {
  const auto levels = levels_of(grey_image(20000, 1, std::vector<int>(20000, 9)), 32, 3, false);
  EXPECT_EQ(levels[0].planes[0].width, 32 * 32 / 8);
  EXPECT_EQ(levels[2].planes[0].width, 32);
  EXPECT_EQ(levels[2].planes[0].height, 1);
}

TEST(Planes, OfColourHoldTheTwoDifferences) {
  Image image{.width = 1, .height = 1, .channels = 3, .pixels = {200, 100, 50}};
  EXPECT_FALSE(is_grey(image));
  const auto level = levels_of(image, 32, 1, true)[0];
  ASSERT_EQ(level.planes.size(), 4u);
  const double mean = 0.299 * 200 + 0.587 * 100 + 0.114 * 50;
  EXPECT_NEAR(level.planes[2].values[0], 50 / mean, 1e-6);
  EXPECT_NEAR(level.planes[3].values[0], 50 / mean, 1e-6);
}

TEST(Polish, TakesOutWhatIsASumOfARowAndAColumn) {
  Plane plane{.width = 7, .height = 5};
  for (int y = 0; y < 5; ++y)
    for (int x = 0; x < 7; ++x) plane.values.push_back(static_cast<float>(y * y - 3 * x));
  polish(plane);
  for (const float value : plane.values) EXPECT_EQ(value, 0);
}

TEST(Polish, LeavesASpotAsItWas) {
  Plane plane{.width = 7, .height = 5, .values = std::vector<float>(35, 2.0f)};
  plane.values[16] = 5;
  polish(plane);
  for (std::size_t i = 0; i < 35; ++i) EXPECT_EQ(plane.values[i], i == 16 ? 3 : 0);
}

TEST(PatchesOf, AMirroredPictureHaveTheSameFeaturesUpToSign) {
  const Level level{{random_plane(30, 21, 1), random_plane(30, 21, 2)}};
  const Patches plain = patches_of(level, 2);
  for (const bool in_x : {false, true})
    for (const bool in_y : {false, true}) {
      Level flipped;
      for (const Plane& plane : level.planes) flipped.planes.push_back(mirrored(plane, in_x, in_y));
      const Patches other = patches_of(flipped, 1);
      const auto columns = static_cast<int>(other.lefts.size());
      for (int i = 0; i < plain.count(); ++i) {
        const int top = plain.tops[static_cast<std::size_t>(i) / plain.lefts.size()];
        const int left = plain.lefts[static_cast<std::size_t>(i) % plain.lefts.size()];
        const int there =
            (in_y ? 21 - kPatch - top : top) * columns + (in_x ? 30 - kPatch - left : left);
        for (int f = 0; f < plain.features(); ++f) {
          const bool odd_x = (f >= plain.even_even && f < plain.even_even + plain.odd_x) ||
                             f >= plain.features() - plain.odd_both;
          const bool odd_y = f >= plain.even_even + plain.odd_x;
          const float sign = (in_x && odd_x) == (in_y && odd_y) ? 1.0f : -1.0f;
          EXPECT_NEAR(plain.values[static_cast<std::size_t>(f * plain.count() + i)],
                      sign * other.values[static_cast<std::size_t>(f * other.count() + there)],
                      1e-6);
        }
      }
    }
}

TEST(PatchesOf, ALevelReachFromEdgeToEdge) {
  const Patches patches = patches_of({{random_plane(21, 8, 1)}}, 4);
  EXPECT_EQ(patches.tops, std::vector<int>{0});
  EXPECT_EQ(patches.lefts, (std::vector<int>{0, 3, 7, 10, 13}));
  EXPECT_FLOAT_EQ(patches.values[0], [] {
    const Plane plane = random_plane(21, 8, 1);
    float sum = 0;
    for (int y = 0; y < 8; ++y)
      for (int x = 0; x < 8; ++x) sum += plane.values[static_cast<std::size_t>(21 * y + x)] / 64;
    return sum;
  }()) << "the first feature is the mean";
}

// Four signs, all patches, no symmetry, no blocks.
std::vector<float> slow_distances(const Patches& p) {
  std::vector<float> all;
  const auto columns = static_cast<int>(p.lefts.size());
  for (int i = 0; i < p.count(); ++i) {
    double least = -1;
    for (int j = 0; j < p.count(); ++j) {
      const auto apart = [](const std::vector<int>& at, int a, int b) {
        return std::abs(at[static_cast<std::size_t>(a)] - at[static_cast<std::size_t>(b)]);
      };
      if (apart(p.tops, i / columns, j / columns) < kPatch &&
          apart(p.lefts, i % columns, j % columns) < kPatch)
        continue;
      for (const int s : {1, -1})
        for (const int t : {1, -1}) {
          double sum = 0;
          for (int f = 0; f < p.features(); ++f) {
            const int sign = f < p.even_even                       ? 1
                             : f < p.even_even + p.odd_x           ? s
                             : f < p.even_even + p.odd_x + p.odd_y ? t
                                                                   : s * t;
            const double d =
                p.values[static_cast<std::size_t>(f * p.count() + i)] -
                sign * static_cast<double>(p.values[static_cast<std::size_t>(f * p.count() + j)]);
            sum += d * d;
          }
          if (least < 0 || sum < least) least = sum;
        }
    }
    all.push_back(least < 0 ? 0 : static_cast<float>(std::sqrt(least)));
  }
  return all;
}

TEST(SelfDistances, EqualTheSlowOnes) {
  std::mt19937 bits(7);
  for (std::uint32_t seed = 0; seed < 40; ++seed) {
    const int width = 1 + static_cast<int>(bits() % 40), height = 1 + static_cast<int>(bits() % 40);
    const int stride = 1 + static_cast<int>(bits() % 4);
    Level level{{random_plane(width, height, seed), random_plane(width, height, seed + 100)}};
    if (seed % 2) polish(level.planes[0]);
    const Patches patches = patches_of(level, stride);
    const auto fast = self_distances(patches), slow = slow_distances(patches);
    ASSERT_EQ(fast.size(), slow.size());
    for (std::size_t i = 0; i < fast.size(); ++i)
      // The fast path picks by float products of vectors no longer than 2, so near ties may swap.
      ASSERT_NEAR(fast[i] * fast[i], slow[i] * slow[i], 64 * 1.2e-7 * 4)
          << "seed " << seed << ", patch " << i << " of " << width << "x" << height;
  }
}

TEST(SelfDistances, AreZeroForAPictureThatIsItsOwnMirrorImage) {
  Plane half = random_plane(16, 24, 3);
  Plane whole{.width = 32, .height = 24};
  const Plane other = mirrored(half, true, false);
  for (std::size_t y = 0; y < 24; ++y) {
    whole.values.insert(whole.values.end(), &half.values[16 * y], &half.values[16 * y] + 16);
    whole.values.insert(whole.values.end(), &other.values[16 * y], &other.values[16 * y] + 16);
  }
  const Patches patches = patches_of({{whole}}, 1);
  const auto distances = self_distances(patches);
  for (std::size_t i = 0; i < distances.size(); ++i) {
    const int left = patches.lefts[i % patches.lefts.size()];
    if (std::abs((32 - kPatch - left) - left) >= kPatch) {
      EXPECT_NEAR(distances[i], 0, 1e-6) << "patch at column " << left;
    }
  }
}

TEST(SelfDistances, AreZeroWhenAllPatchesOverlap) {
  const auto distances = self_distances(patches_of({{random_plane(12, 12, 3)}}, 1));
  EXPECT_EQ(distances, std::vector<float>(25, 0.0f));
}

TEST(MiddleOf, IsTheUpperOneOfTwo) {
  EXPECT_EQ(middle_of({}), 0);
  EXPECT_EQ(middle_of({5, 1, 3}), 3);
  EXPECT_EQ(middle_of({5, 1, 3, 4}), 4);
}

TEST(Pooled, IsTheMeanOverLevelsOfTheLargest) {
  const LevelContrast fine{.values = {1, 9, 2, 3, 5, 4, 8, 7, 6, 0}}, coarse{.values = {2, 1}};
  const std::vector<LevelContrast> levels = {fine, coarse};
  EXPECT_DOUBLE_EQ(pooled(levels, 0.3), (8.0 + 2.0) / 2);
  EXPECT_DOUBLE_EQ(pooled(levels, 0.001), (9.0 + 2.0) / 2);
  EXPECT_DOUBLE_EQ(pooled(levels, 1), (4.5 + 1.5) / 2);
}

TEST(Joined, InterpolatesBetweenPatchesAndContinuesToTheEdge) {
  // Two patches in a row, centres at 4 and 12 of 16 pixels; cells of 4 have theirs at 2, 6, 10, 14.
  const Patches patches{.width = 16, .height = 8, .tops = {0}, .lefts = {0, 8}};
  const AnomalyMap map = joined(std::vector<LevelContrast>{{patches, {0, 8}}}, 4);
  ASSERT_EQ(map.width, 4);
  ASSERT_EQ(map.height, 2);
  EXPECT_EQ(map.values, (std::vector<float>{0, 2, 6, 8, 0, 2, 6, 8}));
}

TEST(Memory, OfOneReferenceFindsThatReferenceUsual) {
  const Patches reference = patches_of({{random_plane(40, 30, 1)}}, 2);
  const Patches other = patches_of({{random_plane(40, 30, 2)}}, 2);
  const auto nearest = nearest_memory({&reference, 1});
  for (const float value : nearest->distances(reference)) EXPECT_EQ(value, 0);
  for (const float value : nearest->distances(other)) EXPECT_GT(value, 0.01);
  const auto gaussian = gaussian_memory({&reference, 1});
  EXPECT_LT(middle_of(gaussian->distances(reference)), middle_of(gaussian->distances(other)));
}

TEST(Memory, OfManyReferencesStaysBounded) {
  std::vector<Patches> references;
  for (std::uint32_t seed = 0; seed < 30; ++seed)
    references.push_back(patches_of({{random_plane(30, 30, seed)}}, 1));
  ASSERT_GT(30 * references[0].count(), 8192);
  const auto memory = nearest_memory(references);
  const auto distances = memory->distances(references[7]);
  // Every second patch is kept.
  EXPECT_GE(std::count(distances.begin(), distances.end(), 0.0f), references[7].count() / 2);
  EXPECT_LT(std::count(distances.begin(), distances.end(), 0.0f), references[7].count());
}

}  // namespace
}  // namespace looktwice::adapters::baseline
