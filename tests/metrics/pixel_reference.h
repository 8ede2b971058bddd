// The pixel metrics as their definitions read, slow and in memory: what the streaming ones are held
// against.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "metrics/pixel/pixel_stream.h"

namespace looktwice::metrics::reference {

using Random = std::independent_bits_engine<std::mt19937, 32, std::uint32_t>;

struct Picture {
  int width = 0, height = 0;
  std::vector<float> map = {};
  std::vector<std::uint8_t> mask = {};
};

// 8-connected regions by flood fill; 0 = normal, else the number of the region, from 1 in reading
// order.
inline std::vector<int> labels(const Picture& picture) {
  std::vector<int> labels(picture.mask.size(), 0);
  int regions = 0;
  for (int start = 0; start < picture.width * picture.height; ++start) {
    if (picture.mask[start] == 0 || labels[start] != 0) continue;
    std::vector<int> todo = {start};
    labels[start] = ++regions;
    while (!todo.empty()) {
      const int at = todo.back(), y = at / picture.width, x = at % picture.width;
      todo.pop_back();
      for (int dy = -1; dy <= 1; ++dy)
        for (int dx = -1; dx <= 1; ++dx) {
          const int ny = y + dy, nx = x + dx, next = ny * picture.width + nx;
          if (ny < 0 || ny >= picture.height || nx < 0 || nx >= picture.width) continue;
          if (picture.mask[next] == 0 || labels[next] != 0) continue;
          labels[next] = regions;
          todo.push_back(next);
        }
    }
  }
  return labels;
}

struct Result {
  double auroc = 0, average_precision = 0, f1_max = 0, f1_threshold = 0, aupro = 0;
};

// Both classes must be there.
inline Result result(const std::vector<Picture>& pictures, double limit) {
  std::set<float> thresholds;
  std::vector<float> normal, anomalous;
  std::vector<std::vector<float>> regions;
  for (const Picture& picture : pictures) {
    const std::vector<int> label = labels(picture);
    const std::size_t before = regions.size();
    for (std::size_t i = 0; i < label.size(); ++i) {
      const float score = picture.map[i] + 0.0F;
      thresholds.insert(score);
      (label[i] == 0 ? normal : anomalous).push_back(score);
      if (label[i] == 0) continue;
      regions.resize(std::max(regions.size(), before + static_cast<std::size_t>(label[i])));
      regions[before + static_cast<std::size_t>(label[i]) - 1].push_back(score);
    }
  }
  const auto n = static_cast<double>(normal.size()), p = static_cast<double>(anomalous.size());
  Result result;
  double last_x = 0, last_y = 0, last_recall = 0;
  for (const float a : anomalous)
    for (const float b : normal) result.auroc += a > b ? 1 : a == b ? 0.5 : 0;
  result.auroc /= n * p;
  for (auto t = thresholds.rbegin(); t != thresholds.rend(); ++t) {
    const auto called = [&](const std::vector<float>& scores) {
      return static_cast<double>(
          std::count_if(scores.begin(), scores.end(), [&](float s) { return s >= *t; }));
    };
    const double tp = called(anomalous), fp = called(normal);
    result.average_precision += (tp / p - last_recall) * tp / (tp + fp);
    last_recall = tp / p;
    const double f1 = 2 * tp / (p + tp + fp);
    if (f1 > result.f1_max + 1e-15) {
      result.f1_max = f1;
      result.f1_threshold = static_cast<double>(*t);
    }
    double y = 0;
    for (const auto& region : regions) y += called(region) / static_cast<double>(region.size());
    y /= static_cast<double>(regions.size());
    const double x = fp / n;
    if (last_x < limit) {
      const double to = std::min(x, limit);
      const double at = x > last_x ? last_y + (y - last_y) * (to - last_x) / (x - last_x) : y;
      result.aupro += (to - last_x) * (last_y + at) / 2 / limit;
    }
    last_x = x;
    last_y = y;
  }
  return result;
}

// Rectangles and dots as defects, so that regions touch by corners; `score` draws the scores,
// larger in a defect.
template <class Score>
std::vector<Picture> random_pictures(Random& random, int count, int largest, Score&& score) {
  std::vector<Picture> pictures;
  for (int k = 0; k < count; ++k) {
    Picture picture;
    picture.width = 1 + static_cast<int>(random() % static_cast<unsigned>(largest));
    picture.height = 1 + static_cast<int>(random() % static_cast<unsigned>(largest));
    const int pixels = picture.width * picture.height;
    picture.mask.assign(static_cast<std::size_t>(pixels), 0);
    for (unsigned dots = random() % 6; dots > 0; --dots)
      picture.mask[random() % static_cast<unsigned>(pixels)] = 255;
    if (random() % 2) {
      const int x0 = static_cast<int>(random() % static_cast<unsigned>(picture.width));
      const int y0 = static_cast<int>(random() % static_cast<unsigned>(picture.height));
      for (int y = y0; y < std::min(picture.height, y0 + 3); ++y)
        for (int x = x0; x < std::min(picture.width, x0 + 5); ++x)
          picture.mask[static_cast<std::size_t>(y * picture.width + x)] = 1;
    }
    for (int i = 0; i < pixels; ++i)
      picture.map.push_back(score(picture.mask[static_cast<std::size_t>(i)] != 0));
    pictures.push_back(std::move(picture));
  }
  // Both classes, whatever the dice say.
  pictures.push_back({2, 1, {score(true), score(false)}, {1, 0}});
  return pictures;
}

// Both passes on one thread, or with the pictures dealt to `parts` clones in turn.
inline PixelResult streamed(const std::vector<Picture>& pictures, const PixelOptions& options = {},
                            int parts = 1) {
  PixelStream stream(options);
  for (int pass = 0; pass < stream.passes(); ++pass) {
    stream.begin_pass(pass);
    std::vector<PixelStream> clones;
    for (int c = 1; c < parts; ++c) clones.push_back(stream.clone_empty());
    for (std::size_t i = 0; i < pictures.size(); ++i) {
      const std::size_t part = i % static_cast<std::size_t>(parts);
      const Picture& picture = pictures[i];
      (part == 0 ? stream : clones[part - 1])
          .add("picture " + std::to_string(i), picture.map, picture.mask, picture.width,
               picture.height);
    }
    for (const PixelStream& clone : clones) stream.merge(clone);
  }
  return stream.result();
}

}  // namespace looktwice::metrics::reference
