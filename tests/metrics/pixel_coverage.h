// How often the intervals of pixel metrics, and of the differences of two models, hold the truth,
// over simulated sets of images. An image is a level of its own, coarse noise (8 x 8, bilinear) and
// fine noise; anomalous ones have a square that is brighter by `apart`, its side and strength drawn
// per image. Two models see the same squares and share part of the noise. Masks as generated hold
// most of the squares, a little off, and now and then one that is not there. The truth is the value
// of many such images. 64 x 64 pixels.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "metrics/catalogue.h"
#include "metrics/pixel/resample.h"
#include "metrics/stats/distributions.h"
#include "metrics/stats/mean_over.h"
#include "metrics/stats/paired_tests.h"
#include "metrics/stats/parallel.h"
#include "metrics/stats/philox.h"
#include "tests/metrics/coverage.h"
#include "tests/metrics/paired_coverage.h"

namespace looktwice::metrics {

struct PixelDesign {
  std::string name = {};
  int anomalous = 40, normal = 40;
  double apart_a = 2, apart_b = 1.7;
  double level = 0.4, coarse = 0.8, fine = 0.8;  // deviations of the three kinds of noise
  double shared = 0.5;                           // share of the noise's variance
  // "pixel"; "generated"; "spro": every other anomalous image is a logical one, and a defect is
  // found once half its pixels are.
  std::string family = "pixel";
  int classes = 1;  // more: the mean over so many independent classes of this design
  double found_a = 0.85, found_b = 0.75, invented = 0.15;  // of generated masks
};

inline constexpr int kSide = 64;

struct PixelScene {
  bool anomalous = false;
  std::array<std::vector<float>, 2> maps = {};
  std::array<std::vector<std::uint8_t>, 2> called = {};
  std::vector<std::uint8_t> mask = {};
};

struct Square {
  int x = 0, y = 0, side = 0;
};

inline void draw(const Square& square, std::vector<std::uint8_t>& mask) {
  for (int y = std::max(0, square.y); y < std::min(kSide, square.y + square.side); ++y)
    for (int x = std::max(0, square.x); x < std::min(kSide, square.x + square.side); ++x)
      mask[static_cast<std::size_t>(y * kSide + x)] = 1;
}

inline Square square(RandomStream& random) {
  const int side = 5 + static_cast<int>(random.below(20));
  const auto room = static_cast<std::uint32_t>(kSide - side);
  const int x = static_cast<int>(random.below(room)), y = static_cast<int>(random.below(room));
  return {.x = x, .y = y, .side = side};
}

constexpr std::size_t kPixels = std::size_t{kSide} * kSide;

// Masks as generated, without maps.
inline PixelScene generated_scene(const PixelDesign& design, bool anomalous, RandomStream& random) {
  PixelScene made{.anomalous = anomalous,
                  .mask = std::vector<std::uint8_t>(anomalous ? kPixels : 0)};
  const Square there = square(random), not_there = square(random);
  if (anomalous) draw(there, made.mask);
  // How hard the defect is to find, and how much the image looks like having another.
  const double hard = random.uniform(), odd = random.uniform();
  for (std::size_t m = 0; m < 2; ++m) {
    made.maps[m].assign(kPixels, 0);
    made.called[m].assign(kPixels, 0);
    const auto moved = [&](int by) {
      return static_cast<int>(random.below(static_cast<std::uint32_t>(2 * by + 1))) - by;
    };
    const bool alike = random.uniform() < design.shared;
    const double own_hard = random.uniform(), own_odd = random.uniform();
    const Square found = {
        .x = there.x + moved(3), .y = there.y + moved(3), .side = there.side + moved(3)};
    if (anomalous && (alike ? hard : own_hard) < (m == 0 ? design.found_a : design.found_b))
      draw(found, made.called[m]);
    if ((alike ? odd : own_odd) < design.invented) draw(not_there, made.called[m]);
  }
  return made;
}

inline PixelScene scene(const PixelDesign& design, bool anomalous, RandomStream& random) {
  if (design.family == "generated") return generated_scene(design, anomalous, random);
  const auto normal = [&] {  // the sum of a word's four bytes is near enough, and quick
    const std::uint32_t word = random.next(), pairs = (word & 0xff00ff) + ((word >> 8) & 0xff00ff);
    const auto sum = static_cast<std::int32_t>((pairs & 0xffff) + (pairs >> 16));
    return static_cast<float>(sum - 510) * 0.0067660F;
  };
  PixelScene made{.anomalous = anomalous,
                  .mask = std::vector<std::uint8_t>(anomalous ? kPixels : 0)};
  const auto common = static_cast<float>(std::sqrt(design.shared)),
             own = static_cast<float>(std::sqrt(1 - design.shared));
  std::array<std::vector<float>, 3> noise;  // shared, of a, of b
  for (std::vector<float>& one : noise) {
    std::vector<float> coarse(8 * 8);
    for (float& value : coarse) value = static_cast<float>(design.coarse) * normal();
    one = bilinear(coarse, 8, 8, kSide, kSide);
    const float level = static_cast<float>(design.level) * normal();
    for (float& value : one) value += level + static_cast<float>(design.fine) * normal();
  }
  double strength = 0;
  if (anomalous) {
    draw(square(random), made.mask);
    strength = 0.5 + random.uniform();
  }
  for (std::size_t m = 0; m < 2; ++m) {
    const auto added = static_cast<float>(strength * (m == 0 ? design.apart_a : design.apart_b));
    made.maps[m].resize(kPixels);
    for (std::size_t i = 0; i < kPixels; ++i) {
      made.maps[m][i] = common * noise[0][i] + own * noise[1 + m][i];
      if (anomalous && made.mask[i] != 0) made.maps[m][i] += added;
    }
  }
  return made;
}

using BothValues = std::array<std::vector<Value>, 2>;

inline const std::vector<std::string>& pixel_names(const std::string& family) {
  static const std::map<std::string, std::vector<std::string>> names = {
      {"pixel",
       {"pixel_auroc", "pixel_average_precision", "pixel_f1_max", "aupro", "pixel_accuracy_at",
        "pixel_precision_at", "pixel_recall_at", "pixel_f1_at"}},
      {"generated", {"generated_pixel_f1", "generated_pixel_accuracy", "generated_image_f1"}},
      {"spro",
       {"au_spro_0.05", "au_spro_0.05_structural", "au_spro_0.05_logical", "au_spro_0.3",
        "au_spro_0.3_structural", "au_spro_0.3_logical"}}};
  return names.at(family);
}

// Both models' values of images set/0, set/1, ... No image is kept: each pass makes them anew.
inline BothValues pixel_values(const PixelDesign& design, int anomalous, int normal, StreamKey key,
                               std::uint32_t set, int resamples) {
  const std::vector<std::string>& names = pixel_names(design.family);
  std::array<std::unique_ptr<Metric>, 2> metrics;
  for (const MetricEntry& entry : metric_catalogue())
    if (entry.name == design.family)
      for (auto& metric : metrics)
        metric = entry.make(
            {.pixel_threshold = 1.5, .seed = key.seed, .resamples = resamples, .wanted = names});
  for (int pass = 0; pass < metrics[0]->passes(); ++pass) {
    RandomStream random(key, set);
    std::array<std::unique_ptr<Metric>, 2> parts;
    for (std::size_t m = 0; m < 2; ++m) {
      metrics[m]->begin_pass(pass);
      parts[m] = metrics[m]->clone_empty();
    }
    for (int i = 0; i < anomalous + normal; ++i) {
      const PixelScene one = scene(design, i < anomalous, random);
      const Defect defect = {.mask = one.mask,
                             .saturation = std::count(one.mask.begin(), one.mask.end(), 1) / 2};
      for (std::size_t m = 0; m < 2; ++m)
        parts[m]->add({.id = std::to_string(set) + "/" + std::to_string(i),
                       .positive = one.anomalous,
                       .map = one.maps[m],
                       .mask = one.mask,
                       .width = kSide,
                       .height = kSide,
                       .called = one.called[m],
                       .defects = std::span<const Defect>(&defect, one.anomalous ? 1 : 0),
                       .kind = i % 2 == 0 ? "structural_anomalies" : "logical_anomalies"});
    }
    for (std::size_t m = 0; m < 2; ++m) {
      metrics[m]->merge(*parts[m]);
      metrics[m]->end_pass();
    }
  }
  BothValues values;
  for (std::size_t m = 0; m < 2; ++m)
    for (Value& value : metrics[m]->values())
      if (std::ranges::find(names, value.name) != names.end())
        values[m].push_back(std::move(value));
  return values;
}

struct PixelCoverage {
  std::map<std::string, Coverage> single = {};        // of the first model
  std::map<std::string, PairedCoverage> paired = {};  // first minus second
};

// One set's values of the first model and differences from the second, or their means over classes.
struct PixelSet {
  std::vector<Value> values = {};
  std::vector<std::optional<PairedTest>> tests = {};  // empty where a class has none
};

inline PixelSet pixel_set(const PixelDesign& design, StreamKey key, int set, int resamples) {
  std::vector<std::vector<Value>> values;      // [value][class]
  std::vector<std::vector<PairedTest>> tests;  // the same
  for (int c = 0; c < design.classes; ++c) {
    const BothValues both =
        pixel_values(design, design.anomalous, design.normal, key,
                     static_cast<std::uint32_t>(set * design.classes + c), resamples);
    values.resize(both[0].size());
    tests.resize(both[0].size());
    for (std::size_t v = 0; v < both[0].size(); ++v) {
      const Value &a = both[0][v], &b = both[1][v];
      values[v].push_back(a);
      if (!a.drawing || !b.drawing) continue;
      const auto test = drawn_test({.value = *a.value,
                                    .replicates = a.replicates,
                                    .widening = a.drawing->widening,
                                    .degrees = a.drawing->degrees},
                                   {.value = *b.value,
                                    .replicates = b.replicates,
                                    .widening = b.drawing->widening,
                                    .degrees = b.drawing->degrees});
      if (test) tests[v].push_back(*test);
    }
  }
  PixelSet made;
  for (std::size_t v = 0; v < values.size(); ++v) {
    made.values.push_back(design.classes == 1 ? values[v][0] : mean_over(values[v]));
    made.values.back().replicates.clear();
    made.tests.emplace_back();
    if (std::ssize(tests[v]) == design.classes)
      made.tests.back() = design.classes == 1 ? tests[v][0] : mean_of_tests(tests[v]);
  }
  return made;
}

inline PixelCoverage pixel_coverage(const PixelDesign& design, int sets, int resamples,
                                    std::uint64_t seed = 1, int threads = 1) {
  const StreamKey key{.seed = seed, .tag = stream_tag(design.name)};
  // Deviations of the truth are a thirtieth of an interval's.
  const int times = 1000 / design.classes;
  const BothValues truth = pixel_values(design, times * design.anomalous, times * design.normal,
                                        key, std::uint32_t{1} << 31, 0);
  std::vector<PixelSet> all(static_cast<std::size_t>(sets));
  in_parts(sets, threads, [&](int begin, int end) {
    for (int set = begin; set < end; ++set)
      all[static_cast<std::size_t>(set)] = pixel_set(design, key, set, resamples);
  });
  PixelCoverage result;
  for (const PixelSet& set : all)
    for (std::size_t v = 0; v < truth[0].size(); ++v) {
      const Value& value = set.values[v];
      const double of_a = *truth[0][v].value, difference = of_a - *truth[1][v].value;
      Coverage& single = result.single[value.name];
      ++single.sets;
      if (value.interval) {
        single.below += of_a < value.interval->low;
        single.above += of_a > value.interval->high;
        single.width += value.interval->high - value.interval->low;
        single.bias += *value.value - of_a;
      } else {
        ++single.none;
      }
      if (!set.tests[v] || !set.tests[v]->interval) continue;
      PairedCoverage& paired = result.paired[value.name];
      ++paired.sets;
      paired.below += difference < set.tests[v]->interval->low;
      paired.above += difference > set.tests[v]->interval->high;
      paired.alarms += set.tests[v]->p_value <= 0.05;
    }
  return result;
}

}  // namespace looktwice::metrics
