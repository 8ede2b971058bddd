#include "metrics/pixel/pixel_stream.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <stdexcept>
#include <thread>

#include "metrics/catalogue.h"
#include "tests/metrics/pixel_reference.h"
#include "tests/support/sanitized.h"

namespace looktwice::metrics {
namespace {

using reference::Picture;
using reference::Random;
using reference::streamed;

bool same_bits(const PixelResult& a, const PixelResult& b) {
  const auto bits = [](std::optional<double> value) {
    return value ? std::bit_cast<std::uint64_t>(*value) : std::uint64_t{0x7ff8dead};
  };
  return a.images == b.images && a.normal == b.normal && a.anomalous == b.anomalous &&
         a.regions == b.regions && bits(a.auroc) == bits(b.auroc) &&
         bits(a.average_precision) == bits(b.average_precision) && bits(a.aupro) == bits(b.aupro) &&
         bits(a.aupro_anomalyclip) == bits(b.aupro_anomalyclip) &&
         bits(a.aupro_mvtec) == bits(b.aupro_mvtec) &&
         a.f1_max.has_value() == b.f1_max.has_value() &&
         (!a.f1_max || (bits(a.f1_max->value) == bits(b.f1_max->value) &&
                        a.f1_max->threshold == b.f1_max->threshold)) &&
         a.at_threshold == b.at_threshold && a.at_half == b.at_half;
}

TEST(PixelStream, HandWorkedPicture) {
  // Two regions: {0.9, 0.4} and {0.8}. Normal: 0.8, 0.5, 0.1.
  const std::vector<Picture> pictures = {
      {3, 2, {0.9F, 0.5F, 0.8F, 0.4F, 0.1F, 0.8F}, {1, 0, 1, 1, 0, 0}}};
  const PixelResult result = streamed(pictures, {.fpr_limit = 0.5});
  EXPECT_EQ(result.regions, 2);
  EXPECT_EQ(result.anomalous, 3);
  EXPECT_EQ(result.normal, 3);
  // 0.9 beats 3, 0.8 beats 2 and ties 1, 0.4 beats 1.
  EXPECT_DOUBLE_EQ(*result.auroc, (3 + 2.5 + 1) / 9);
  // Precision 1/1 at 0.9, 2/3 at 0.8, 3/5 at 0.4.
  EXPECT_DOUBLE_EQ(*result.average_precision, (1 + 2.0 / 3 + 3.0 / 5) / 3);
  EXPECT_DOUBLE_EQ(result.f1_max->value, 6.0 / 8);  // at 0.4: 3 found, 2 false
  EXPECT_FLOAT_EQ(result.f1_max->threshold, 0.4F);
  // (0, 1/4) at 0.9, ramp to (1/3, 3/4) at 0.8, flat to 1/2.
  EXPECT_DOUBLE_EQ(*result.aupro, ((0.25 + 0.75) / 2 / 3 + 0.75 * (0.5 - 1.0 / 3)) / 0.5);
  EXPECT_EQ(result.at_threshold, (Confusion{2, 2, 1, 1}));  // 0.5
}

TEST(PixelStream, EqualsTheDefinitionsOnRandomMaps) {
  const std::vector<std::pair<const char*, std::function<float(Random&, bool)>>> kinds = {
      {"continuous",
       [](auto& r, bool a) {
         return std::uniform_real_distribution<float>(0, 1)(r) + (a ? 0.3F : 0.F);
       }},
      {"tied",
       [](auto& r, bool a) { return static_cast<float>(static_cast<int>(r() % 4) + (a ? 1 : 0)); }},
      {"0 and 1", [](auto& r, bool a) { return r() % 10 < (a ? 7 : 3) ? 1.F : 0.F; }},
      {"constant", [](auto&, bool) { return 0.25F; }},
      {"negative",
       [](auto& r, bool a) { return std::normal_distribution<float>(a ? -3.F : -5.F, 2)(r); }},
      {"denormal",
       [](auto& r, bool a) {
         return static_cast<float>(static_cast<int>(r() % 40) - 20 + (a ? 5 : 0)) * 1e-45F;
       }},
      {"huge",
       [](auto& r, bool a) {
         return std::uniform_real_distribution<float>(-1, 1)(r) * (a ? 3e38F : 1e30F);
       }},
      {"bit neighbours",
       [](auto& r, bool a) {
         return std::bit_cast<float>(0x3f7ffff0U + static_cast<unsigned>(r() % 32) + (a ? 4U : 0U));
       }},
      {"signed zero", [](auto& r, bool) { return r() % 3 == 0 ? -0.F
                                                 : r() % 2    ? 0.F
                                                              : 1e-30F; }},
  };
  for (const auto& [name, score] : kinds)
    for (unsigned seed = 0; seed < 12; ++seed) {
      Random random(seed);
      const auto pictures = reference::random_pictures(
          random, 4, 11, [&, &score = score](bool a) { return score(random, a); });
      for (const double limit : {0.3, 0.05, 1.0}) {
        const reference::Result expected = reference::result(pictures, limit);
        const PixelResult result = streamed(pictures, {.fpr_limit = limit});
        const std::string where = std::string(name) + ", seed " + std::to_string(seed) +
                                  ", limit " + std::to_string(limit);
        EXPECT_NEAR(*result.auroc, expected.auroc, 1e-12) << where;
        EXPECT_NEAR(*result.average_precision, expected.average_precision, 1e-12) << where;
        EXPECT_NEAR(result.f1_max->value, expected.f1_max, 1e-12) << where;
        EXPECT_EQ(static_cast<double>(result.f1_max->threshold), expected.f1_threshold) << where;
        EXPECT_NEAR(*result.aupro, expected.aupro, 1e-12) << where;
      }
    }
}

std::vector<Picture> some_pictures(unsigned seed, int count = 12, int largest = 70) {
  Random random(seed);
  return reference::random_pictures(random, count, largest, [&](bool a) {
    const float score = std::normal_distribution<float>(a ? 1.F : 0.F, 1)(random);
    return random() % 4 ? score : std::round(score * 4) / 4;
  });
}

TEST(PixelStream, OrderAndPartsChangeNoBit) {
  const PixelOptions options = {.equidistant_scores = true, .equidistant_positions = 50};
  for (unsigned seed = 0; seed < 8; ++seed) {
    std::vector<Picture> pictures = some_pictures(seed);
    const PixelResult whole = streamed(pictures, options);
    for (const int parts : {2, 3, 7})
      EXPECT_TRUE(same_bits(streamed(pictures, options, parts), whole)) << "seed " << seed;
    Random random(seed);
    std::shuffle(pictures.begin(), pictures.end(), random);
    EXPECT_TRUE(same_bits(streamed(pictures, options, 2), whole)) << "seed " << seed;
    EXPECT_TRUE(same_bits(
        streamed(pictures, {.equidistant_scores = true, .equidistant_positions = 50, .threads = 4}),
        whole));
  }
}

TEST(PixelStream, RealThreadsChangeNoBit) {
  const std::vector<Picture> pictures = some_pictures(99, 40, 200);
  const PixelResult one = streamed(pictures);
  for (const int workers : {1, 2, 4, 2, 4}) {
    PixelStream stream({.threads = workers});
    for (int pass = 0; pass < stream.passes(); ++pass) {
      stream.begin_pass(pass);
      std::vector<PixelStream> parts;
      for (int t = 0; t < workers; ++t) parts.push_back(stream.clone_empty());
      std::atomic<std::size_t> next = 0;
      {
        std::vector<std::jthread> threads;
        for (PixelStream& part : parts)
          threads.emplace_back([&] {
            for (std::size_t i = next++; i < pictures.size(); i = next++)
              part.add("", pictures[i].map, pictures[i].mask, pictures[i].width,
                       pictures[i].height);
          });
      }
      for (const PixelStream& part : parts) stream.merge(part);
    }
    EXPECT_TRUE(same_bits(stream.result(), one)) << workers;
  }
}

TEST(PixelStream, ABoundOfMemoryChangesNoBit) {
  // About 220,000 anomalous pixels, where the smallest bound holds 65,536; one half is tied.
  std::vector<Picture> pictures = some_pictures(3, 8, 60);
  Random random(17);
  for (int k = 0; k < 4; ++k) {
    Picture picture{300, 300, {}, {}};
    for (int i = 0; i < 300 * 300; ++i) {
      picture.mask.push_back(i % 300 < 180);
      const float score = std::normal_distribution<float>(i % 300 < 180 ? 1.F : 0.F, 1)(random);
      picture.map.push_back(random() % 2 ? score : std::round(score));
    }
    pictures.push_back(std::move(picture));
  }
  PixelOptions options = {.equidistant_scores = true, .equidistant_positions = 50};
  const PixelResult whole = streamed(pictures, options);
  options.memory = 1;
  PixelStream stream(options);
  int passes = 0;
  for (; passes < stream.passes(); ++passes) {
    stream.begin_pass(passes);
    for (const Picture& picture : pictures)
      stream.add("", picture.map, picture.mask, picture.width, picture.height);
  }
  EXPECT_GE(passes, 7) << "the bound was not reached: nothing is tested";
  EXPECT_TRUE(same_bits(stream.result(), whole));
  EXPECT_TRUE(same_bits(streamed(pictures, options, 3), whole));
  options.memory = std::int64_t{1} << 30;
  EXPECT_TRUE(same_bits(streamed(pictures, options, 3), whole));
}

TEST(PixelStream, ProcessorsOfAllKindsGiveTheSameBits) {
  for (unsigned seed = 0; seed < 6; ++seed) {
    std::vector<Picture> pictures = some_pictures(seed, 10, 90);
    Picture many{220, 200};  // piles of all sizes, and stretches of one score
    Random random(seed);
    for (int i = 0; i < many.width * many.height; ++i) {
      many.mask.push_back(random() % 50 == 0);
      const float score = std::normal_distribution<float>(many.mask.back() ? 1.F : 0.F, 1)(random);
      many.map.push_back(i / 2000 % 5 == 0 ? 0.25F : i % 3 ? score : std::round(score * 8) / 8);
    }
    pictures.push_back(many);
    PixelOptions options = {.equidistant_scores = true, .equidistant_positions = 50};
    options.lanes = &pixel_lanes().front();
    const PixelResult plain = streamed(pictures, options);
    for (const PixelLanes& lanes : pixel_lanes()) {
      options.lanes = &lanes;
      EXPECT_TRUE(same_bits(streamed(pictures, options, 2), plain))
          << lanes.name << ", seed " << seed;
    }
    options.lanes = nullptr;
    EXPECT_TRUE(same_bits(streamed(pictures, options), plain)) << "seed " << seed;
  }
}

TEST(PixelStream, MonotoneMapsChangeNothingButTheThreshold) {
  for (unsigned seed = 0; seed < 5; ++seed) {
    std::vector<Picture> pictures = some_pictures(seed);
    const PixelResult before = streamed(pictures);
    for (Picture& picture : pictures)
      for (float& score : picture.map) score = std::ldexp(score, 20);  // exact, so ties stay ties
    const PixelResult after = streamed(pictures);
    EXPECT_EQ(*before.auroc, *after.auroc);
    EXPECT_EQ(*before.average_precision, *after.average_precision);
    EXPECT_EQ(*before.aupro, *after.aupro);
    EXPECT_EQ(before.f1_max->value, after.f1_max->value);
    EXPECT_EQ(std::ldexp(before.f1_max->threshold, 20), after.f1_max->threshold);
  }
}

TEST(PixelStream, NoSquashing) {
  // Scores beyond 0..1, and scores + 40, keep their order: a sigmoid in float32 ties everything
  // above about 17.
  std::vector<Picture> pictures = some_pictures(5);
  for (Picture& picture : pictures)
    for (float& score : picture.map) score = std::round(score * 64) / 64;  // + 40 is exact
  const PixelResult before = streamed(pictures);
  for (Picture& picture : pictures)
    for (float& score : picture.map) score += 40;
  const PixelResult after = streamed(pictures);
  EXPECT_EQ(*before.auroc, *after.auroc);
  EXPECT_EQ(*before.average_precision, *after.average_precision);
  EXPECT_EQ(before.f1_max->threshold + 40, after.f1_max->threshold);
}

TEST(PixelStream, OneOutlierMovesNothing) {
  // Bins over [minimum, maximum] would all collapse into the first.
  std::vector<Picture> pictures = some_pictures(6);
  pictures.push_back({1, 1, {5.F}, {0}});
  const PixelResult before = streamed(pictures);
  pictures.back().map[0] = 1e30F;
  const PixelResult after = streamed(pictures);
  EXPECT_EQ(*before.auroc, *after.auroc);
  EXPECT_EQ(*before.average_precision, *after.average_precision);
  EXPECT_EQ(*before.aupro, *after.aupro);
}

TEST(PixelStream, ManyDistinctScoresInOneGroup) {
  // All 65536 values of one group of leading bits, each anomalous once and normal twice.
  Picture picture{256, 768, {}, {}};
  for (unsigned i = 0; i < 3 * 65536; ++i) {
    picture.map.push_back(std::bit_cast<float>(0x3f000000U + (i * 40503U) % 65536U));
    picture.mask.push_back(i / 65536 == 1);
  }
  const PixelResult result = streamed({picture});
  EXPECT_DOUBLE_EQ(*result.auroc, 0.5);
  EXPECT_NEAR(*result.aupro, 0.15, 1e-12);
}

// Few anomalous scores among many normal ones with the same leading bits, some equal to them, also
// at the ends of the range of a group.
TEST(PixelStream, ManyNormalPixelsAroundFewScores) {
  for (unsigned seed = 0; seed < 6; ++seed) {
    Random random(seed);
    const std::uint32_t apart = seed % 2 ? 1 : 61;  // 61: every score on one of 1075 values
    const auto score = [&] {
      const std::uint32_t trailing = random() % 0x10000U / apart * apart;
      return std::bit_cast<float>(0x3f400000U + random() % 2 * 0x10000U + trailing);
    };
    Picture picture{100, 80};
    for (int i = 0; i < picture.width * picture.height; ++i) {
      picture.map.push_back(score());
      picture.mask.push_back(random() % 200 == 0);
    }
    picture.map[7] = std::bit_cast<float>(0x3f400000U);
    picture.map[8] = std::bit_cast<float>(0x3f41ffffU);
    picture.mask[7] = picture.mask[8] = seed % 3 == 0;
    const reference::Result expected = reference::result({picture}, 0.3);
    for (const int parts : {1, 2}) {
      const PixelResult result = streamed({picture}, {.threads = parts}, parts);
      EXPECT_NEAR(*result.auroc, expected.auroc, 1e-12) << "seed " << seed;
      EXPECT_NEAR(*result.average_precision, expected.average_precision, 1e-12) << "seed " << seed;
      EXPECT_NEAR(result.f1_max->value, expected.f1_max, 1e-12) << "seed " << seed;
      EXPECT_NEAR(*result.aupro, expected.aupro, 1e-12) << "seed " << seed;
    }
  }
}

TEST(PixelStream, UndefinedIsEmpty) {
  const PixelResult none = streamed({});
  EXPECT_FALSE(none.auroc || none.average_precision || none.f1_max || none.aupro);
  const PixelResult normal = streamed({{2, 1, {1.F, 2.F}, {0, 0}}});
  EXPECT_FALSE(normal.auroc || normal.average_precision || normal.f1_max || normal.aupro);
  const PixelResult anomalous = streamed({{2, 1, {1.F, 2.F}, {1, 1}}});
  EXPECT_FALSE(anomalous.auroc || anomalous.aupro);
  EXPECT_EQ(*anomalous.average_precision, 1);
  EXPECT_EQ(anomalous.f1_max->value, 1);
  EXPECT_EQ(anomalous.f1_max->threshold, 1.F);
}

TEST(PixelStream, NotFiniteNamesThePicture) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
        -std::numeric_limits<float>::infinity()})
    for (const std::size_t where : {std::size_t{0}, std::size_t{1}, std::size_t{99}}) {
      std::vector<Picture> pictures = {
          {10, 10, std::vector<float>(100, 1.F), std::vector<std::uint8_t>(100, 0)}};
      pictures[0].mask[1] = 1;
      pictures[0].map[where] = bad;
      try {
        streamed(pictures);
        FAIL() << "accepted " << bad;
      } catch (const std::invalid_argument& error) {
        EXPECT_NE(std::string(error.what()).find("picture 0"), std::string::npos);
      }
    }
}

TEST(PixelStream, RefusesSizesThatDoNotFit) {
  PixelStream stream({});
  stream.begin_pass(0);
  const std::vector<float> map(6, 0.F);
  EXPECT_THROW(stream.add("a", map, std::vector<std::uint8_t>(5, 0), 3, 2), std::invalid_argument);
  EXPECT_THROW(stream.add("a", map, {}, 2, 2), std::invalid_argument);
  EXPECT_THROW(stream.add("a", {}, {}, 0, 0), std::invalid_argument);
  EXPECT_THROW(PixelStream({.fpr_limit = 0}), std::invalid_argument);
}

TEST(PixelStream, APassThatShowsOtherPixelsIsNoResult) {
  PixelStream stream({});
  const std::vector<float> map = {1, 2};
  const std::vector<std::uint8_t> mask = {0, 1};
  stream.begin_pass(0);
  stream.add("a", map, mask, 2, 1);
  EXPECT_THROW(stream.result(), std::logic_error);
  stream.begin_pass(1);
  EXPECT_FALSE(stream.complete());
  EXPECT_THROW(stream.result(), std::logic_error);
  stream.add("a", map, mask, 2, 1);
  EXPECT_EQ(*stream.result().auroc, 1);
  EXPECT_EQ(*stream.result().auroc, 1);  // asked twice
}

TEST(PixelStream, MoreThan2To31PixelsAndEqualScores) {
  if (test::kSanitized) GTEST_SKIP() << "minutes under a sanitizer";
  // One map of 2^22 equal scores shown 513 times; float32 sums stop at 2^24, int at 2^31. Any width
  // will do.
  constexpr int kSide = 2048, kTimes = 513;
  const std::vector<float> map(std::size_t{kSide} * kSide, 0.5F);
  std::vector<std::uint8_t> mask(map.size(), 0);
  PixelStream stream({});
  for (int pass = 0; pass < 2; ++pass) {
    stream.begin_pass(pass);
    for (int i = 0; i < kTimes; ++i) stream.add("even", map, {}, kSide, kSide);
    mask[0] = 1;
    stream.add("odd", map, mask, kSide, kSide);
  }
  const PixelResult result = stream.result();
  EXPECT_EQ(result.normal, std::int64_t{kSide} * kSide * (kTimes + 1) - 1);
  EXPECT_EQ(*result.auroc, 0.5);
  EXPECT_EQ(result.at_threshold.false_positives, result.normal);
  EXPECT_DOUBLE_EQ(*result.aupro, 0.15);
  EXPECT_DOUBLE_EQ(*result.average_precision, 1.0 / static_cast<double>(result.normal + 1));
}

TEST(PixelFamily, GivesItsValuesAndReasons) {
  for (const MetricEntry& entry : metric_catalogue()) {
    if (entry.name != "pixel") continue;
    EXPECT_TRUE(entry.pixel);
    const std::unique_ptr<Metric> metric = entry.make({});
    const std::vector<float> map = {0.1F, 0.9F, 0.2F, 0.3F};
    const std::vector<std::uint8_t> mask = {0, 1, 0, 0};
    for (int pass = 0; pass < metric->passes(); ++pass) {
      metric->begin_pass(pass);
      const auto part = metric->clone_empty();
      part->add({.id = "a", .positive = true, .map = map, .mask = mask, .width = 2, .height = 2});
      part->add(
          {.id = "b", .positive = false, .map = map, .width = 2, .height = 2});  // no mask needed
      part->add(
          {.id = "c", .positive = true, .map = map, .width = 2, .height = 2});  // mask missing
      part->add({.id = "d", .positive = true});
      metric->merge(*part);
    }
    const std::vector<Value> values = metric->values();
    ASSERT_EQ(values.size(), entry.gives.size());
    for (std::size_t i = 0; i < values.size(); ++i) EXPECT_EQ(values[i].name, entry.gives[i].name);
    EXPECT_EQ(values[0].used, 2);
    EXPECT_EQ(values[0].skipped, 2);
    EXPECT_DOUBLE_EQ(*values[0].value, 6.5 / 7);
    EXPECT_FLOAT_EQ(static_cast<float>(*values[2].threshold), 0.9F);

    const std::unique_ptr<Metric> empty = entry.make({});
    EXPECT_EQ(empty->values()[0].reason, "not all maps were shown in the last pass");
    empty->begin_pass(0);
    empty->begin_pass(1);
    for (const Value& value : empty->values())
      EXPECT_EQ(value.reason, "no anomaly map with a mask");
    return;
  }
  FAIL() << "family pixel is not in the catalogue";
}

}  // namespace
}  // namespace looktwice::metrics
