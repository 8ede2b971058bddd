// Family `decision`: accuracy, precision, recall and F1 of decisions as generated.
#include "metrics/binary/decision_metrics.h"

namespace looktwice::metrics {
namespace {

class Decision final : public Metric {
 public:
  explicit Decision(MetricOptions options) : options_(options) {}

  void add(const Observation& observation) override {
    if (observation.positive && observation.predicted)
      counts_.add(observation.id, *observation.positive, *observation.predicted);
    else
      counts_.skip();
  }
  std::unique_ptr<Metric> clone_empty() const override {
    return std::make_unique<Decision>(options_);
  }
  void merge(const Metric& other) override {
    counts_.merge(dynamic_cast<const Decision&>(other).counts_);
  }
  std::vector<Value> values() const override {
    return counts_.values("", "no sample has a decision and a label", options_);
  }

 private:
  MetricOptions options_;
  DecisionCounts counts_;
};

}  // namespace

MetricEntry decision_metric() {
  return {.name = "decision",
          .gives = decision_values("", "as generated"),
          .make = [](const MetricOptions& options) { return std::make_unique<Decision>(options); }};
}

}  // namespace looktwice::metrics
