// Family `threshold`: accuracy, precision, recall and F1 at a given threshold; anomalous means
// score >= threshold.
#include "metrics/binary/decision_metrics.h"
#include "metrics/binary/score_decisions.h"

namespace looktwice::metrics {

MetricEntry threshold_metric() {
  return {.name = "threshold",
          .gives = decision_values("_at", "anomalous = score >= threshold"),
          .make = [](const MetricOptions& options) {
            return score_decisions(options.threshold, "_at", options);
          }};
}

}  // namespace looktwice::metrics
