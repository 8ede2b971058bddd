// Family "generated": F1 and accuracy of masks as a model generated them, without any threshold. An
// image is called anomalous when any of its pixels is.
#include <algorithm>
#include <limits>
#include <stdexcept>
#include <utility>

#include "metrics/binary/confusion.h"
#include "metrics/binary/decision_metrics.h"
#include "metrics/metric.h"
#include "metrics/pixel/image_resampling.h"
#include "metrics/stats/proportion.h"
#include "metrics/stats/sum.h"

namespace looktwice::metrics {
namespace {

class Generated final : public Metric {
 public:
  explicit Generated(MetricOptions options) : options_(std::move(options)) {}
  void add(const Observation& seen) override {
    const bool truth = !seen.mask.empty() || seen.positive == false;
    if (seen.map.empty() || !truth) {
      ++skipped_;
      return;
    }
    ++maps_;
    if (seen.called.empty()) return;
    if (seen.called.size() != seen.map.size() ||
        (!seen.mask.empty() && seen.mask.size() != seen.map.size()))
      throw std::invalid_argument(std::string(seen.id) + ": masks differ in size");
    ++masks_;
    bool any = false;
    Confusion own;
    for (std::size_t i = 0; i < seen.called.size(); ++i) {
      const bool called = seen.called[i] != 0;
      any = any || called;
      own.add(!seen.mask.empty() && seen.mask[i] != 0, called);
    }
    pixels_ += own;
    decided_.push_back({.id = std::string(seen.id),
                        .stratum = seen.positive == false ? std::size_t{1} : 0,
                        .positive = seen.positive,
                        .called = any,
                        .pixels = own});
    // An F1 is a ratio of counts: summed as it is, the order would change the last bit.
    rewards_.emplace_back(seen.id, reward(own));
    if (seen.positive) images_.add(*seen.positive, any);
  }
  std::unique_ptr<Metric> clone_empty() const override {
    return std::make_unique<Generated>(options_);
  }
  void merge(const Metric& other) override {
    const auto& part = dynamic_cast<const Generated&>(other);
    pixels_ += part.pixels_;
    images_ += part.images_;
    rewards_.insert(rewards_.end(), part.rewards_.begin(), part.rewards_.end());
    decided_.insert(decided_.end(), part.decided_.begin(), part.decided_.end());
    maps_ += part.maps_;
    masks_ += part.masks_;
    skipped_ += part.skipped_;
  }
  std::vector<Value> values() const override {
    std::string why;
    if (maps_ == 0)
      why = "no mask with a truth";
    else if (masks_ < maps_)
      why = std::to_string(maps_ - masks_) + " of " + std::to_string(maps_) +
            " maps hold other values than 0 and 1";
    std::vector<Value> values;
    const auto add = [&](const char* name, std::optional<double> value, const char* undefined) {
      if (!why.empty()) value.reset();
      values.push_back({.name = name,
                        .value = value,
                        .reason = value          ? ""
                                  : !why.empty() ? why
                                                 : undefined,
                        .used = masks_,
                        .skipped = skipped_});
    };
    add("generated_pixel_f1", pixels_.f1(), "no anomalous pixel");
    add("generated_pixel_accuracy", pixels_.accuracy(), "no pixel");
    add("generated_image_f1", images_.f1(), "no anomalous image");
    add("generated_image_accuracy", images_.accuracy(), "no image");
    std::vector<double> sorted;
    for (const auto& [id, value] : rewards_) sorted.push_back(value);
    std::ranges::sort(sorted);
    Sum sum;
    for (const double value : sorted) sum += value;
    add("reward_mask",
        sorted.empty() ? std::optional<double>() : sum.value() / static_cast<double>(sorted.size()),
        "no image");
    if (why.empty() && masks_ > 0) add_intervals(values);
    return values;
  }
  std::map<std::string, std::map<std::string, double>> by_sample() const override {
    std::map<std::string, std::map<std::string, double>> all;
    for (const auto& [id, value] : rewards_) all["reward_mask"][id] = value;
    // Right or wrong, so that two runs can be compared picture by picture.
    for (const Decided& one : decided_)
      if (one.positive) all["generated_image_accuracy"][one.id] = *one.positive == one.called;
    return all;
  }

 private:
  // R_acc of OmniAD with alpha = 2.
  static double reward(const Confusion& pixels) {
    if (pixels.positives() == 0) return pixels.called_positive() == 0 ? 1 : 0;
    return 2 * pixels.f1().value_or(0);
  }

  struct Decided {
    std::string id = {};
    std::size_t stratum = 0;
    std::optional<bool> positive = {};
    bool called = false;
    Confusion pixels = {};
  };

  // Accuracy of images: Wilson. All else that is made of counts: images drawn anew; F1 of images as
  // any other, since no image counts more than another.
  void add_intervals(std::vector<Value>& values) const {
    if (values[3].value) values[3].interval = wilson(images_.right(), images_.all());
    ImageDraws draws({"anomalous", "normal"});
    for (const Decided& one : decided_) draws.add(one.id, one.stratum);
    const ImageDraws::Drawn drawn = draws.drawn();
    struct Sums {
      Confusion pixels = {}, images = {};
    };
    const auto results = resampled_sums(
        drawn, 3, options_, Sums{},
        [&](Sums& sums, std::size_t place, std::int64_t times) {
          const Decided& one = decided_[drawn.order[place]];
          sums.pixels += one.pixels.times(times);
          Confusion image;
          if (one.positive) image.add(*one.positive, one.called);
          sums.images += image.times(times);
        },
        [](const Sums& sums, std::span<double> out) {
          constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
          out[0] = sums.pixels.f1().value_or(kNone);
          out[1] = sums.pixels.accuracy().value_or(kNone);
          out[2] = sums.images.f1().value_or(kNone);
        });
    for (std::size_t v = 0; v < results.size(); ++v)
      add_interval(values[v], results[v], drawn, options_);
    if (Value& f1 = values[2]; f1.value && options_.resamples > 0) {
      f1.interval = f1_interval(images_, results[2].replicates);
      f1.no_interval.clear();
      f1.variance.reset();
      f1.degrees.reset();
      if (f1.drawing) f1.drawing->widening = 1;
    }
  }

  MetricOptions options_;
  std::vector<Decided> decided_ = {};
  std::vector<std::pair<std::string, double>> rewards_ = {};  // id and R_acc
  Confusion pixels_ = {}, images_ = {};
  std::int64_t maps_ = 0, masks_ = 0, skipped_ = 0;
};

}  // namespace

MetricEntry generated_metric() {
  return {
      .name = "generated",
      .pixel = true,
      .optional = true,
      .gives = {{"generated_pixel_f1", "F1 of the pixels of masks as generated", true},
                {"generated_pixel_accuracy", "share of their pixels called rightly", true},
                {"generated_image_f1", "F1 of images called anomalous by a mask with any pixel",
                 true},
                {"generated_image_accuracy", "share of images called rightly so", true},
                {"reward_mask",
                 "OmniAD's R_acc of masks as generated: 1 where rightly empty, else 2 F1", true}},
      .make = [](const MetricOptions& options) { return std::make_unique<Generated>(options); }};
}

}  // namespace looktwice::metrics
