// How often the intervals of pixel metrics, and of the differences of two models, hold the truth,
// over simulated sets of images. An image is a level of its own, coarse noise (8 x 8, bilinear) and
// fine noise; anomalous ones have a square that is brighter by `apart`, its side and strength drawn
// per image. Two models see the same squares and share part of the noise. The truth is the value of
// many such images. 64 x 64 pixels.
#pragma once

#include <array>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "metrics/catalogue.h"
#include "metrics/pixel/resample.h"
#include "metrics/stats/distributions.h"
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
};

inline constexpr int kSide = 64;

struct PixelScene {
  bool anomalous = false;
  std::array<std::vector<float>, 2> maps = {};
  std::vector<std::uint8_t> mask = {};
};

inline PixelScene scene(const PixelDesign& design, bool anomalous, RandomStream& random) {
  const auto normal = [&] {  // a sum of four uniforms is near enough, and quick
    double sum = -2;
    for (int i = 0; i < 4; ++i) sum += random.next() * 0x1p-32;
    return sum * std::sqrt(3.0);
  };
  constexpr int kPixels = kSide * kSide;
  PixelScene made{.anomalous = anomalous,
                  .mask = std::vector<std::uint8_t>(anomalous ? kPixels : 0)};
  const double common = std::sqrt(design.shared), own = std::sqrt(1 - design.shared);
  std::array<std::vector<float>, 3> noise;  // shared, of a, of b
  for (std::vector<float>& one : noise) {
    std::vector<float> coarse(8 * 8);
    for (float& value : coarse) value = static_cast<float>(design.coarse * normal());
    one = bilinear(coarse, 8, 8, kSide, kSide);
    const auto level = static_cast<float>(design.level * normal());
    for (float& value : one) value += level + static_cast<float>(design.fine * normal());
  }
  double strength = 0;
  if (anomalous) {
    const int side = 5 + static_cast<int>(random.below(20));
    const int x0 = static_cast<int>(random.below(kSide - side)),
              y0 = static_cast<int>(random.below(kSide - side));
    strength = 0.5 + random.uniform();
    for (int y = y0; y < y0 + side; ++y)
      for (int x = x0; x < x0 + side; ++x) made.mask[static_cast<std::size_t>(y * kSide + x)] = 1;
  }
  for (std::size_t m = 0; m < 2; ++m) {
    const double apart = m == 0 ? design.apart_a : design.apart_b;
    for (std::size_t i = 0; i < kPixels; ++i)
      made.maps[m].push_back(
          static_cast<float>(common * noise[0][i] + own * noise[1 + m][i] +
                             (anomalous && made.mask[i] != 0 ? strength * apart : 0)));
  }
  return made;
}

using BothValues = std::array<std::vector<Value>, 2>;

// Both models' values of images set/0, set/1, ...
inline BothValues pixel_values(const PixelDesign& design, int anomalous, int normal, StreamKey key,
                               std::uint32_t set, int resamples) {
  RandomStream random(key, set);
  std::vector<PixelScene> scenes;
  for (int i = 0; i < anomalous + normal; ++i)
    scenes.push_back(scene(design, i < anomalous, random));
  BothValues values;
  for (std::size_t m = 0; m < 2; ++m)
    for (const MetricEntry& entry : metric_catalogue()) {
      if (entry.name != "pixel") continue;
      const auto metric =
          entry.make({.pixel_threshold = 1.5,
                      .seed = key.seed,
                      .resamples = resamples,
                      .wanted = {"pixel_auroc", "pixel_average_precision", "pixel_f1_max", "aupro",
                                 "pixel_accuracy_at", "pixel_precision_at", "pixel_recall_at",
                                 "pixel_f1_at"}});
      for (int pass = 0; pass < metric->passes(); ++pass) {
        metric->begin_pass(pass);
        const auto part = metric->clone_empty();
        for (std::size_t i = 0; i < scenes.size(); ++i)
          part->add({.id = std::to_string(set) + "/" + std::to_string(i),
                     .positive = scenes[i].anomalous,
                     .map = scenes[i].maps[m],
                     .mask = scenes[i].mask,
                     .width = kSide,
                     .height = kSide});
        metric->merge(*part);
        metric->end_pass();
      }
      for (Value& value : metric->values())
        if (value.name == "aupro" || value.name.starts_with("pixel_"))
          if (value.name.ends_with("_at") || value.name == "aupro" ||
              value.name.ends_with("auroc") || value.name.ends_with("average_precision") ||
              value.name.ends_with("max"))
            values[m].push_back(std::move(value));
    }
  return values;
}

struct PixelCoverage {
  std::map<std::string, Coverage> single = {};        // of the first model
  std::map<std::string, PairedCoverage> paired = {};  // first minus second
};

inline PixelCoverage pixel_coverage(const PixelDesign& design, int sets, int resamples,
                                    std::uint64_t seed = 1, int threads = 1) {
  const StreamKey key{.seed = seed, .tag = stream_tag(design.name)};
  // Deviations of the truth are a tenth of an interval's.
  const int times = 4000 / std::max(design.anomalous, design.normal);
  const BothValues truth = pixel_values(design, times * design.anomalous, times * design.normal,
                                        key, std::uint32_t{1} << 31, 0);
  std::vector<BothValues> all(static_cast<std::size_t>(sets));
  std::vector<std::vector<std::optional<PairedTest>>> tests(all.size());
  in_parts(sets, threads, [&](int begin, int end) {
    for (int set = begin; set < end; ++set) {
      const auto at = static_cast<std::size_t>(set);
      all[at] = pixel_values(design, design.anomalous, design.normal, key,
                             static_cast<std::uint32_t>(set), resamples);
      for (std::size_t v = 0; v < all[at][0].size(); ++v) {
        Value &a = all[at][0][v], &b = all[at][1][v];
        tests[at].emplace_back();
        if (a.drawing && b.drawing)
          tests[at].back() = drawn_test({.value = *a.value,
                                         .replicates = a.replicates,
                                         .widening = a.drawing->widening,
                                         .degrees = a.drawing->degrees},
                                        {.value = *b.value,
                                         .replicates = b.replicates,
                                         .widening = b.drawing->widening,
                                         .degrees = b.drawing->degrees});
        a.replicates = b.replicates = {};
      }
    }
  });
  PixelCoverage result;
  for (std::size_t set = 0; set < all.size(); ++set)
    for (std::size_t v = 0; v < truth[0].size(); ++v) {
      const Value& value = all[set][0][v];
      Coverage& single = result.single[value.name];
      ++single.sets;
      if (value.interval) {
        single.below += *truth[0][v].value < value.interval->low;
        single.above += *truth[0][v].value > value.interval->high;
        single.width += value.interval->high - value.interval->low;
        single.bias += *value.value - *truth[0][v].value;
      } else {
        ++single.none;
      }
      if (!tests[set][v] || !tests[set][v]->interval) continue;
      PairedCoverage& paired = result.paired[value.name];
      const double difference = *truth[0][v].value - *truth[1][v].value;
      ++paired.sets;
      paired.below += difference < tests[set][v]->interval->low;
      paired.above += difference > tests[set][v]->interval->high;
      paired.alarms += tests[set][v]->p_value <= 0.05;
    }
  return result;
}

}  // namespace looktwice::metrics
