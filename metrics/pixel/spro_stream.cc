#include "metrics/pixel/spro_stream.h"

#include <algorithm>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>

namespace looktwice::metrics {
namespace {

constexpr std::size_t kMostScores = (std::size_t{1} << 31) - 1;  // of a map

[[noreturn]] void refuse(std::string_view id, const std::string& why) {
  throw std::invalid_argument(std::string(id) + ": " + why);
}

class Walker final : public ScoreVisitor {
 public:
  explicit Walker(std::vector<OverlapArea> areas) : areas_(std::move(areas)) {}
  void begin(std::span<const std::uint32_t> sizes) override {
    for (OverlapArea& area : areas_) area.begin(sizes);
  }
  void pixels(const ScoreGroup& group, std::span<const std::uint32_t> places,
              std::span<const std::uint32_t> sizes) override {
    for (OverlapArea& area : areas_) area.take(group, places, sizes);
  }
  void scores(const ScoreGroup&, std::span<const std::uint32_t>) override {}
  const std::vector<OverlapArea>& areas() const { return areas_; }

 private:
  std::vector<OverlapArea> areas_;
};

}  // namespace

std::int64_t saturation_area(double threshold, bool relative, std::int64_t area) {
  const auto whole = static_cast<double>(area);
  const double asked = relative ? threshold * whole : std::min(threshold, whole);
  return static_cast<std::int64_t>(std::clamp(asked, 1.0, whole));
}

SproStream::SproStream(SproOptions options)
    : options_(std::move(options)), ranges_(options_.memory, options_.threads) {
  for (const double limit : options_.limits)
    if (!(limit > 0 && limit <= 1))
      throw std::invalid_argument("the limit of the false positive rate must lie in (0, 1]");
}

void SproStream::begin_pass(int pass) {
  if (pass == 1) {
    if (ranges_.divide()) scores_.clear();
    areas_ = empty_areas();
  }
  if (pass > 1) {
    const bool counted = ranges_.counts_in(pass_);
    missed_ = missed_ || (counted && (counted_ != normal_ || counted_images_ != images_));
    if (counted) add_counts(areas_);
    counting_ = {};
  }
  pass_ = pass;
  if (!ranges_.counts_in(pass)) return;
  missed_ = missed_ || (ranges_.is_divided() && scores_.size() != ranges_.scores_in(pass));
  counting_ = PixelCounting(
      std::move(scores_),
      {.threads = options_.threads, .engine = options_.engine, .pile_bytes = ranges_.pile_bytes()});
  scores_.clear();
  counted_ = counted_images_ = 0;
}

void SproStream::add(std::string_view id, std::span<const float> map,
                     std::span<const Defect> defects, int width, int height) {
  if (width <= 0 || height <= 0 ||
      map.size() != static_cast<std::size_t>(width) * static_cast<std::size_t>(height))
    refuse(id, "the map does not have width x height scores");
  if (map.size() > kMostScores) refuse(id, "a map of 2^31 scores or more");
  for (const Defect& defect : defects)
    if (defect.mask.size() != map.size()) refuse(id, "map and mask of a defect differ in size");
  if (pass_ < 0) throw std::logic_error("begin_pass first");
  if (!std::ranges::all_of(map, is_finite)) refuse(id, "the map holds NaN or infinity");
  const bool counts = ranges_.counts_in(pass_);
  if (!counts && pass_ > 0) return collect(map, defects);
  union_.clear();
  if (!defects.empty()) {
    union_.assign(map.size(), 0);
    for (const Defect& defect : defects)
      for (std::size_t i = 0; i < map.size(); ++i) union_[i] |= defect.mask[i];
  }
  if (!counts) {
    ++images_;
    normal_ += union_.empty() ? static_cast<std::int64_t>(map.size())
                              : static_cast<std::int64_t>(std::ranges::count(union_, 0));
    collect(map, defects);
    return;
  }
  counted_ += counting_.add(map, union_).value_or(0);
  ++counted_images_;
}

void SproStream::collect(std::span<const float> map, std::span<const Defect> defects) {
  const ScoreRanges::Range range = ranges_.range_of(pass_);
  const bool first = pass_ == 0, full = first && ranges_.overfull();
  if (full) scores_.clear();
  for (const Defect& defect : defects) {
    own_.clear();
    for (std::size_t i = 0; i < map.size(); ++i)
      if (defect.mask[i] != 0) own_.push_back(map[i]);
    if (own_.empty()) continue;
    defects_ += first;
    const auto saturation = static_cast<std::size_t>(
        std::clamp<std::int64_t>(defect.saturation, 1, static_cast<std::int64_t>(own_.size())));
    const auto last = own_.begin() + static_cast<std::ptrdiff_t>(saturation - 1);
    std::nth_element(own_.begin(), last, own_.end(), std::greater<>());
    scores_.add_within(std::span(own_).first(saturation), static_cast<std::uint32_t>(saturation),
                       full ? 1 : range.first, full ? 0 : range.last,
                       first ? ranges_.seen() : nullptr);
    if (first) ranges_.hold(static_cast<std::int64_t>(saturation));
  }
}

SproStream SproStream::clone_empty() const {
  SproStream part(options_);
  part.pass_ = pass_;
  part.counting_ = counting_.part();
  part.ranges_ = ranges_.part();
  return part;
}

void SproStream::merge(const SproStream& part) {
  if (part.pass_ != pass_) throw std::logic_error("the part belongs to another pass");
  if (ranges_.counts_in(pass_)) {
    counting_.take(part.counting_);
    counted_ += part.counted_;
    counted_images_ += part.counted_images_;
    return;
  }
  images_ += part.images_;
  normal_ += part.normal_;
  defects_ += part.defects_;
  ranges_.merge(part.ranges_);
  if (pass_ == 0 && ranges_.overfull())
    scores_.clear();
  else
    scores_.join(part.scores_);
}

bool SproStream::complete() const {
  return !missed_ && pass_ == passes() - 1 && ranges_.counts_in(pass_) && counted_ == normal_ &&
         counted_images_ == images_;
}

std::vector<OverlapArea> SproStream::empty_areas() const {
  std::vector<OverlapArea> areas;
  for (const double limit : options_.limits) areas.emplace_back(limit, normal_);
  return areas;
}

void SproStream::add_counts(std::vector<OverlapArea>& areas) const {
  std::vector<Walker> walkers(static_cast<std::size_t>(std::max(1, options_.threads)),
                              Walker(empty_areas()));
  std::vector<ScoreVisitor*> visitors;
  for (Walker& walker : walkers) visitors.push_back(&walker);
  counting_.walk(visitors);
  for (const Walker& walker : walkers)
    for (std::size_t i = 0; i < areas.size(); ++i) areas[i].merge(walker.areas()[i]);
}

SproResult SproStream::result() const {
  if (result_) return *result_;
  if (!complete()) throw std::logic_error("a later pass did not show all pixels of the first");
  std::vector<OverlapArea> areas = areas_;
  add_counts(areas);
  result_ = SproResult{.images = images_, .normal = normal_, .defects = defects_};
  for (const OverlapArea& area : areas) result_->areas.push_back(area.value(defects_));
  return *result_;
}

}  // namespace looktwice::metrics
