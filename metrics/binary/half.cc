// Family `half`: accuracy, precision, recall and F1 at the threshold 0.5, beside those at a given
// one; anomalous means score >= 0.5. Of pixels the same are pixel_f1 and so on (pixel/pixel.cc);
// here the plain names belong to decisions as generated.
#include "metrics/binary/decision_metrics.h"
#include "metrics/binary/score_decisions.h"

namespace looktwice::metrics {

MetricEntry half_metric() {
  return {.name = "half",
          .gives = decision_values("_at_half", "anomalous = score >= 0.5"),
          .make = [](const MetricOptions& options) {
            return score_decisions(0.5, "_at_half", options);
          }};
}

}  // namespace looktwice::metrics
