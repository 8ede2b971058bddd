#include "metrics/binary/score_decisions.h"

#include <cmath>
#include <stdexcept>

#include "metrics/binary/decision_metrics.h"

namespace looktwice::metrics {
namespace {

class ScoreDecisions final : public Metric {
 public:
  ScoreDecisions(double threshold, std::string suffix, MetricOptions options)
      : threshold_(threshold), suffix_(std::move(suffix)), options_(std::move(options)) {}

  void add(const Observation& observation) override {
    if (!observation.positive || !observation.score) {
      counts_.skip();
      return;
    }
    if (!std::isfinite(*observation.score))
      throw std::invalid_argument("score of '" + std::string(observation.id) + "' is " +
                                  std::to_string(*observation.score) +
                                  "; only finite scores have a side of a threshold");
    counts_.add(observation.id, *observation.positive, *observation.score >= threshold_);
  }
  std::unique_ptr<Metric> clone_empty() const override {
    return score_decisions(threshold_, suffix_, options_);
  }
  void merge(const Metric& other) override {
    counts_.merge(dynamic_cast<const ScoreDecisions&>(other).counts_);
  }
  std::vector<Value> values() const override {
    std::vector<Value> values =
        counts_.values(suffix_, "no sample has a score and a label", options_);
    for (Value& value : values) value.threshold = threshold_;
    return values;
  }

 private:
  double threshold_;
  std::string suffix_;
  MetricOptions options_;
  DecisionCounts counts_;
};

}  // namespace

std::unique_ptr<Metric> score_decisions(double threshold, const std::string& suffix,
                                        const MetricOptions& options) {
  return std::make_unique<ScoreDecisions>(threshold, suffix, options);
}

}  // namespace looktwice::metrics
