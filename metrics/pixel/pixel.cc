// Family "pixel": exact AUROC, AP, F1-max and AUPRO over all pixels of a class, normal pictures
// included.
#include "metrics/pixel/pixel_stream.h"

#include "metrics/metric.h"

namespace looktwice::metrics {
namespace {

class PixelMetric final : public Metric {
 public:
  explicit PixelMetric(PixelStream stream) : stream_(std::move(stream)) {}

  int passes() const override { return stream_.passes(); }
  void begin_pass(int pass) override {
    pass_ = pass;
    stream_.begin_pass(pass);
  }

  void add(const Observation& seen) override {
    // A normal picture needs no mask: it would be all zero.
    const bool truth = !seen.mask.empty() || seen.positive == false;
    if (seen.map.empty() || !truth) {
      skipped_ += pass_ == 0;
      return;
    }
    stream_.add(seen.id, seen.map, seen.mask, seen.width, seen.height);
  }

  std::unique_ptr<Metric> clone_empty() const override {
    auto part = std::make_unique<PixelMetric>(stream_.clone_empty());
    part->pass_ = pass_;
    return part;
  }

  void merge(const Metric& other) override {
    const auto& part = dynamic_cast<const PixelMetric&>(other);
    stream_.merge(part.stream_);
    skipped_ += part.skipped_;
  }

  std::vector<Value> values() const override {
    // A run that is stopped asks for values too; half the pixels would give a wrong one.
    const bool complete = stream_.complete();
    const PixelResult result = complete ? stream_.result() : PixelResult{};
    std::string no_anomaly = "no anomalous pixel";
    if (!complete)
      no_anomaly = "not all maps were shown in the last pass";
    else if (result.images == 0)
      no_anomaly = "no anomaly map with a mask";
    const std::string one_class = result.anomalous == 0 ? no_anomaly : "no normal pixel";
    std::vector<Value> values = {
        value("pixel_auroc", result.auroc, one_class, result),
        value("pixel_average_precision", result.average_precision, no_anomaly, result),
        value("pixel_f1_max", {}, no_anomaly, result),
        value("aupro", result.aupro, one_class, result)};
    if (result.f1_max) {
      values[2].value = result.f1_max->value;
      values[2].threshold = static_cast<double>(result.f1_max->threshold);
      values[2].reason.clear();
    }
    return values;
  }

 private:
  Value value(const char* name, std::optional<double> value, const std::string& why_not,
              const PixelResult& result) const {
    return {.name = name,
            .value = value,
            .reason = value ? "" : why_not,
            .used = result.images,
            .skipped = skipped_};
  }

  PixelStream stream_;
  int pass_ = -1;
  std::int64_t skipped_ = 0;
};

}  // namespace

MetricEntry pixel_metric() {
  return {
      .name = "pixel",
      .pixel = true,
      .gives = {{"pixel_auroc", "area under the ROC curve of all pixels, ties count half", true},
                {"pixel_average_precision", "average precision of all pixels", true},
                {"pixel_f1_max", "largest F1 of all pixels over all thresholds; ties: the highest",
                 true},
                {"aupro",
                 "mean overlap of the 8-connected regions against the false positive rate, up to "
                 "its limit",
                 true}},
      .make = [](const MetricOptions& options) -> std::unique_ptr<Metric> {
        return std::make_unique<PixelMetric>(PixelStream({.fpr_limit = options.fpr_limit,
                                                          .threshold = options.threshold,
                                                          .threads = options.threads}));
      }};
}

}  // namespace looktwice::metrics
