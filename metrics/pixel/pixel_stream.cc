#include "metrics/pixel/pixel_stream.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace looktwice::metrics {
namespace {

constexpr std::size_t kMostScores = (std::size_t{1} << 31) - 1;  // of a map

[[noreturn]] void refuse(std::string_view id, const std::string& why) {
  throw std::invalid_argument(std::string(id) + ": " + why);
}

[[noreturn]] void refuse_not_finite(std::string_view id) {
  refuse(id, "the map holds NaN or infinity");
}

// Into the tally of one thread, and what must be added in order to a list.
class Walker final : public ScoreVisitor {
 public:
  Walker(PixelTally tally, std::vector<PixelTally::Piece>& pieces)
      : tally_(std::move(tally)), pieces_(&pieces) {}
  void begin(std::span<const std::uint32_t> sizes) override { tally_.begin(sizes); }
  void pixels(const ScoreGroup& group, std::span<const std::uint32_t> places,
              std::span<const std::uint32_t> sizes) override {
    tally_.pixels(group, places, sizes);
  }
  void scores(const ScoreGroup& group, std::span<const std::uint32_t> here) override {
    (*pieces_)[group.index] = tally_.scores(group, here);
  }
  const PixelTally& tally() const { return tally_; }

 private:
  PixelTally tally_;
  std::vector<PixelTally::Piece>* pieces_ = nullptr;
};

}  // namespace

PixelStream::PixelStream(const PixelOptions& options)
    : options_(options), ranges_(options.memory, options.threads) {
  if (!(options.fpr_limit > 0 && options.fpr_limit <= 1))
    throw std::invalid_argument("the limit of the false positive rate must lie in (0, 1]");
}

void PixelStream::begin_pass(int pass) {
  if (pass == 1) begin_tally();
  if (pass > 1) {
    const bool counted = ranges_.counts_in(pass_);
    missed_ = missed_ || (counted && (counted_ != normal_ || counted_images_ != images_));
    if (counted) tally_counts(tally_);
    counting_ = {};
  }
  pass_ = pass;
  if (ranges_.counts_in(pass)) begin_count();
}

void PixelStream::begin_tally() {
  PixelPlan plan{.fpr_limit = options_.fpr_limit,
                 .threshold = options_.threshold,
                 .equidistant_positions = options_.equidistant_positions,
                 .equidistant_scores = options_.equidistant_scores && lowest_};
  plan.lowest = lowest_.value_or(0);
  plan.highest = highest_.value_or(0);
  tally_ = PixelTally(plan, normal_, anomalous_, regions_);
  if (ranges_.divide()) scores_.clear();
}

void PixelStream::begin_count() {
  const ScoreRanges::Range range = ranges_.range_of(pass_);
  missed_ = missed_ || (ranges_.is_divided() && scores_.size() != ranges_.scores_in(pass_));
  for (const float mark : tally_.marks()) {
    const std::uint32_t key = pixel_key(mark);
    if (key >> 16 >= range.first && key >> 16 <= range.last) scores_.mark(key);
  }
  counting_ = PixelCounting(std::move(scores_), {.threads = options_.threads,
                                                 .engine = options_.engine,
                                                 .pile_bytes = ranges_.pile_bytes(),
                                                 .lanes = options_.lanes});
  scores_.clear();
  counted_ = counted_images_ = 0;
}

void PixelStream::add(std::string_view id, std::span<const float> map,
                      std::span<const std::uint8_t> mask, int width, int height) {
  if (width <= 0 || height <= 0 ||
      map.size() != static_cast<std::size_t>(width) * static_cast<std::size_t>(height))
    refuse(id, "the map does not have width x height scores");
  if (!mask.empty() && mask.size() != map.size()) refuse(id, "map and mask differ in size");
  if (map.size() > kMostScores) refuse(id, "a map of 2^31 scores or more");
  if (pass_ < 0) throw std::logic_error("begin_pass first");
  if (!ranges_.counts_in(pass_)) {
    if (pass_ == 0) look_at(id, map);
    if (!mask.empty()) collect(id, map, mask, width, height);
  } else {
    const std::optional<std::int64_t> counted = counting_.add(map, mask);
    if (!counted) refuse_not_finite(id);
    counted_ += *counted;
    ++counted_images_;
  }
}

void PixelStream::look_at(std::string_view id, std::span<const float> map) {
  ++images_;
  normal_ += static_cast<std::int64_t>(map.size());
  if (!options_.equidistant_scores) return;
  float lowest = map[0], highest = map[0];
  for (const float score : map) {
    if (!is_finite(score)) refuse_not_finite(id);
    lowest = std::min(lowest, score);
    highest = std::max(highest, score);
  }
  lowest_ = std::min(lowest_.value_or(lowest), lowest);
  highest_ = std::max(highest_.value_or(highest), highest);
}

void PixelStream::collect(std::string_view id, std::span<const float> map,
                          std::span<const std::uint8_t> mask, int width, int height) {
  const ScoreRanges::Range range = ranges_.range_of(pass_);
  std::int64_t found = 0;
  const bool full = pass_ == 0 && ranges_.overfull();
  if (full) scores_.clear();
  finder_.find(mask, width, height);
  const std::span<const Run> runs = finder_.runs();
  const auto row_of = [&](const Run& run) {
    return map.data() + static_cast<std::ptrdiff_t>(run.row) * width;
  };
  for (std::size_t r = 0; r < runs.size(); ++r) {
    // The map has not been read yet, and rows lie too far apart to be fetched ahead by themselves.
    constexpr std::size_t kAhead = 3, kLine = 16;
    if (r + kAhead < runs.size()) {
      const Run& later = runs[r + kAhead];
      const float* const end = row_of(later) + later.end;
      for (const float* at = row_of(later) + later.begin; at < end; at += kLine)
        __builtin_prefetch(at);
    }
    const Run& run = runs[r];
    const std::uint32_t area = finder_.areas()[static_cast<std::size_t>(run.region)];
    const float* row = row_of(run);
    found += run.end - run.begin;
    const std::span<const float> own(row + run.begin,
                                     static_cast<std::size_t>(run.end - run.begin));
    if (!scores_.add_within(own, area, full ? 1 : range.first, full ? 0 : range.last,
                            pass_ == 0 ? ranges_.seen() : nullptr))
      refuse_not_finite(id);
  }
  if (pass_ > 0) return;
  ranges_.hold(found);
  normal_ -= found;
  anomalous_ += found;
  regions_ += static_cast<std::int64_t>(finder_.areas().size());
}

PixelStream PixelStream::clone_empty() const {
  PixelStream part(options_);
  part.pass_ = pass_;
  part.counting_ = counting_.part();
  part.ranges_ = ranges_.part();
  return part;
}

void PixelStream::merge(const PixelStream& part) {
  if (part.pass_ != pass_) throw std::logic_error("the part belongs to another pass");
  if (ranges_.counts_in(pass_)) {
    counting_.take(part.counting_);
    counted_ += part.counted_;
    counted_images_ += part.counted_images_;
    return;
  }
  if (ranges_.overfull() && pass_ == 0) {
    scores_.clear();
  } else {
    scores_.join(part.scores_);
  }
  images_ += part.images_;
  normal_ += part.normal_;
  anomalous_ += part.anomalous_;
  regions_ += part.regions_;
  if (part.lowest_) {
    lowest_ = std::min(lowest_.value_or(*part.lowest_), *part.lowest_);
    highest_ = std::max(highest_.value_or(*part.highest_), *part.highest_);
  }
  ranges_.merge(part.ranges_);
}

bool PixelStream::complete() const {
  return !missed_ && pass_ == passes() - 1 && ranges_.counts_in(pass_) && counted_ == normal_ &&
         counted_images_ == images_;
}

void PixelStream::tally_counts(PixelTally& tally) const {
  std::vector<PixelTally::Piece> pieces(counting_.most_groups());
  std::vector<std::unique_ptr<Walker>> walkers;
  std::vector<ScoreVisitor*> visitors;
  for (int t = 0; t < std::max(1, options_.threads); ++t) {
    walkers.push_back(std::make_unique<Walker>(tally.part(), pieces));
    visitors.push_back(walkers.back().get());
  }
  counting_.walk(visitors, tally.found());
  for (const auto& walker : walkers) tally.merge(walker->tally());
  for (const PixelTally::Piece& piece : pieces) tally.add(piece);
}

PixelResult PixelStream::result() const {
  if (result_) return *result_;
  if (!complete()) throw std::logic_error("a later pass did not show all pixels of the first");
  PixelTally tally = tally_;
  tally_counts(tally);
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
