#include "harness/run/pixel_pass.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <thread>

#include "harness/core/error.h"
#include "harness/core/text.h"
#include "harness/run/map_file.h"
#include "metrics/pixel/resample.h"
#include "metrics/pixel/spro_stream.h"

namespace looktwice::run {
namespace {

struct Plane {
  int width = 0, height = 0;
  std::vector<std::uint8_t> values = {};
};

std::string shown(const std::filesystem::path& path) {
  return printable(path.string());
}

// What is known of a picture's pixels.
struct PixelTruth {
  Plane mask = {};  // the union of its masks; all zero for a normal picture
  // Where each mask file is one defect of its own.
  std::vector<Plane> defects = {};
  std::vector<Saturation> saturations = {};  // one per defect
};

Plane part_of(Plane plane, const std::optional<Region>& region) {
  if (!region) return plane;
  const Image part = crop({.width = plane.width,
                           .height = plane.height,
                           .channels = 1,
                           .pixels = std::move(plane.values)},
                          *region);
  return {.width = part.width, .height = part.height, .values = part.pixels};
}

// The one value of a mask that is one defect; 0: it has no pixel.
int value_of(const Image& mask, const std::filesystem::path& path) {
  int value = 0;
  for (const int pixel : mask.pixels) {
    if (pixel == 0 || pixel == value) continue;
    if (value != 0)
      throw Error(Kind::data, shown(path) + ": holds the values " + std::to_string(value) +
                                  " and " + std::to_string(pixel) +
                                  "; expected one defect per file");
    value = pixel;
  }
  return value;
}

PixelTruth truth_of(const Sample& sample, const ImageCodec& codec) {
  const ImageInfo picture = codec.info(file_bytes(sample.image.path));
  PixelTruth truth;
  Plane& plane = truth.mask;
  plane = {.width = picture.width, .height = picture.height};
  plane.values.assign(static_cast<std::size_t>(plane.width) * plane.height, 0);
  for (const auto& path : sample.truth.masks) {
    Image mask;
    try {
      mask = codec.decode_mask(file_bytes(path));
    } catch (const Error& error) {
      throw Error(error.kind(), shown(path) + ": " + error.what());
    }
    if (mask.width != plane.width || mask.height != plane.height)
      throw Error(Kind::data, shown(path) + ": the mask is " + std::to_string(mask.width) + " x " +
                                  std::to_string(mask.height) + ", its picture " +
                                  shown(sample.image.path) + " is " + std::to_string(plane.width) +
                                  " x " + std::to_string(plane.height));
    for (std::size_t i = 0; i < plane.values.size(); ++i) plane.values[i] |= mask.pixels[i] != 0;
    if (!sample.truth.saturation) continue;
    const int value = value_of(mask, path);
    if (value == 0) continue;
    const auto known = sample.truth.saturation->find(value);
    if (known == sample.truth.saturation->end())
      throw Error(Kind::data, shown(path) + ": holds the value " + std::to_string(value) +
                                  ", which the set's list of defects lacks");
    for (std::uint8_t& pixel : mask.pixels) pixel = pixel != 0;
    truth.defects.push_back(
        part_of({.width = mask.width, .height = mask.height, .values = std::move(mask.pixels)},
                sample.image.region));
    truth.saturations.push_back(known->second);
  }
  plane = part_of(std::move(plane), sample.image.region);
  return truth;
}

Plane bilinear_mask(const Plane& mask, int side) {
  const std::vector<float> grey(mask.values.begin(), mask.values.end());
  Plane out{.width = side, .height = side};
  out.values.reserve(static_cast<std::size_t>(side) * side);
  const std::vector<float> scaled = metrics::bilinear(grey, mask.height, mask.width, side, side);
  for (const float value : scaled) out.values.push_back(value > 0.5f);
  return out;
}

// The same by the nearest pixel: an image of 0 and 1 stays one, and small defects may vanish.
Plane nearest_pixels(const Plane& mask, int side) {
  Plane out{.width = side, .height = side};
  out.values.reserve(static_cast<std::size_t>(side) * side);
  const auto nearest = [side](std::int64_t at, std::int64_t from) {
    return static_cast<std::size_t>((2 * at + 1) * from / (2 * static_cast<std::int64_t>(side)));
  };
  for (int y = 0; y < side; ++y)
    for (int x = 0; x < side; ++x)
      out.values.push_back(
          mask.values[nearest(y, mask.height) * static_cast<std::size_t>(mask.width) +
                      nearest(x, mask.width)]);
  return out;
}

// Brings the truth to side x side. A threshold in pixels shrinks or grows with the picture.
void resize(PixelTruth& truth, int side, bool nearest) {
  const auto resized = nearest ? nearest_pixels : bilinear_mask;
  const double scale = static_cast<double>(side) * side /
                       (static_cast<double>(truth.mask.width) * truth.mask.height);
  truth.mask = resized(truth.mask, side);
  for (std::size_t i = 0; i < truth.defects.size(); ++i) {
    truth.defects[i] = resized(truth.defects[i], side);
    if (!truth.saturations[i].relative) truth.saturations[i].threshold *= scale;
  }
}

std::vector<metrics::Defect> defects_of(const PixelTruth& truth) {
  std::vector<metrics::Defect> defects;
  for (std::size_t i = 0; i < truth.defects.size(); ++i) {
    const std::vector<std::uint8_t>& mask = truth.defects[i].values;
    const auto area = static_cast<std::int64_t>(mask.size()) - std::ranges::count(mask, 0);
    if (area == 0) continue;
    const Saturation& saturation = truth.saturations[i];
    defects.push_back(
        {mask, metrics::saturation_area(saturation.threshold, saturation.relative, area)});
  }
  return defects;
}

// The map as the mask that a model generated, brought to the size of the truth without making new
// values: the pixel whose centre is nearest. Empty: it holds other values than 0 and 1.
std::vector<std::uint8_t> called_by(const AnomalyMap& map, int width, int height) {
  if (!std::ranges::all_of(map.values, [](float value) { return value == 0 || value == 1; }))
    return {};
  std::vector<std::uint8_t> called;
  called.reserve(static_cast<std::size_t>(width) * height);
  const auto nearest = [](std::int64_t at, std::int64_t from, std::int64_t to) {
    return static_cast<std::size_t>((2 * at + 1) * from / (2 * to));
  };
  for (int y = 0; y < height; ++y) {
    const std::size_t row = nearest(y, map.height, height) * map.width;
    for (int x = 0; x < width; ++x)
      called.push_back(map.values[row + nearest(x, map.width, width)] != 0);
  }
  return called;
}

void show(const PixelInput& input, std::size_t index, const ScoreOptions& options,
          std::span<const std::unique_ptr<metrics::Metric>> metrics) {
  const Sample& sample = input.task->samples[index];
  const Marked& marked = (*input.marked)[index];
  std::optional<AnomalyMap> map;
  if (!marked.map.file.empty()) map = read_map(*input.folder, marked.map);
  if (!map && !marked.map.file.empty())
    throw Error(Kind::data,
                shown(input.folder->path() / marked.map.file) +
                    ": missing or damaged; run the same command again to redo its sample");
  PixelTruth truth = truth_of(sample, *input.codec);
  if (options.map_side > 0) resize(truth, options.map_side, input.nearest);
  const Plane& mask = truth.mask;
  if (!map) map = input.task->suite->mask_in(marked.outcome, mask.width, mask.height);
  LOOKTWICE_CHECK(map.has_value());
  std::vector<float> values = map->values;
  if (map->width != mask.width || map->height != mask.height)
    values = metrics::bilinear(values, map->height, map->width, mask.height, mask.width);
  if (options.map_sigma > 0)
    values = metrics::gaussian(values, mask.height, mask.width, options.map_sigma);
  const std::vector<metrics::Defect> defects = defects_of(truth);
  const std::vector<std::uint8_t> called = called_by(*map, mask.width, mask.height);
  const metrics::Observation seen{.id = sample.id,
                                  .positive = sample.truth.anomalous,
                                  .map = values,
                                  .mask = mask.values,
                                  .width = mask.width,
                                  .height = mask.height,
                                  .called = called,
                                  .defects = defects,
                                  .kind = sample.truth.defect,
                                  .category = sample.category};
  for (const auto& metric : metrics) metric->add(seen);
}

}  // namespace

Image truth_mask(const Sample& sample, const ImageCodec& codec) {
  Plane plane = truth_of(sample, codec).mask;
  return {.width = plane.width,
          .height = plane.height,
          .channels = 1,
          .pixels = std::move(plane.values)};
}

std::vector<std::size_t> samples_with_maps(const PixelInput& input) {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < input.marked->size(); ++i) {
    const Sample& sample = input.task->samples[i];
    const bool has_truth = sample.truth.has_mask || !sample.truth.masks.empty();
    const Marked& marked = (*input.marked)[i];
    if (!has_truth || marked.outcome.status != Status::answered) continue;
    if (!marked.map.file.empty() || input.task->suite->mask_in(marked.outcome, 1, 1))
      found.push_back(i);
  }
  return found;
}

std::vector<std::unique_ptr<metrics::Metric>> shown_maps(
    const PixelInput& input, std::span<const std::size_t> samples,
    std::span<const metrics::MetricEntry> families, const ScoreOptions& options) {
  using Metrics = std::vector<std::unique_ptr<metrics::Metric>>;
  Metrics all;
  for (const metrics::MetricEntry& family : families) all.push_back(family.make(options.metric));
  const auto wants = [](const auto& metric, int pass) { return pass < metric->passes(); };
  for (int pass = 0; std::ranges::any_of(all, [&](auto& metric) { return wants(metric, pass); });
       ++pass) {
    std::vector<metrics::Metric*> active;
    for (const auto& metric : all)
      if (wants(metric, pass)) active.push_back(metric.get());
    for (metrics::Metric* metric : active) metric->begin_pass(pass);
    std::atomic<std::size_t> next = 0;
    const int threads =
        std::max(1, std::min(options.metric.threads, static_cast<int>(samples.size())));
    std::vector<Metrics> parts(static_cast<std::size_t>(threads));
    std::vector<std::exception_ptr> failures(parts.size());
    for (Metrics& part : parts)
      for (const metrics::Metric* metric : active) part.push_back(metric->clone_empty());
    const auto work = [&](std::size_t t) {
      try {
        for (std::size_t i = next++; i < samples.size(); i = next++) {
          if (options.stop && options.stop->asked()) return;
          show(input, samples[i], options, parts[t]);
        }
      } catch (...) {
        failures[t] = std::current_exception();
        next = samples.size();
      }
    };
    {
      std::vector<std::jthread> workers;
      for (std::size_t t = 1; t < parts.size(); ++t) workers.emplace_back(work, t);
      work(0);
    }
    for (const std::exception_ptr& failure : failures)
      if (failure) std::rethrow_exception(failure);
    for (const Metrics& part : parts)
      for (std::size_t i = 0; i < active.size(); ++i) active[i]->merge(*part[i]);
    for (metrics::Metric* metric : active) metric->end_pass();
    if (options.stop && options.stop->asked()) break;
  }
  return all;
}

}  // namespace looktwice::run
