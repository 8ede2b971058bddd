// Family `threshold`: accuracy, precision, recall and F1 at a given threshold; anomalous means
// score >= threshold.
#include <cmath>
#include <stdexcept>

#include "metrics/binary/decision_metrics.h"

namespace looktwice::metrics {
namespace {

class Threshold final : public Metric {
 public:
  explicit Threshold(MetricOptions options) : options_(options) {}

  void add(const Observation& observation) override {
    if (!observation.positive || !observation.score) {
      counts_.skip();
      return;
    }
    if (!std::isfinite(*observation.score))
      throw std::invalid_argument("score of '" + std::string(observation.id) + "' is " +
                                  std::to_string(*observation.score) +
                                  "; only finite scores have a side of a threshold");
    counts_.add(observation.id, *observation.positive, *observation.score >= options_.threshold);
  }
  std::unique_ptr<Metric> clone_empty() const override {
    return std::make_unique<Threshold>(options_);
  }
  void merge(const Metric& other) override {
    counts_.merge(dynamic_cast<const Threshold&>(other).counts_);
  }
  std::vector<Value> values() const override {
    std::vector<Value> values =
        counts_.values("_at", "no sample has a score and a label", options_);
    for (Value& value : values) value.threshold = options_.threshold;
    return values;
  }

 private:
  MetricOptions options_;
  DecisionCounts counts_;
};

}  // namespace

MetricEntry threshold_metric() {
  return {
      .name = "threshold",
      .gives = decision_values("_at", "anomalous = score >= threshold"),
      .make = [](const MetricOptions& options) { return std::make_unique<Threshold>(options); }};
}

}  // namespace looktwice::metrics
