#include "harness/run/pixel_pass.h"

#include <atomic>
#include <exception>
#include <thread>

#include "harness/core/error.h"
#include "harness/core/text.h"
#include "harness/run/map_file.h"
#include "metrics/pixel/resample.h"

namespace looktwice::run {
namespace {

struct Plane {
  int width = 0, height = 0;
  std::vector<std::uint8_t> values = {};
};

std::string shown(const std::filesystem::path& path) {
  return printable(path.string());
}

// The union of a sample's masks; all zero for a normal picture.
Plane mask_of(const Sample& sample, const ImageCodec& codec) {
  const ImageInfo picture = codec.info(file_bytes(sample.image.path));
  Plane plane{.width = picture.width, .height = picture.height};
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
  }
  if (!sample.image.region) return plane;
  const Image part = crop({.width = plane.width,
                           .height = plane.height,
                           .channels = 1,
                           .pixels = std::move(plane.values)},
                          *sample.image.region);
  return {.width = part.width, .height = part.height, .values = part.pixels};
}

Plane resized(const Plane& mask, int side) {
  const std::vector<float> grey(mask.values.begin(), mask.values.end());
  Plane out{.width = side, .height = side};
  const std::vector<float> scaled = metrics::bilinear(grey, mask.height, mask.width, side, side);
  for (const float value : scaled) out.values.push_back(value > 0.5f);
  return out;
}

void show(const PixelInput& input, std::size_t index, const ScoreOptions& options,
          metrics::Metric& metric) {
  const Sample& sample = input.task->samples[index];
  const Marked& marked = (*input.marked)[index];
  const std::optional<AnomalyMap> map = read_map(*input.folder, marked.map);
  if (!map)
    throw Error(Kind::data,
                shown(input.folder->path() / marked.map.file) +
                    ": missing or damaged; run the same command again to redo its sample");
  Plane mask = mask_of(sample, *input.codec);
  if (options.map_side > 0) mask = resized(mask, options.map_side);
  std::vector<float> values = map->values;
  if (map->width != mask.width || map->height != mask.height)
    values = metrics::bilinear(values, map->height, map->width, mask.height, mask.width);
  if (options.map_sigma > 0)
    values = metrics::gaussian(values, mask.height, mask.width, options.map_sigma);
  metric.add({.id = sample.id,
              .positive = sample.truth.anomalous,
              .map = values,
              .mask = mask.values,
              .width = mask.width,
              .height = mask.height});
}

}  // namespace

std::vector<std::size_t> samples_with_maps(const PixelInput& input) {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < input.marked->size(); ++i) {
    const Sample& sample = input.task->samples[i];
    const bool has_truth = sample.truth.has_mask || !sample.truth.masks.empty();
    if (has_truth && !(*input.marked)[i].map.file.empty() &&
        (*input.marked)[i].outcome.status == Status::answered)
      found.push_back(i);
  }
  return found;
}

std::vector<metrics::Value> pixel_values(const PixelInput& input, std::vector<std::size_t> samples,
                                         const metrics::MetricEntry& family,
                                         const ScoreOptions& options) {
  const std::unique_ptr<metrics::Metric> metric = family.make(options.metric);
  for (int pass = 0; pass < metric->passes(); ++pass) {
    metric->begin_pass(pass);
    std::atomic<std::size_t> next = 0;
    const int threads =
        std::max(1, std::min(options.metric.threads, static_cast<int>(samples.size())));
    std::vector<std::unique_ptr<metrics::Metric>> parts;
    std::vector<std::exception_ptr> failures(static_cast<std::size_t>(threads));
    for (int t = 0; t < threads; ++t) parts.push_back(metric->clone_empty());
    const auto work = [&](std::size_t t) {
      try {
        for (std::size_t i = next++; i < samples.size(); i = next++) {
          if (options.stop && options.stop->asked()) return;
          show(input, samples[i], options, *parts[t]);
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
    for (const auto& part : parts) metric->merge(*part);
  }
  return metric->values();
}

}  // namespace looktwice::run
