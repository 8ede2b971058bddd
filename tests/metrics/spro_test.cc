#include "metrics/pixel/spro_stream.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <fstream>
#include <functional>
#include <random>
#include <set>
#include <stdexcept>

#include "metrics/catalogue.h"

namespace looktwice::metrics {
namespace {

using Random = std::independent_bits_engine<std::mt19937, 32, std::uint32_t>;

struct Own {
  std::vector<std::uint8_t> mask = {};
  std::int64_t saturation = 1;
};

struct Picture {
  int width = 0, height = 0;
  std::vector<float> map = {};
  std::vector<Own> defects = {};
  std::vector<Defect> seen() const {
    std::vector<Defect> seen;
    for (const Own& own : defects) seen.push_back({own.mask, own.saturation});
    return seen;
  }
};

SproResult streamed(const std::vector<Picture>& pictures, const SproOptions& options = {},
                    int parts = 1) {
  SproStream stream(options);
  for (int pass = 0; pass < stream.passes(); ++pass) {
    stream.begin_pass(pass);
    std::vector<SproStream> clones;
    for (int c = 1; c < parts; ++c) clones.push_back(stream.clone_empty());
    for (std::size_t i = 0; i < pictures.size(); ++i) {
      const std::size_t part = i % static_cast<std::size_t>(parts);
      const Picture& picture = pictures[i];
      (part == 0 ? stream : clones[part - 1])
          .add("picture " + std::to_string(i), picture.map, picture.seen(), picture.width,
               picture.height);
    }
    for (const SproStream& clone : clones) stream.merge(clone);
  }
  return stream.result();
}

// As the definition reads: every distinct score is a threshold, min(TP / S, 1) is counted.
std::vector<double> by_definition(const std::vector<Picture>& pictures,
                                  const std::vector<double>& limits) {
  std::set<float, std::greater<>> thresholds;
  std::vector<float> normal;
  std::vector<std::pair<std::vector<float>, std::int64_t>> defects;
  for (const Picture& picture : pictures) {
    std::vector<std::uint8_t> any(picture.map.size(), 0);
    for (const Own& own : picture.defects) {
      std::vector<float> scores;
      for (std::size_t i = 0; i < any.size(); ++i)
        if (own.mask[i]) {
          any[i] = 1;
          scores.push_back(picture.map[i]);
        }
      if (!scores.empty()) defects.emplace_back(scores, own.saturation);
    }
    for (std::size_t i = 0; i < any.size(); ++i) {
      thresholds.insert(picture.map[i]);
      if (!any[i]) normal.push_back(picture.map[i]);
    }
  }
  std::vector<double> areas(limits.size(), 0);
  double last_x = 0, last_y = 0;
  for (const float t : thresholds) {
    const auto called = [&](const std::vector<float>& scores) {
      return static_cast<double>(
          std::count_if(scores.begin(), scores.end(), [&](float s) { return s >= t; }));
    };
    double y = 0;
    for (const auto& [scores, saturation] : defects)
      y += std::min(called(scores) / static_cast<double>(saturation), 1.0);
    y /= static_cast<double>(defects.size());
    const double x = called(normal) / static_cast<double>(normal.size());
    for (std::size_t l = 0; l < limits.size(); ++l) {
      if (last_x >= limits[l]) continue;
      const double to = std::min(x, limits[l]);
      const double at = x > last_x ? last_y + (y - last_y) * (to - last_x) / (x - last_x) : y;
      areas[l] += (to - last_x) * (last_y + at) / 2 / limits[l];
    }
    last_x = x;
    last_y = y;
  }
  return areas;
}

std::vector<Picture> random_pictures(Random& random, int count, int largest,
                                     const std::function<float(Random&, bool)>& score) {
  std::vector<Picture> pictures;
  for (int k = 0; k < count; ++k) {
    Picture picture;
    picture.width = 2 + static_cast<int>(random() % static_cast<unsigned>(largest));
    picture.height = 2 + static_cast<int>(random() % static_cast<unsigned>(largest));
    const auto pixels = static_cast<std::size_t>(picture.width * picture.height);
    std::vector<std::uint8_t> any(pixels, 0);
    for (unsigned defects = random() % 4; defects > 0; --defects) {
      Own own;
      own.mask.assign(pixels, 0);
      std::int64_t area = 0;
      for (std::size_t i = 0; i < pixels; ++i)
        if (random() % 4 == 0 || i == 0) {  // pixel 0: they overlap
          own.mask[i] = static_cast<std::uint8_t>(1 + random() % 255);
          any[i] = 1;
          ++area;
        }
      own.saturation = saturation_area(static_cast<double>(random() % 11) / 10, true, area);
      picture.defects.push_back(std::move(own));
    }
    for (std::size_t i = 0; i < pixels; ++i) picture.map.push_back(score(random, any[i]));
    pictures.push_back(std::move(picture));
  }
  // A defect and a normal pixel, whatever the dice say.
  pictures.push_back({2, 1, {score(random, true), score(random, false)}, {{{1, 0}, 1}}});
  return pictures;
}

const std::vector<std::pair<const char*, std::function<float(Random&, bool)>>>& kinds() {
  static const std::vector<std::pair<const char*, std::function<float(Random&, bool)>>> kinds = {
      {"continuous",
       [](auto& r, bool a) {
         return std::uniform_real_distribution<float>(0, 1)(r) + (a ? 0.3F : 0.F);
       }},
      {"tied",
       [](auto& r, bool a) { return static_cast<float>(static_cast<int>(r() % 4) + (a ? 1 : 0)); }},
      {"0 and 1", [](auto& r, bool a) { return r() % 10 < (a ? 7 : 3) ? 1.F : 0.F; }},
      {"constant", [](auto&, bool) { return -0.25F; }},
      {"huge", [](auto& r, bool a) {
         return std::uniform_real_distribution<float>(-1, 1)(r) * (a ? 3e38F : 1e30F);
       }}};
  return kinds;
}

TEST(Spro, SaturationIsAtLeastOnePixelAndAtMostTheArea) {
  EXPECT_EQ(saturation_area(0.5, true, 9), 4);   // int(4.5)
  EXPECT_EQ(saturation_area(0.01, true, 9), 1);  // int(0.09) = 0: the published code divides by it
  EXPECT_EQ(saturation_area(1, true, 9), 9);
  EXPECT_EQ(saturation_area(5, false, 9), 5);
  EXPECT_EQ(saturation_area(100, false, 9), 9);
  EXPECT_EQ(saturation_area(0, false, 9), 1);
}

TEST(Spro, HandWorkedPicture) {
  // Defect A: 0.9, 0.8, 0.2, found with 2 pixels. Defect B: 0.8 (shared), 0.3, found with both.
  // Normal: 0.8, 0.5, 0.1, 0.05.
  const std::vector<Picture> pictures = {
      {4,
       2,
       {0.9F, 0.8F, 0.2F, 0.3F, 0.8F, 0.5F, 0.1F, 0.05F},
       {{{1, 1, 1, 0, 0, 0, 0, 0}, 2}, {{0, 2, 0, 2, 0, 0, 0, 0}, 2}}}};
  const SproResult result = streamed(pictures, {.limits = {0.5, 1.0, 0.125}});
  EXPECT_EQ(result.defects, 2);
  EXPECT_EQ(result.normal, 4);
  // 0.9: (0, 1/4). 0.8: a ramp to (1/4, 3/4). 0.5: (1/2, 3/4). 0.3: (1/2, 1), saturated for good.
  EXPECT_DOUBLE_EQ(*result.areas[0], ((0.25 + 0.75) / 2 * 0.25 + 0.75 * 0.25) / 0.5);
  EXPECT_DOUBLE_EQ(*result.areas[1], (0.25 + 0.75) / 2 * 0.25 + 0.75 * 0.25 + 0.5);
  EXPECT_DOUBLE_EQ(*result.areas[2], (0.25 + 0.5) / 2);  // half of the ramp
}

TEST(Spro, EqualsTheDefinitionOnRandomMaps) {
  const SproOptions options;
  for (const auto& [name, score] : kinds())
    for (unsigned seed = 0; seed < 12; ++seed) {
      Random random(seed);
      const auto pictures = random_pictures(random, 5, 11, score);
      const std::vector<double> expected = by_definition(pictures, options.limits);
      const SproResult result = streamed(pictures, options);
      for (std::size_t l = 0; l < expected.size(); ++l)
        EXPECT_NEAR(*result.areas[l], expected[l], 1e-12)
            << name << ", seed " << seed << ", limit " << options.limits[l];
    }
}

TEST(Spro, OrderAndPartsChangeNoBit) {
  for (unsigned seed = 0; seed < 6; ++seed) {
    Random random(seed);
    auto pictures = random_pictures(random, 12, 40, kinds()[seed % 2].second);
    const auto bits = [&](int parts) {
      std::vector<std::uint64_t> own;
      for (const auto& area : streamed(pictures, {.threads = parts}, parts).areas)
        own.push_back(std::bit_cast<std::uint64_t>(*area));
      return own;
    };
    const auto whole = bits(1);
    for (const int parts : {2, 5}) EXPECT_EQ(bits(parts), whole) << "seed " << seed;
    std::shuffle(pictures.begin(), pictures.end(), random);
    EXPECT_EQ(bits(3), whole) << "seed " << seed;
  }
}

TEST(Spro, ABoundOfMemoryChangesNoBit) {
  // About 290,000 scores of defects, where the smallest bound holds 104,857; some are tied.
  Random random(17);
  auto pictures = random_pictures(random, 8, 40, kinds()[0].second);
  for (int k = 0; k < 4; ++k) {
    Picture picture{300, 300, {}, {}};
    Own left{.mask = std::vector<std::uint8_t>(90000, 0), .saturation = 50000}, right = left;
    for (int i = 0; i < 90000; ++i) {
      left.mask[i] = i % 300 < 180;
      right.mask[i] = i % 300 >= 100 && i % 300 < 200;
      const float score = std::normal_distribution<float>(left.mask[i] ? 1.F : 0.F, 1)(random);
      picture.map.push_back(random() % 2 ? score : std::round(score));
    }
    right.saturation = 23000;
    picture.defects = {left, right};
    pictures.push_back(std::move(picture));
  }
  const auto bits = [&](const SproOptions& options, int parts) {
    std::vector<std::uint64_t> own;
    for (const auto& area : streamed(pictures, options, parts).areas)
      own.push_back(std::bit_cast<std::uint64_t>(*area));
    return own;
  };
  const auto whole = bits({}, 1);
  EXPECT_EQ(bits({.memory = 1}, 1), whole);
  EXPECT_EQ(bits({.threads = 3, .memory = 1}, 3), whole);
  EXPECT_EQ(bits({.memory = std::int64_t{1} << 30}, 2), whole);
  SproStream stream({.memory = 1});
  stream.begin_pass(0);
  for (const Picture& one : pictures) stream.add("", one.map, one.seen(), one.width, one.height);
  stream.begin_pass(1);
  EXPECT_GE(stream.passes(), 7) << "the bound was not reached: nothing is tested";
}

TEST(Spro, WithSaturationAtTheAreaOfOneRegionEachItIsAupro) {
  Picture picture{.width = 60, .height = 1};
  Random random(5);
  for (int i = 0; i < 60; ++i) picture.map.push_back(static_cast<float>(random() % 20));
  for (const int at : {3, 20, 40}) {
    Own own{.mask = std::vector<std::uint8_t>(60, 0), .saturation = 5};
    std::fill_n(own.mask.begin() + at, 5, 1);
    picture.defects.push_back(own);
  }
  const SproResult all = streamed({picture}, {.limits = {0.3}});
  EXPECT_NEAR(*all.areas[0], by_definition({picture}, {0.3})[0], 1e-14);
}

TEST(Spro, WithoutDefectOrNormalPixelThereIsNoValue) {
  EXPECT_FALSE(streamed({{2, 1, {0.5F, 1}, {}}}).areas[0]);
  EXPECT_FALSE(streamed({{2, 1, {0.5F, 1}, {{{1, 1}, 1}}}}).areas[0]);
  EXPECT_FALSE(streamed({{2, 1, {0.5F, 1}, {{{0, 0}, 1}}}}).areas[0]);  // a defect without a pixel
}

TEST(Spro, FaultsNameThePicture) {
  const float nan = std::nanf("");
  for (const Picture& bad : std::vector<Picture>{{2, 1, {1, nan}, {{{1, 0}, 1}}},
                                                 {2, 1, {nan, 1}, {{{1, 0}, 1}}},
                                                 {2, 2, {1, 1}, {}},
                                                 {2, 1, {1, 1}, {{{1}, 1}}}}) {
    try {
      streamed({bad});
      FAIL() << "accepted";
    } catch (const std::invalid_argument& error) {
      EXPECT_EQ(std::string(error.what()).rfind("picture 0: ", 0), 0u) << error.what();
    }
  }
  SproStream stream({});
  EXPECT_THROW(stream.add("x", std::vector<float>{1}, {}, 1, 1), std::logic_error);
  stream.begin_pass(0);
  stream.add("x", std::vector<float>{1}, {}, 1, 1);
  stream.begin_pass(1);
  EXPECT_FALSE(stream.complete());
  EXPECT_THROW(stream.result(), std::logic_error);
}

MetricEntry family(const std::string& name) {
  for (MetricEntry& entry : metric_catalogue())
    if (entry.name == name) return std::move(entry);
  throw std::runtime_error("no family " + name);
}

std::map<std::string, Value> values_of(const MetricEntry& entry, const Metric& metric) {
  std::map<std::string, Value> values;
  const std::vector<Value> given = metric.values();
  EXPECT_EQ(given.size(), entry.gives.size());
  for (std::size_t i = 0; i < given.size(); ++i) {
    EXPECT_EQ(given[i].name, entry.gives[i].name);
    values[given[i].name] = given[i];
  }
  return values;
}

// One kind needs many passes under the bound, the other two.
TEST(SproFamily, ABoundOfMemoryChangesNoBit) {
  const MetricEntry entry = family("spro");
  Random random(3);
  std::vector<float> map(90000);
  for (float& score : map) score = std::normal_distribution<float>(0, 1)(random);
  std::vector<std::uint8_t> many(90000, 0), few = many;
  std::fill_n(many.begin(), 60000, 1);
  std::fill_n(few.begin(), 50, 1);
  const auto values = [&](std::int64_t memory, int* passes) {
    const auto metric = entry.make({.resamples = 5, .memory = memory});
    for (*passes = 0; *passes < metric->passes(); ++*passes) {
      metric->begin_pass(*passes);
      for (int k = 0; k < 9; ++k) {
        const auto& mask = k < 3 ? many : few;
        const std::vector<Defect> defects = {{mask, k < 3 ? 60000 : 40}};
        const bool normal = k >= 6;
        std::vector<float> own = map;
        for (float& score : own) score += static_cast<float>(k) / 8;
        metric->add({.id = std::string(1, static_cast<char>('a' + k)),
                     .positive = !normal,
                     .map = own,
                     .mask = normal ? std::span<const std::uint8_t>{} : mask,
                     .width = 300,
                     .height = 300,
                     .defects = normal ? std::span<const Defect>{} : defects,
                     .kind = normal  ? ""
                             : k < 3 ? "structural"
                                     : "logical"});
      }
    }
    return values_of(entry, *metric);
  };
  int passes = 0;
  const auto whole = values(0, &passes);
  EXPECT_EQ(passes, 2);
  const auto bounded = values(1, &passes);
  EXPECT_GE(passes, 5);
  for (const auto& [name, value] : whole) {
    ASSERT_TRUE(value.value) << name << value.reason;
    EXPECT_EQ(bounded.at(name).value, value.value) << name;
    EXPECT_EQ(bounded.at(name).replicates, value.replicates) << name;
  }
}

TEST(SproFamily, KindsAreApartAndTheirMeanIsGiven) {
  const std::vector<float> good = {0, 1, 2, 3}, first = {9, 0, 0, 0}, second = {0, 2, 2, 0};
  const std::vector<std::uint8_t> mask = {1, 1, 0, 0};
  const std::vector<Defect> one = {{mask, 1}}, two = {{mask, 2}};
  const MetricEntry entry = family("spro");
  const auto metric = entry.make({});
  for (int pass = 0; pass < metric->passes(); ++pass) {
    metric->begin_pass(pass);
    metric->add({.id = "g", .positive = false, .map = good, .width = 2, .height = 2});
    metric->add({.id = "s",
                 .positive = true,
                 .map = first,
                 .width = 2,
                 .height = 2,
                 .defects = one,
                 .kind = "structural_anomalies"});
    metric->add({.id = "l",
                 .positive = true,
                 .map = second,
                 .width = 2,
                 .height = 2,
                 .defects = two,
                 .kind = "logical_anomalies"});
    metric->add({.id = "?",
                 .positive = true,
                 .map = second,
                 .width = 2,
                 .height = 2,
                 .defects = two,
                 .kind = "scratch"});
  }
  const auto values = values_of(entry, *metric);
  EXPECT_EQ(values.at("au_spro_1_structural").value, 1.0);  // found at once: 9 is above all
  // Normal pixels: 3 2 2 1 0 0. 2 finds half of the defect after 3 of 6, a ramp from 1/6; 0 the
  // rest.
  const double logical = 0.5 * (1 - 2.0 / 6) + 0.5 * (1 - 5.0 / 6);
  EXPECT_NEAR(*values.at("au_spro_1_logical").value, logical, 1e-15);
  EXPECT_NEAR(*values.at("au_spro_1").value, (1 + logical) / 2, 1e-15);
  EXPECT_EQ(values.at("map_max_auroc_structural").value, 1.0);
  EXPECT_EQ(values.at("map_max_auroc_logical").value, 0.0);
  EXPECT_EQ(values.at("map_max_auroc").value, 0.5);
  EXPECT_EQ(values.at("au_spro_0.05").used, 3);
  EXPECT_EQ(values.at("au_spro_0.05").skipped, 1);
}

TEST(SproFamily, AKindThatIsNotThereHasNoValueAndSoHasTheMean) {
  const std::vector<float> map = {0, 1};
  const std::vector<std::uint8_t> mask = {0, 1};
  const std::vector<Defect> defects = {{mask, 1}};
  const MetricEntry entry = family("spro");
  const auto metric = entry.make({});
  for (int pass = 0; pass < metric->passes(); ++pass) {
    metric->begin_pass(pass);
    metric->add({.id = "g", .positive = false, .map = map, .width = 2, .height = 1});
    metric->add({.id = "s",
                 .positive = true,
                 .map = map,
                 .width = 2,
                 .height = 1,
                 .defects = defects,
                 .kind = "structural_anomalies"});
  }
  const auto values = values_of(entry, *metric);
  EXPECT_TRUE(values.at("au_spro_0.3_structural").value);
  EXPECT_FALSE(values.at("au_spro_0.3_logical").value);
  EXPECT_FALSE(values.at("au_spro_0.3").value);
  EXPECT_EQ(values.at("au_spro_0.3").reason, "no logical defect with a saturation area");
}

TEST(Kinds, AurocOfEachKindAndTheirMean) {
  const MetricEntry entry = family("kinds");
  const auto metric = entry.make({});
  metric->begin_pass(0);
  metric->add({.id = "a", .positive = false, .score = 0.5, .kind = "good"});
  metric->add({.id = "b", .positive = false, .score = 0.1, .kind = "good"});
  metric->add({.id = "c", .positive = true, .score = 0.9, .kind = "structural_anomalies"});
  metric->add({.id = "d", .positive = true, .score = 0.5, .kind = "logical_anomalies"});
  metric->add({.id = "e", .positive = true, .score = 0.5, .kind = "dent"});
  const auto values = values_of(entry, *metric);
  EXPECT_EQ(values.at("auroc_structural").value, 1.0);
  EXPECT_EQ(values.at("auroc_logical").value, 0.75);
  EXPECT_EQ(values.at("auroc_of_kinds").value, 0.875);
  EXPECT_TRUE(values.at("auroc_logical").interval);
  EXPECT_EQ(values.at("auroc_of_kinds").used, 4);
  EXPECT_EQ(values.at("auroc_of_kinds").skipped, 1);
}

// tests/data/metrics/spro_golden.txt: scripts/golden/spro_golden.py, NumPy.
TEST(Spro, GoldenValuesOfNumpy) {
  std::ifstream in(std::string(LOOKTWICE_TEST_DATA) + "/metrics/spro_golden.txt");
  std::string word;
  std::getline(in, word);  // who made it
  int cases = 0;
  std::string name;
  std::size_t images = 0;
  while (in >> word >> name >> images) {
    ASSERT_EQ(word, "case");
    const auto number = [&] {
      std::string text;
      in >> text;
      return std::strtod(text.c_str(), nullptr);
    };
    std::vector<double> expected;
    for (int l = 0; l < 5; ++l) expected.push_back(number());
    std::vector<Picture> pictures(images);
    for (Picture& picture : pictures) {
      std::size_t defects = 0;
      in >> picture.width >> picture.height >> defects;
      picture.defects.resize(defects);
      for (Own& own : picture.defects) {
        double threshold = 0;
        std::string relative, pixels;
        in >> threshold >> relative >> pixels;
        for (const char pixel : pixels) own.mask.push_back(pixel == '1');
        own.saturation = saturation_area(threshold, relative == "relative",
                                         std::count(pixels.begin(), pixels.end(), '1'));
      }
      for (int i = 0; i < picture.width * picture.height; ++i)
        picture.map.push_back(static_cast<float>(number()));
    }
    const SproResult result = streamed(pictures);
    for (std::size_t l = 0; l < expected.size(); ++l)
      EXPECT_NEAR(*result.areas[l], expected[l], 1e-12) << name << " limit " << l;
    ++cases;
  }
  EXPECT_EQ(cases, 6);
}

}  // namespace
}  // namespace looktwice::metrics
