// Family "kinds": image AUROC of structural and of logical anomalies, each against all normal
// pictures, and the mean of the two, as MVTec LOCO reports it. The score is the answer's.
#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <stdexcept>

#include "metrics/metric.h"
#include "metrics/stats/delong.h"
#include "metrics/stats/shared_normals.h"

namespace looktwice::metrics {
namespace {

constexpr std::array kKinds = {"structural", "logical"};

class Kinds final : public Metric {
 public:
  void add(const Observation& seen) override {
    bool taken = false;
    for (std::size_t k = 0; k < kKinds.size(); ++k) {
      const bool anomalous = seen.positive == true && seen.kind.starts_with(kKinds[k]);
      if (!seen.score || (!anomalous && seen.positive != false)) continue;
      if (!std::isfinite(*seen.score))
        throw std::invalid_argument("score of '" + std::string(seen.id) + "' is not finite");
      scores_[k].scores.push_back(*seen.score);
      scores_[k].positive.push_back(anomalous);
      taken = true;
    }
    skipped_ += !taken;
  }
  std::unique_ptr<Metric> clone_empty() const override { return std::make_unique<Kinds>(); }
  void merge(const Metric& other) override {
    const auto& part = dynamic_cast<const Kinds&>(other);
    for (std::size_t k = 0; k < kKinds.size(); ++k) {
      std::ranges::copy(part.scores_[k].scores, std::back_inserter(scores_[k].scores));
      std::ranges::copy(part.scores_[k].positive, std::back_inserter(scores_[k].positive));
    }
    skipped_ += part.skipped_;
  }
  std::vector<Value> values() const override {
    Value mean{.name = "auroc_of_kinds", .skipped = skipped_};
    std::vector<Value> all(1);
    for (std::size_t k = 0; k < kKinds.size(); ++k) {
      const RankedScores ranked(scores_[k].scores, scores_[k].positive);
      Value value{.name = std::string("auroc_") + kKinds[k],
                  .used = static_cast<std::int64_t>(scores_[k].scores.size()),
                  .skipped = skipped_};
      if (const auto estimate = delong(ranked)) {
        value.value = estimate->value;
        value.interval = auroc_interval(*estimate);
        if (estimate->variance > 0) value.variance = estimate->variance;
      } else {
        value.reason = ranked.why_not() + " (" + kKinds[k] + " anomalies)";
        if (mean.reason.empty()) mean.reason = value.reason;
      }
      // Normal pictures are in both.
      mean.used += k == 0 ? value.used : std::ranges::count(scores_[k].positive, 1);
      all.push_back(std::move(value));
    }
    if (const auto estimate = mean_of_kinds(scores_)) {
      mean.value = estimate->value;
      mean.interval = mean_of_kinds_interval(*estimate);
      if (estimate->variance > 0) mean.variance = estimate->variance;
    }
    all[0] = std::move(mean);
    return all;
  }

 private:
  std::array<KindScores, kKinds.size()> scores_ = {};
  std::int64_t skipped_ = 0;
};

}  // namespace

MetricEntry kinds_metric() {
  return {.name = "kinds",
          .gives = {{"auroc_of_kinds", "mean of AUROC over structural and logical anomalies"},
                    {"auroc_structural", "AUROC of structural anomalies and normal pictures"},
                    {"auroc_logical", "AUROC of logical anomalies and normal pictures"}},
          .make = [](const MetricOptions&) { return std::make_unique<Kinds>(); }};
}

}  // namespace looktwice::metrics
