// Family `variants`: image AUROC and AP as published code has them, for a figure that is to stand
// beside a published one. The sound ones are in the family `ranking`.
#include <algorithm>
#include <iterator>

#include "metrics/binary/auroc.h"
#include "metrics/binary/average_precision.h"
#include "metrics/binary/labelled_scores.h"
#include "metrics/binary/ranked_scores.h"
#include "metrics/metric.h"
#include "metrics/pixel/image_resampling.h"
#include "metrics/stats/bootstrap.h"
#include "metrics/stats/delong.h"

namespace looktwice::metrics {
namespace {

class Variants final : public Metric {
 public:
  explicit Variants(MetricOptions options) : options_(std::move(options)) {}

  void add(const Observation& seen) override {
    if (images_.add(seen)) ids_.emplace_back(seen.id);
  }
  std::unique_ptr<Metric> clone_empty() const override {
    return std::make_unique<Variants>(options_);
  }
  void merge(const Metric& other) override {
    const auto& part = dynamic_cast<const Variants&>(other);
    std::ranges::copy(part.ids_, std::back_inserter(ids_));
    images_.merge(part.images_);
  }

  std::vector<Value> values() const override {
    const std::vector<double>& scores = images_.scores();
    const std::vector<std::uint8_t>& positive = images_.positive();
    const RankedScores ranked(scores, positive);
    const Value none = images_.unfilled(ranked);
    Value mvtec = none, adaclip = none, trapezoid = none;
    mvtec.name = "auroc_mvtec";
    adaclip.name = "auroc_adaclip";
    trapezoid.name = "average_precision_trapezoid";
    mvtec.value = auroc_mvtec(scores, positive);
    trapezoid.value = average_precision_trapezoid(scores, positive);
    if (!scores.empty()) {
      adaclip.value = auroc_adaclip(scores, positive);
      adaclip.reason.clear();
    }
    if (const auto estimate = delong(ranked)) {
      adaclip.interval = auroc_interval(*estimate);
      adaclip.variance = estimate->unbiased_variance;
      if (*adaclip.variance > 0) adaclip.degrees = estimate->degrees;
    } else if (adaclip.value) {
      adaclip.no_interval = "0 by AdaCLIP's rule: " + ranked.why_not();
    }
    if (mvtec.value) add_intervals(mvtec, trapezoid);
    return {mvtec, adaclip, trapezoid};
  }

 private:
  // Images drawn anew, the anomalous and the normal ones by themselves.
  void add_intervals(Value& mvtec, Value& trapezoid) const {
    ImageDraws draws({"anomalous", "normal"});
    for (std::size_t i = 0; i < ids_.size(); ++i)
      draws.add(ids_[i], images_.positive()[i] != 0 ? 0 : 1);
    const ImageDraws::Drawn drawn = draws.drawn();
    if (options_.resamples < 2 || !drawn.why_not.empty()) {
      mvtec.no_interval = trapezoid.no_interval =
          options_.resamples < 2 ? "--resamples=0" : drawn.why_not;
      return;
    }
    auto replicates =
        bootstrap(drawn.strata, 2,
                  {.resamples = options_.resamples,
                   .key = {.seed = options_.seed, .tag = drawn.tag},
                   .threads = options_.threads},
                  [&](std::span<const std::uint32_t> counts, std::span<double> out) {
                    std::vector<double> scores;
                    std::vector<std::uint8_t> positive;
                    for (std::size_t i = 0; i < counts.size(); ++i) {
                      const std::size_t own = drawn.order[i];
                      scores.insert(scores.end(), counts[i], images_.scores()[own]);
                      positive.insert(positive.end(), counts[i], images_.positive()[own]);
                    }
                    out[0] = *auroc_mvtec(scores, positive);
                    out[1] = *average_precision_trapezoid(scores, positive);
                  });
    add_interval(mvtec, std::move(replicates[0]), drawn, false);
    add_interval(trapezoid, std::move(replicates[1]), drawn, true);
  }

  // is_too_high: by what its replicates exceed it by, as AP is. To leave out each image in turn
  // would take a sort for each.
  void add_interval(Value& value, std::vector<double> replicates, const ImageDraws::Drawn& drawn,
                    bool is_too_high) const {
    const double deviation = deviation_of(replicates);
    // The bootstrap's variance is too small by (n - 1) / n.
    const auto fewer = static_cast<double>(std::ranges::min(drawn.strata));
    const double widening = fewer / (fewer - 1);
    const double bias = is_too_high ? mean_of(replicates) - *value.value : 0;
    metrics::add_interval(
        value,
        {.estimate = *value.value,
         .replicates = std::move(replicates),
         .variance = deviation * deviation * widening,
         .degrees = fewer - 1,
         .method = "image bootstrap",
         .widening = widening,
         .why_not = deviation == 0 ? "no resample of the images changes the value" : ""},
        drawn, options_, bias);
  }

  MetricOptions options_;
  LabelledScores images_ = {};
  std::vector<std::string> ids_ = {};  // of these
};

}  // namespace

MetricEntry variants_metric() {
  return {.name = "variants",
          .gives = {{"auroc_mvtec",
                     "AUROC as MVTec's code has it: of equal scores the normal come first"},
                    {"auroc_adaclip", "AUROC as AdaCLIP's code has it: 0 for one class"},
                    {"average_precision_trapezoid",
                     "AP as spot-diff's code has it: trapezoids under the curve"}},
          .make = [](const MetricOptions& options) { return std::make_unique<Variants>(options); }};
}

}  // namespace looktwice::metrics
