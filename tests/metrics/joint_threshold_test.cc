#include "metrics/pixel/joint_threshold.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <random>
#include <set>
#include <stdexcept>

#include "metrics/catalogue.h"

namespace looktwice::metrics {
namespace {

using Random = std::independent_bits_engine<std::mt19937, 32, std::uint32_t>;

struct Picture {
  std::string category = {};
  std::vector<float> map = {};
  std::vector<std::uint8_t> mask = {};
  bool anomalous() const { return std::ranges::count(mask, 0) != std::ssize(mask); }
};

struct Streamed {
  std::optional<JointResult> result = {};
  int passes = 0;
  std::string why_not = {};
};

Streamed streamed(const std::vector<Picture>& pictures, const JointOptions& options = {},
                  int parts = 1) {
  JointThreshold joint(options);
  int pass = 0;
  for (; pass < joint.passes(); ++pass) {
    joint.begin_pass(pass);
    std::vector<JointThreshold> clones;
    for (int c = 1; c < parts; ++c) clones.push_back(joint.clone_empty());
    for (std::size_t i = 0; i < pictures.size(); ++i) {
      const std::size_t part = i % static_cast<std::size_t>(parts);
      (part == 0 ? joint : clones[part - 1])
          .add("picture " + std::to_string(i), pictures[i].category, pictures[i].anomalous(),
               pictures[i].map, pictures[i].mask);
    }
    for (const JointThreshold& clone : clones) joint.merge(clone);
    joint.end_pass();
  }
  return {joint.result(), pass, joint.why_not()};
}

std::map<std::string, PixelsAndPictures> counted(const std::vector<Picture>& pictures,
                                                 double pixel_threshold, double picture_threshold) {
  std::map<std::string, PixelsAndPictures> counts;
  for (const Picture& picture : pictures) {
    PixelsAndPictures& own = counts[picture.category];
    for (std::size_t i = 0; i < picture.map.size(); ++i)
      own.pixels.add(picture.mask[i] != 0, static_cast<double>(picture.map[i]) >= pixel_threshold);
    own.pictures.add(
        picture.anomalous(),
        static_cast<double>(*std::ranges::max_element(picture.map)) >= picture_threshold);
  }
  return counts;
}

// a and b at that threshold, as the protocol defines them.
std::pair<double, double> f1s(const std::vector<Picture>& pictures, double threshold, bool pooled) {
  Confusion pixels, images;
  double a = 0, b = 0;
  int of_a = 0, of_b = 0;
  for (const auto& [name, own] : counted(pictures, threshold, threshold)) {
    pixels += own.pixels;
    images += own.pictures;
    if (own.pixels.positives() > 0) a += *own.pixels.f1(), ++of_a;
    if (own.pictures.positives() > 0) b += *own.pictures.f1(), ++of_b;
  }
  if (pooled) return {*pixels.f1(), *images.f1()};
  return {a / of_a, b / of_b};
}

double harmonic(std::pair<double, double> ab) {
  return ab.first + ab.second > 0 ? 2 * ab.first * ab.second / (ab.first + ab.second) : 0;
}

std::set<double> distinct(const std::vector<Picture>& pictures) {
  std::set<double> scores;
  for (const Picture& picture : pictures)
    for (const float score : picture.map) scores.insert(static_cast<double>(score) + 0.0);
  return scores;
}

// The lowest of the best candidates. Values closer than rounding count as equal.
double best_of(const std::set<double>& candidates, const std::function<double(double)>& value) {
  double most = -1, best = 0;
  for (const double t : candidates)
    if (const double own = value(t); own > most + 1e-13) {
      most = own;
      best = t;
    }
  return best;
}

std::set<double> grid(const std::vector<Picture>& pictures) {
  const std::set<double> scores = distinct(pictures);
  const double lowest = *scores.begin(), highest = *scores.rbegin();
  std::set<double> candidates;
  for (int k = 0; k <= 1000; ++k)
    candidates.insert(k == 1000 ? highest : lowest + (highest - lowest) * k / 1000);
  return candidates;
}

std::vector<Picture> random_pictures(unsigned seed, int kind) {
  Random random(seed);
  const auto score = [&](bool anomalous) -> float {
    switch (kind) {
      case 0:
        return std::normal_distribution<float>(anomalous ? 1.F : 0.F, 1)(random);
      case 1:  // tied
        return static_cast<float>(static_cast<int>(random() % 5) + (anomalous ? 2 : 0));
      case 2:  // 0 and 1
        return random() % 10 < (anomalous ? 7 : 3) ? 1.F : 0.F;
      case 3:  // neighbours: many scores in one range of leading bits
        return std::bit_cast<float>(0x3f800000U + static_cast<unsigned>(random() % 3000) +
                                    (anomalous ? 900U : 0U));
      case 4:  // sizes apart
        return std::ldexp(random() % 2 ? 1.F : -1.F, static_cast<int>(random() % 200) - 100) *
               (anomalous ? 1.5F : 1.F);
      default:
        return 0.25F;
    }
  };
  std::vector<Picture> pictures;
  for (const char* category : {"a", "b", "c"})
    for (int p = 0; p < 5; ++p) {
      Picture picture{.category = category};
      const bool anomalous = p % 2 == 1 && category[0] != 'c';  // c: normal only
      for (int i = 0; i < 40; ++i) {
        picture.mask.push_back(anomalous && (i % 7 == 0 || random() % 9 == 0));
        picture.map.push_back(score(picture.mask.back() != 0));
      }
      pictures.push_back(std::move(picture));
    }
  return pictures;
}

TEST(JointThreshold, HandWorked) {
  // Scores from 0 to 10. At 6: pixels 1 of 2 found, 0 false, F1 2/3; pictures both right, F1 1.
  // At 4: 2 of 2, 1 false, F1 4/5; the normal picture, whose maximum is 5, is called, F1 2/3.
  const std::vector<Picture> pictures = {{"x", {10, 4, 0, 3}, {1, 1, 0, 0}},
                                         {"x", {5, 0, 1, 1}, {0, 0, 0, 0}}};
  const Streamed grid = streamed(pictures);
  ASSERT_TRUE(grid.result);
  EXPECT_EQ(grid.passes, 2);
  EXPECT_EQ(grid.result->lowest, 0);
  EXPECT_EQ(grid.result->highest, 10);
  EXPECT_DOUBLE_EQ(grid.result->pixel_threshold, 5.01);  // the lowest candidate above 5
  EXPECT_EQ(grid.result->categories.at("x"), (PixelsAndPictures{{1, 0, 1, 6}, {1, 0, 0, 1}}));
  const Streamed exact = streamed(pictures, {.search = ThresholdSearch::exact});
  EXPECT_EQ(exact.result->pixel_threshold, 10);
  const Streamed apart = streamed(pictures, {.search = ThresholdSearch::separate});
  EXPECT_EQ(apart.result->pixel_threshold, 4);
  EXPECT_EQ(apart.result->picture_threshold, 10);
  EXPECT_EQ(apart.result->categories.at("x"), (PixelsAndPictures{{2, 1, 0, 5}, {1, 0, 0, 1}}));
  const Streamed given = streamed(pictures, {.search = ThresholdSearch::given, .threshold = 3});
  EXPECT_EQ(given.passes, 1);
  EXPECT_EQ(given.result->categories.at("x"), (PixelsAndPictures{{2, 2, 0, 4}, {1, 1, 0, 0}}));
}

TEST(JointThreshold, OfTheGridEqualsTryingAllCandidates) {
  for (int kind = 0; kind < 6; ++kind)
    for (unsigned seed = 0; seed < 3; ++seed)
      for (const bool pooled : {false, true}) {
        const auto pictures = random_pictures(seed, kind);
        const double expected =
            best_of(grid(pictures), [&](double t) { return harmonic(f1s(pictures, t, pooled)); });
        const Streamed found = streamed(pictures, {.pooled = pooled});
        const std::string where = "kind " + std::to_string(kind) + ", seed " +
                                  std::to_string(seed) + (pooled ? ", pooled" : "");
        EXPECT_EQ(found.result->pixel_threshold, expected) << where;
        EXPECT_EQ(found.result->picture_threshold, expected) << where;
        EXPECT_EQ(found.result->categories, counted(pictures, expected, expected)) << where;
      }
}

TEST(JointThreshold, ABoundOfMemoryChangesNoBit) {
  for (int kind = 0; kind < 6; ++kind)
    for (unsigned seed = 0; seed < 3; ++seed)
      for (const ThresholdSearch search : {ThresholdSearch::exact, ThresholdSearch::separate}) {
        const auto pictures = random_pictures(seed, kind);
        const Streamed whole = streamed(pictures, {.search = search});
        // One range at a time, and three: 3 categories take 4 kB for each.
        for (const std::int64_t memory : {1, 3 * 12288 * 3}) {
          const Streamed found =
              streamed(pictures, {.search = search, .memory = memory, .threads = 2});
          const std::string where = "kind " + std::to_string(kind) + ", seed " +
                                    std::to_string(seed) + ", " + std::to_string(memory);
          EXPECT_GT(found.passes, whole.passes) << where;
          EXPECT_EQ(found.result->pixel_threshold, whole.result->pixel_threshold) << where;
          EXPECT_EQ(found.result->picture_threshold, whole.result->picture_threshold) << where;
          EXPECT_EQ(found.result->categories, whole.result->categories) << where;
        }
      }
}

TEST(JointThreshold, OfTheExactSearchEqualsTryingAllScores) {
  for (int kind = 0; kind < 6; ++kind)
    for (unsigned seed = 0; seed < 3; ++seed)
      for (const bool pooled : {false, true}) {
        const auto pictures = random_pictures(seed, kind);
        const double expected = best_of(
            distinct(pictures), [&](double t) { return harmonic(f1s(pictures, t, pooled)); });
        const Streamed found =
            streamed(pictures, {.search = ThresholdSearch::exact, .pooled = pooled});
        const std::string where = "kind " + std::to_string(kind) + ", seed " +
                                  std::to_string(seed) + (pooled ? ", pooled" : "");
        EXPECT_EQ(found.result->pixel_threshold, expected) << where;
        EXPECT_EQ(found.result->categories, counted(pictures, expected, expected)) << where;
        EXPECT_LE(found.passes, 4) << where;
      }
}

TEST(JointThreshold, OfAnomalibAreTwoEachBestForItsOwn) {
  for (int kind = 0; kind < 6; ++kind)
    for (unsigned seed = 0; seed < 3; ++seed)
      for (const bool pooled : {false, true}) {
        const auto pictures = random_pictures(seed, kind);
        std::set<double> maxima;
        for (const Picture& picture : pictures)
          maxima.insert(static_cast<double>(*std::ranges::max_element(picture.map)));
        const double of_pixels =
            best_of(distinct(pictures), [&](double t) { return f1s(pictures, t, pooled).first; });
        const double of_pictures =
            best_of(maxima, [&](double t) { return f1s(pictures, t, pooled).second; });
        const Streamed found =
            streamed(pictures, {.search = ThresholdSearch::separate, .pooled = pooled});
        const std::string where = "kind " + std::to_string(kind) + ", seed " +
                                  std::to_string(seed) + (pooled ? ", pooled" : "");
        EXPECT_EQ(found.result->pixel_threshold, of_pixels) << where;
        EXPECT_EQ(found.result->picture_threshold, of_pictures) << where;
        EXPECT_EQ(found.result->categories, counted(pictures, of_pixels, of_pictures)) << where;
      }
}

TEST(JointThreshold, OrderAndPartsChangeNothing) {
  for (const auto search : {ThresholdSearch::grid, ThresholdSearch::exact,
                            ThresholdSearch::separate, ThresholdSearch::given})
    for (unsigned seed = 0; seed < 3; ++seed) {
      auto pictures = random_pictures(seed, 0);
      const auto whole = streamed(pictures, {.search = search}).result;
      Random random(seed);
      std::shuffle(pictures.begin(), pictures.end(), random);
      for (const int parts : {1, 2, 7}) {
        const auto other = streamed(pictures, {.search = search}, parts).result;
        EXPECT_EQ(other->pixel_threshold, whole->pixel_threshold);
        EXPECT_EQ(other->picture_threshold, whole->picture_threshold);
        EXPECT_EQ(other->categories, whole->categories);
      }
    }
}

TEST(JointThreshold, WithoutAnomaliesThereIsNoneAndAReason) {
  const std::vector<Picture> normal = {{"x", {1, 2}, {0, 0}}};
  for (const auto search :
       {ThresholdSearch::grid, ThresholdSearch::exact, ThresholdSearch::separate}) {
    EXPECT_FALSE(streamed(normal, {.search = search}).result);
    EXPECT_EQ(streamed(normal, {.search = search}).why_not, "no anomalous pixel");
    EXPECT_EQ(streamed({}, {.search = search}).why_not, "no anomaly map with a mask");
  }
  EXPECT_TRUE(streamed(normal, {.search = ThresholdSearch::given}).result);
}

TEST(JointThreshold, FaultsNameThePicture) {
  for (const Picture& bad :
       std::vector<Picture>{{"x", {1, std::nanf("")}, {0, 1}}, {"x", {1, 1}, {1}}, {"x", {}, {}}})
    try {
      streamed({bad});
      FAIL() << "accepted";
    } catch (const std::invalid_argument& error) {
      EXPECT_EQ(std::string(error.what()).rfind("picture 0: ", 0), 0u) << error.what();
    }
}

TEST(JointFamily, GivesEachCategoryAndAllTogether) {
  for (const MetricEntry& entry : metric_catalogue()) {
    if (entry.name != "joint") continue;
    EXPECT_TRUE(entry.across);
    const auto metric = entry.make({});
    const std::vector<float> bad = {10, 4, 0, 3}, good = {5, 0, 1, 1};
    const std::vector<std::uint8_t> mask = {1, 1, 0, 0}, none = {0, 0, 0, 0};
    for (int pass = 0; pass < metric->passes(); ++pass) {
      metric->begin_pass(pass);
      for (const char* category : {"x", "y"}) {
        metric->add({.id = "1",
                     .positive = true,
                     .map = bad,
                     .mask = mask,
                     .width = 2,
                     .height = 2,
                     .category = category});
        metric->add({.id = "2",
                     .positive = false,
                     .map = good,
                     .mask = none,
                     .width = 2,
                     .height = 2,
                     .category = category});
      }
      metric->end_pass();
    }
    const auto by_category = metric->by_category();
    ASSERT_EQ(by_category.size(), 2u);
    for (const auto& values : {metric->values(), by_category.at("x"), by_category.at("y")}) {
      ASSERT_EQ(values.size(), entry.gives.size());
      for (std::size_t i = 0; i < values.size(); ++i)
        EXPECT_EQ(values[i].name, entry.gives[i].name);
      EXPECT_DOUBLE_EQ(*values[0].value, 2.0 / 3);
      EXPECT_DOUBLE_EQ(*values[1].value, 7.0 / 8);
      EXPECT_DOUBLE_EQ(*values[2].value, 1);
      EXPECT_DOUBLE_EQ(*values[4].value, 0.501);
      EXPECT_DOUBLE_EQ(*values[0].threshold, 5.01);
    }
    return;
  }
  FAIL() << "no family joint";
}

}  // namespace
}  // namespace looktwice::metrics
