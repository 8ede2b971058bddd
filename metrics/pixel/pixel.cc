// Family "pixel": exact AUROC, AP, F1-max, F1 at a threshold and AUPRO over all pixels of a class,
// normal pictures included.
#include <algorithm>

#include "metrics/binary/decision_metrics.h"
#include "metrics/metric.h"
#include "metrics/pixel/pixel_stream.h"

namespace looktwice::metrics {
namespace {

constexpr int kMvtecPositions = 5000;  // as MVTec's evaluation script is called

class PixelMetric final : public Metric {
 public:
  PixelMetric(PixelStream stream, double threshold)
      : stream_(std::move(stream)), threshold_(threshold) {}

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
    auto part = std::make_unique<PixelMetric>(stream_.clone_empty(), threshold_);
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
    std::string no_anomaly = "no anomalous pixel", no_pixel = "no pixel";
    if (!complete)
      no_anomaly = no_pixel = "not all maps were shown in the last pass";
    else if (result.images == 0)
      no_anomaly = no_pixel = "no anomaly map with a mask";
    const std::string one_class = result.anomalous == 0 ? no_anomaly : "no normal pixel";
    std::vector<Value> values;
    const auto add = [&](const std::string& name, std::optional<double> value,
                         const std::string& why_not) {
      values.push_back({.name = name,
                        .value = value,
                        .reason = value ? "" : why_not,
                        .used = result.images,
                        .skipped = skipped_});
    };
    add("pixel_auroc", result.auroc, one_class);
    add("pixel_average_precision", result.average_precision, no_anomaly);
    add("pixel_f1_max", {}, no_anomaly);
    if (result.f1_max) {
      values.back().value = result.f1_max->value;
      values.back().threshold = static_cast<double>(result.f1_max->threshold);
      values.back().reason.clear();
    }
    const auto add_decisions = [&](const Confusion& counts, const std::string& suffix,
                                   double threshold) {
      const std::string none_called =
          counts.all() == 0 ? no_pixel : "no pixel was called anomalous";
      add("pixel_accuracy" + suffix, counts.accuracy(), no_pixel);
      add("pixel_precision" + suffix, counts.precision(), none_called);
      add("pixel_recall" + suffix, counts.recall(), no_anomaly);
      add("pixel_f1" + suffix, counts.f1(), no_anomaly);
      for (std::size_t i = values.size() - 4; i < values.size(); ++i)
        values[i].threshold = threshold;
    };
    add_decisions(result.at_half, "", 0.5);
    add_decisions(result.at_threshold, "_at", threshold_);
    add("aupro", result.aupro, one_class);
    add("aupro_mvtec", result.aupro_mvtec, one_class);
    add("aupro_anomalyclip", result.aupro_anomalyclip,
        result.aupro ? "no two rates below the limit to rescale by" : one_class);
    // anomalib divides by the last rate of its curve, which it has just interpolated at the limit.
    add("aupro_anomalib", result.aupro, one_class);
    return values;
  }

 private:
  PixelStream stream_;
  double threshold_;
  int pass_ = -1;
  std::int64_t skipped_ = 0;
};

std::vector<ValueInfo> infos() {
  std::vector<ValueInfo> infos = {
      {"pixel_auroc", "area under the ROC curve of all pixels, ties count half"},
      {"pixel_average_precision", "average precision of all pixels"},
      {"pixel_f1_max", "largest F1 of all pixels over all thresholds; ties: the highest"}};
  for (const auto& [suffix, what] :
       {std::pair{"", "anomalous = score >= 0.5: maps of 0 and 1 as generated"},
        std::pair{"_at", "anomalous = score >= --pixel_threshold"}})
    for (const ValueInfo& info : decision_values(suffix, what))
      infos.push_back({"pixel_" + info.name, info.summary + ", of pixels"});
  infos.push_back({"aupro",
                   "mean overlap of the 8-connected regions against the false positive rate, up to "
                   "--fpr_limit"});
  infos.push_back({"aupro_mvtec",
                   "AUPRO as MVTec's code has it: 5,000 thresholds among the normal "
                   "scores, overlap counts score > threshold"});
  infos.push_back({"aupro_anomalyclip",
                   "AUPRO as AnomalyCLIP's code has it: 200 equidistant "
                   "thresholds, kept rates rescaled to [0, 1]"});
  infos.push_back(
      {"aupro_anomalib", "AUPRO as anomalib has it: all scores, divided by the last rate"});
  return infos;
}

bool asks_for(const MetricOptions& options, const char* name) {
  return options.wanted.empty() || std::ranges::find(options.wanted, name) != options.wanted.end();
}

}  // namespace

MetricEntry pixel_metric() {
  return {.name = "pixel",
          .pixel = true,
          .gives = infos(),
          .make = [](const MetricOptions& options) -> std::unique_ptr<Metric> {
            PixelStream stream(
                {.fpr_limit = options.fpr_limit,
                 .threshold = options.pixel_threshold,
                 .equidistant_scores = asks_for(options, "aupro_anomalyclip"),
                 .equidistant_positions = asks_for(options, "aupro_mvtec") ? kMvtecPositions : 0,
                 .threads = options.threads,
                 .memory = options.memory,
                 .engine = options.pixel_engine});
            return std::make_unique<PixelMetric>(std::move(stream), options.pixel_threshold);
          }};
}

}  // namespace looktwice::metrics
