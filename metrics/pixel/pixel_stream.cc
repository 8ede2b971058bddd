#include "metrics/pixel/pixel_stream.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace looktwice::metrics {
namespace {

[[noreturn]] void refuse(std::string_view id, const std::string& why) {
  throw std::invalid_argument(std::string(id) + ": " + why);
}

[[noreturn]] void refuse_not_finite(std::string_view id) {
  refuse(id, "the map holds NaN or infinity");
}

}  // namespace

PixelStream::PixelStream(const PixelOptions& options) : options_(options) {
  if (!(options.fpr_limit > 0 && options.fpr_limit <= 1))
    throw std::invalid_argument("the limit of the false positive rate must lie in (0, 1]");
}

void PixelStream::begin_pass(int pass) {
  pass_ = pass;
  if (pass != 1) return;
  PixelPlan plan{.fpr_limit = options_.fpr_limit,
                 .threshold = options_.threshold,
                 .equidistant_positions = options_.equidistant_positions,
                 .equidistant_scores = options_.equidistant_scores && lowest_};
  plan.lowest = lowest_.value_or(0);
  plan.highest = highest_.value_or(0);
  tally_ = PixelTally(plan, normal_, anomalous_, regions_);
  for (const float mark : tally_.marks()) scores_.add(ordered_bits(mark), AnomalousScores::kMark);
  counting_ = PixelCounting(std::move(scores_), options_.threads, options_.engine);
}

void PixelStream::add(std::string_view id, std::span<const float> map,
                      std::span<const std::uint8_t> mask, int width, int height) {
  if (width <= 0 || height <= 0 ||
      map.size() != static_cast<std::size_t>(width) * static_cast<std::size_t>(height))
    refuse(id, "the map does not have width x height scores");
  if (!mask.empty() && mask.size() != map.size()) refuse(id, "map and mask differ in size");
  if (map.size() >= ScoreTable::kFirst) refuse(id, "a map of 2^31 scores or more");
  if (pass_ == 0) {
    collect(id, map, mask, width, height);
  } else if (pass_ == 1) {
    const std::optional<std::int64_t> counted = counting_.add(map, mask);
    if (!counted) refuse_not_finite(id);
    counted_ += *counted;
    ++counted_images_;
  } else {
    throw std::logic_error("begin_pass first");
  }
}

void PixelStream::collect(std::string_view id, std::span<const float> map,
                          std::span<const std::uint8_t> mask, int width, int height) {
  ++images_;
  if (options_.equidistant_scores) {
    float lowest = map[0], highest = map[0];
    for (const float score : map) {
      if (!is_finite(score)) refuse_not_finite(id);
      lowest = std::min(lowest, score);
      highest = std::max(highest, score);
    }
    lowest_ = std::min(lowest_.value_or(lowest), lowest);
    highest_ = std::max(highest_.value_or(highest), highest);
  }
  normal_ += static_cast<std::int64_t>(map.size());
  if (mask.empty()) return;
  finder_.find(mask, width, height);
  for (const Run& run : finder_.runs()) {
    const std::uint32_t area = finder_.areas()[static_cast<std::size_t>(run.region)];
    const float* row = map.data() + static_cast<std::ptrdiff_t>(run.row) * width;
    for (std::int32_t x = run.begin; x < run.end; ++x) {
      if (!is_finite(row[x])) refuse_not_finite(id);
      scores_.add(ordered_bits(row[x]), area);
    }
    normal_ -= run.end - run.begin;
    anomalous_ += run.end - run.begin;
  }
  regions_ += static_cast<std::int64_t>(finder_.areas().size());
}

PixelStream PixelStream::clone_empty() const {
  PixelStream part(options_);
  part.pass_ = pass_;
  part.counting_ = counting_.part();
  return part;
}

void PixelStream::merge(const PixelStream& part) {
  if (part.pass_ != pass_) throw std::logic_error("the part belongs to another pass");
  if (pass_ == 1) {
    part.counting_.finish();
    counted_ += part.counted_;
    counted_images_ += part.counted_images_;
    return;
  }
  images_ += part.images_;
  normal_ += part.normal_;
  anomalous_ += part.anomalous_;
  regions_ += part.regions_;
  if (part.lowest_) {
    lowest_ = std::min(lowest_.value_or(*part.lowest_), *part.lowest_);
    highest_ = std::max(highest_.value_or(*part.highest_), *part.highest_);
  }
  scores_.join(part.scores_);
}

bool PixelStream::complete() const {
  return pass_ == passes() - 1 && counted_ == normal_ && counted_images_ == images_;
}

PixelResult PixelStream::result() const {
  if (result_) return *result_;
  if (!complete()) throw std::logic_error("the second pass did not show all pixels of the first");
  counting_.finish();
  PixelTally tally = tally_;
  counting_.descend(
      [&](float score, std::uint64_t above, std::uint64_t equal,
          std::span<const std::uint32_t> sizes) { tally.take(score, above, equal, sizes); });
  result_ = PixelResult{.images = images_,
                        .normal = normal_,
                        .anomalous = anomalous_,
                        .regions = regions_,
                        .auroc = tally.auroc(),
                        .average_precision = tally.average_precision(),
                        .f1_max = tally.f1_max(),
                        .aupro = tally.aupro(),
                        .aupro_anomalyclip = tally.aupro_equidistant_scores(),
                        .aupro_mvtec = tally.aupro_equidistant_positions(),
                        .at_threshold = tally.at_threshold(),
                        .at_half = tally.at_half()};
  return *result_;
}

}  // namespace looktwice::metrics
