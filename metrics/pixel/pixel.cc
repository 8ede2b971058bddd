// Family "pixel": exact AUROC, AP, F1-max, F1 at a threshold and AUPRO over all pixels of a class,
// normal pictures included.
#include <algorithm>
#include <array>
#include <iterator>
#include <limits>

#include "metrics/binary/decision_metrics.h"
#include "metrics/metric.h"
#include "metrics/pixel/image_resampling.h"
#include "metrics/pixel/ordered_bits.h"
#include "metrics/pixel/pixel_images.h"
#include "metrics/pixel/pixel_stream.h"
#include "metrics/stats/bootstrap.h"

namespace looktwice::metrics {
namespace {

constexpr int kMvtecPositions = 5000;  // as MVTec's evaluation script is called

bool asks_for(const MetricOptions& options, const std::string& name) {
  return options.wanted.empty() || std::ranges::find(options.wanted, name) != options.wanted.end();
}

// Values that bins of scores can resample, in the order of CurveValue. AnomalyCLIP's thresholds are
// equidistant scores, of which ranks know nothing.
constexpr std::pair<const char*, CurveValue> kCurves[] = {
    {"pixel_auroc", kCurveAuroc},    {"pixel_average_precision", kCurveAveragePrecision},
    {"pixel_f1_max", kCurveF1Max},   {"aupro", kCurveOverlaps},
    {"aupro_mvtec", kCurveOverlaps}, {"aupro_anomalib", kCurveOverlaps}};
constexpr const char* kDecisions[] = {"pixel_accuracy", "pixel_precision", "pixel_recall",
                                      "pixel_f1"};
constexpr const char* kSuffixes[] = {"", "_at"};

std::array<std::optional<double>, 4> rates_of(const Confusion& counts) {
  return {counts.accuracy(), counts.precision(), counts.recall(), counts.f1()};
}

// Decisions about the pixels of one image.
struct ImageDecisions {
  std::string id = {};
  std::size_t stratum = 0;
  Confusion at_half = {}, at_threshold = {};
};

Confusion decisions(std::span<const float> map, std::span<const std::uint8_t> mask,
                    double threshold) {
  const float from = smallest_float_from(threshold);
  std::int64_t called = 0, anomalous = 0, found = 0;
  for (std::size_t i = 0; i < map.size(); ++i) {
    const bool says = map[i] >= from, is = !mask.empty() && mask[i] != 0;
    called += says;
    anomalous += is;
    found += says && is;
  }
  return {.true_positives = found,
          .false_positives = called - found,
          .false_negatives = anomalous - found,
          .true_negatives = std::ssize(map) - anomalous - called + found};
}

class PixelMetric final : public Metric {
 public:
  PixelMetric(PixelStream stream, MetricOptions options)
      : stream_(std::move(stream)),
        options_(std::move(options)),
        images_(std::vector{options_.fpr_limit}) {
    if (options_.resamples == 0) return;
    curves_ = std::ranges::any_of(
        kCurves, [&](const auto& curve) { return asks_for(options_, curve.first); });
    for (const char* name : kDecisions)
      for (const char* suffix : kSuffixes)
        decisions_ = decisions_ || asks_for(options_, std::string(name) + suffix);
  }

  int passes() const override { return stream_.passes(); }
  void begin_pass(int pass) override {
    pass_ = pass;
    stream_.begin_pass(pass);
    if (curves_) images_.begin_pass(pass);
  }

  void add(const Observation& seen) override {
    // A normal picture needs no mask: it would be all zero.
    const bool truth = !seen.mask.empty() || seen.positive == false;
    if (seen.map.empty() || !truth) {
      skipped_ += pass_ == 0;
      return;
    }
    stream_.add(seen.id, seen.map, seen.mask, seen.width, seen.height);
    const std::size_t stratum = seen.positive == false ? 1 : 0;
    if (curves_) images_.add(seen.id, stratum, seen.map, seen.mask, seen.width, seen.height);
    if (decisions_ && pass_ == 0)
      decided_.push_back(
          {.id = std::string(seen.id),
           .stratum = stratum,
           .at_half = decisions(seen.map, seen.mask, 0.5),
           .at_threshold = decisions(seen.map, seen.mask, options_.pixel_threshold)});
  }

  std::unique_ptr<Metric> clone_empty() const override {
    auto part = std::make_unique<PixelMetric>(stream_.clone_empty(), options_);
    part->pass_ = pass_;
    part->images_ = images_.clone_empty();
    return part;
  }

  void merge(const Metric& other) override {
    const auto& part = dynamic_cast<const PixelMetric&>(other);
    stream_.merge(part.stream_);
    images_.merge(part.images_);
    std::ranges::copy(part.decided_, std::back_inserter(decided_));
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
    add_decisions(result.at_threshold, "_at", options_.pixel_threshold);
    add("aupro", result.aupro, one_class);
    add("aupro_mvtec", result.aupro_mvtec, one_class);
    add("aupro_anomalyclip", result.aupro_anomalyclip,
        result.aupro ? "no two rates below the limit to rescale by" : one_class);
    // anomalib divides by the last rate of its curve, which it has just interpolated at the limit.
    add("aupro_anomalib", result.aupro, one_class);
    if (complete) add_intervals(values);
    return values;
  }

 private:
  // Curves and decisions of the same draws.
  void add_intervals(std::vector<Value>& values) const {
    const auto value = [&](const std::string& name) -> Value& {
      return *std::ranges::find(values, name, &Value::name);
    };
    if (options_.resamples == 0) {
      for (Value& one : values)
        if (one.value) one.no_interval = "--resamples=0";
      return;
    }
    if (Value& one = value("aupro_anomalyclip"); one.value)
      one.no_interval = "its thresholds hang on the lowest and the highest score of all images";
    if (curves_) add_curve_intervals(value);
    if (decisions_) add_decision_intervals(value);
  }

  template <class Find>
  void add_curve_intervals(const Find& value) const {
    ImageDraws draws({"anomalous", "normal"});
    for (std::size_t i = 0; i < images_.size(); ++i) draws.add(images_.id(i), images_.stratum(i));
    const ImageDraws::Drawn drawn = draws.drawn();
    const auto add = [&](PixelImages::Sums& sums, std::size_t place, std::int64_t times) {
      images_.add(sums, drawn.order[place], times);
    };
    PixelImages::Sums all = images_.zero();
    for (std::size_t place = 0; place < drawn.order.size(); ++place) add(all, place, 1);
    const auto results = resampled_sums(drawn, images_.values(), options_, images_.zero(), add,
                                        [&](const PixelImages::Sums& sums, std::span<double> out) {
                                          images_.curve_values(sums, all, out);
                                        });
    for (const auto& [name, at] : kCurves)
      if (asks_for(options_, name))
        add_interval(value(name), results[at], drawn, options_, bias(results, at));
  }

  // What resampling shows of how much too high a value is.
  static double bias(const std::vector<ResampledValue>& results, CurveValue at) {
    const auto& drawn = results[at].replicates;
    if (drawn.empty()) return 0;
    if (at == kCurveF1Max) return mean_of(drawn) - mean_of(results[kCurveF1There].replicates);
    return mean_of(drawn) - results[at].estimate;
  }

  template <class Find>
  void add_decision_intervals(const Find& value) const {
    ImageDraws draws({"anomalous", "normal"});
    for (const ImageDecisions& one : decided_) draws.add(one.id, one.stratum);
    const ImageDraws::Drawn drawn = draws.drawn();
    constexpr std::size_t kRates = std::size(kDecisions);
    const auto results = resampled_sums(
        drawn, 2 * kRates, options_, std::array<Confusion, 2>{},
        [&](std::array<Confusion, 2>& sums, std::size_t place, std::int64_t times) {
          const ImageDecisions& one = decided_[drawn.order[place]];
          sums[0] += one.at_half.times(times);
          sums[1] += one.at_threshold.times(times);
        },
        [&](const std::array<Confusion, 2>& sums, std::span<double> out) {
          for (std::size_t s = 0; s < std::size(kSuffixes); ++s)
            for (std::size_t r = 0; r < kRates; ++r)
              out[s * kRates + r] =
                  rates_of(sums[s])[r].value_or(std::numeric_limits<double>::quiet_NaN());
        });
    for (std::size_t s = 0; s < std::size(kSuffixes); ++s)
      for (std::size_t r = 0; r < kRates; ++r)
        if (const std::string name = std::string(kDecisions[r]) + kSuffixes[s];
            asks_for(options_, name))
          add_interval(value(name), results[s * kRates + r], drawn, options_);
  }

  PixelStream stream_;
  MetricOptions options_;
  bool curves_ = false, decisions_ = false;
  PixelImages images_;                        // for intervals of curves
  std::vector<ImageDecisions> decided_ = {};  // for those at a threshold
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

}  // namespace

MetricEntry pixel_metric() {
  return {.name = "pixel",
          .pixel = true,
          .bounded = true,
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
            return std::make_unique<PixelMetric>(std::move(stream), options);
          }};
}

}  // namespace looktwice::metrics
