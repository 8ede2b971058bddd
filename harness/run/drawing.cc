#include "harness/run/drawing.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

#include "harness/core/error.h"
#include "metrics/pixel/regions.h"
#include "metrics/pixel/resample.h"

namespace looktwice::run {
namespace {

using Colour = std::array<std::uint8_t, 3>;
constexpr Colour kRed = {255, 0, 0};

struct KindName {
  const char* name = "";
  MarkKind kind = MarkKind::box;
};
constexpr std::array kKinds = {
    KindName{"bbox", MarkKind::box}, KindName{"contour", MarkKind::contour},
    KindName{"heatmap", MarkKind::heat}, KindName{"highlight", MarkKind::highlight},
    KindName{"mask", MarkKind::mask}};

std::size_t area(const Image& picture) {
  return static_cast<std::size_t>(picture.width) * static_cast<std::size_t>(picture.height);
}

void paint(Image& picture, std::size_t pixel, const Colour& colour) {
  std::copy_n(colour.begin(), 3, picture.pixels.begin() + static_cast<std::ptrdiff_t>(3 * pixel));
}

void fill(Image& picture, int left, int top, int right, int bottom, const Colour& colour) {
  for (int y = std::max(top, 0); y < std::min(bottom, picture.height); ++y)
    for (int x = std::max(left, 0); x < std::min(right, picture.width); ++x)
      paint(picture, static_cast<std::size_t>(y) * picture.width + x, colour);
}

// Jet in whole numbers; heat 0 to 255.
Colour jet(int heat) {
  const auto channel = [&](int centre) {
    return static_cast<std::uint8_t>(std::clamp(383 - std::abs(4 * heat - centre), 0, 255));
  };
  return {channel(765), channel(510), channel(255)};
}

std::vector<float> at_size(const AnomalyMap& map, int width, int height) {
  if (map.width == width && map.height == height) return map.values;
  if (!std::ranges::all_of(map.values, [](float value) { return value == 0 || value == 1; }))
    return metrics::bilinear(map.values, map.height, map.width, height, width);
  const std::vector<std::uint8_t> mask(map.values.begin(), map.values.end());
  const auto scaled = metrics::nearest(mask, map.height, map.width, height, width);
  return {scaled.begin(), scaled.end()};
}

std::vector<std::uint8_t> from_threshold(std::span<const float> values, double threshold) {
  std::vector<std::uint8_t> region;
  region.reserve(values.size());
  for (const float value : values) region.push_back(static_cast<double>(value) >= threshold);
  return region;
}

// Whether a pixel within `reach` along one line of n pixels, `step` apart, is set.
void spread(const std::uint8_t* from, std::uint8_t* to, int n, std::size_t step, int reach) {
  int last = -1 - reach;  // the set pixel seen last
  for (int i = 0; i < n + reach; ++i) {
    if (i < n && from[static_cast<std::size_t>(i) * step] != 0) last = i;
    const int at = i - reach;
    if (at >= 0) to[static_cast<std::size_t>(at) * step] = last >= at - reach;
  }
}

// Dilation by a square of 2 reach + 1 pixels.
std::vector<std::uint8_t> grown(std::span<const std::uint8_t> region, int width, int height,
                                int reach) {
  std::vector<std::uint8_t> rows(region.size()), all(region.size());
  for (int y = 0; y < height; ++y) {
    const auto row = static_cast<std::size_t>(y) * width;
    spread(region.data() + row, rows.data() + row, width, 1, reach);
  }
  for (int x = 0; x < width; ++x)
    spread(rows.data() + x, all.data() + x, height, static_cast<std::size_t>(width), reach);
  return all;
}

void draw_heat(Image& picture, std::span<const float> values, double low, double high) {
  for (std::size_t i = 0; i < area(picture); ++i) {
    const double share =
        high > low ? (static_cast<double>(values[i]) - low) / (high - low) : values[i] > low;
    const Colour colour = jet(static_cast<int>(std::lround(255 * std::clamp(share, 0.0, 1.0))));
    for (std::size_t c = 0; c < 3; ++c) {
      std::uint8_t& pixel = picture.pixels[3 * i + c];
      pixel = static_cast<std::uint8_t>((pixel + colour[c] + 1) / 2);
    }
  }
}

void dim(Image& picture, std::span<const std::uint8_t> region) {
  for (std::size_t i = 0; i < area(picture); ++i) {
    if (region[i] != 0) continue;
    for (std::size_t c = 0; c < 3; ++c) {
      std::uint8_t& pixel = picture.pixels[3 * i + c];
      pixel = static_cast<std::uint8_t>((2 * pixel + 2) / 5);
    }
  }
}

Image side_by_side(const Image& left, const Image& right) {
  Image both{.width = left.width + right.width, .height = left.height, .channels = 3};
  both.pixels.reserve(left.pixels.size() + right.pixels.size());
  for (int y = 0; y < left.height; ++y)
    for (const Image* one : {&left, &right}) {
      const auto row = static_cast<std::ptrdiff_t>(3) * one->width;
      const auto start = one->pixels.begin() + row * y;
      both.pixels.insert(both.pixels.end(), start, start + row);
    }
  return both;
}

}  // namespace

const std::vector<std::string>& mark_kinds() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const KindName& one : kKinds) all.emplace_back(one.name);
    return all;
  }();
  return names;
}

std::optional<MarkKind> mark_kind(std::string_view name) {
  for (const KindName& one : kKinds)
    if (one.name == name) return one.kind;
  return {};
}

const char* name_of(MarkKind kind) {
  return std::ranges::find(kKinds, kind, &KindName::kind)->name;
}

int line_width(int width, int height) {
  return std::max(1, (std::max(width, height) + 128) / 256);
}

std::vector<std::uint8_t> region_of(const AnomalyMap& map, int width, int height,
                                    double threshold) {
  return from_threshold(at_size(map, width, height), threshold);
}

// Where the frame would leave the picture it stands at its edge, over the part.
void draw_boxes(Image& picture, std::span<const std::uint8_t> region, int line) {
  metrics::RegionFinder finder;
  finder.find(region, picture.width, picture.height);
  struct Box {
    int left = 1 << 30, top = 1 << 30, right = 0, bottom = 0;
  };
  std::vector<Box> boxes(finder.areas().size());
  for (const metrics::Run& run : finder.runs()) {
    Box& box = boxes[static_cast<std::size_t>(run.region)];
    box.left = std::min(box.left, run.begin);
    box.right = std::max(box.right, run.end);
    box.top = std::min(box.top, run.row);
    box.bottom = std::max(box.bottom, run.row + 1);
  }
  for (Box& box : boxes) {
    box.left = std::max(box.left - line, 0);
    box.top = std::max(box.top - line, 0);
    box.right = std::min(box.right + line, picture.width);
    box.bottom = std::min(box.bottom + line, picture.height);
    fill(picture, box.left, box.top, box.right, std::min(box.top + line, box.bottom), kRed);
    fill(picture, box.left, std::max(box.bottom - line, box.top), box.right, box.bottom, kRed);
    fill(picture, box.left, box.top, std::min(box.left + line, box.right), box.bottom, kRed);
    fill(picture, std::max(box.right - line, box.left), box.top, box.right, box.bottom, kRed);
  }
}

void draw_contours(Image& picture, std::span<const std::uint8_t> region, int line) {
  const std::vector<std::uint8_t> around = grown(region, picture.width, picture.height, line);
  for (std::size_t i = 0; i < around.size(); ++i)
    if (around[i] != 0 && region[i] == 0) paint(picture, i, kRed);
}

Image marked_picture(const Image& picture, const AnomalyMap& map, const MarkStyle& style) {
  LOOKTWICE_CHECK(picture.channels == 3 && map.width > 0 && map.height > 0);
  const std::vector<float> values = at_size(map, picture.width, picture.height);
  Image marked = picture;
  const int line = line_width(picture.width, picture.height);
  if (style.kind == MarkKind::heat) {
    draw_heat(marked, values, style.low, style.high);
  } else {
    const std::vector<std::uint8_t> region = from_threshold(values, style.threshold);
    if (style.kind == MarkKind::box) draw_boxes(marked, region, line);
    if (style.kind == MarkKind::contour) draw_contours(marked, region, line);
    if (style.kind == MarkKind::highlight) dim(marked, region);
    if (style.kind == MarkKind::mask)
      for (std::size_t i = 0; i < region.size(); ++i)
        std::fill_n(marked.pixels.begin() + static_cast<std::ptrdiff_t>(3 * i), 3,
                    static_cast<std::uint8_t>(region[i] != 0 ? 255 : 0));
  }
  return style.beside ? side_by_side(picture, marked) : marked;
}

}  // namespace looktwice::run
