// Family "spro": AU-sPRO of MVTec LOCO and the AUROC of the maps' maxima, for structural and for
// logical anomalies, each against all normal pictures, and the mean of the two.
#include <algorithm>
#include <array>
#include <iterator>

#include "metrics/metric.h"
#include "metrics/pixel/image_resampling.h"
#include "metrics/pixel/pixel_images.h"
#include "metrics/pixel/spro_stream.h"
#include "metrics/stats/delong.h"
#include "metrics/stats/shared_normals.h"

namespace looktwice::metrics {
namespace {

constexpr std::array kLimits = {"0.01", "0.05", "0.1", "0.3", "1"};
constexpr std::array kLimitValues = {0.01, 0.05, 0.1, 0.3, 1.0};
constexpr std::array kKinds = {"structural", "logical"};
constexpr std::size_t kKindCount = kKinds.size();

constexpr const char* kMapMaximum = "map_max";  // a value of each picture
constexpr std::size_t kNormals = kKindCount;    // the stratum after those of the kinds

// A picture by the maximum of its map.
struct Picture {
  std::string id = {};
  std::size_t stratum = 0;  // its kind, or kNormals
  double maximum = 0;
};

class Spro final : public Metric {
 public:
  Spro(std::vector<SproStream> streams, MetricOptions options)
      : streams_(std::move(streams)),
        options_(std::move(options)),
        images_(std::vector<double>(kLimitValues.begin(), kLimitValues.end())) {}

  int passes() const override {
    int most = 0;
    for (const SproStream& stream : streams_) most = std::max(most, stream.passes());
    return most;
  }
  void begin_pass(int pass) override {
    pass_ = pass;
    for (SproStream& stream : streams_)
      if (pass < stream.passes()) stream.begin_pass(pass);
    if (options_.resamples > 0) images_.begin_pass(pass);
  }

  void add(const Observation& seen) override {
    const bool normal = seen.positive == false;
    const auto kind =
        std::ranges::find_if(kKinds, [&](const char* name) { return seen.kind.starts_with(name); });
    if (seen.map.empty() || (!normal && (seen.defects.empty() || kind == kKinds.end()))) {
      skipped_ += pass_ == 0;
      return;
    }
    for (std::size_t k = 0; k < kKindCount; ++k) {
      if (!normal && kKinds.begin() + k != kind) continue;
      if (pass_ >= streams_[k].passes()) continue;  // needs fewer passes than the other kind
      streams_[k].add(seen.id, seen.map, normal ? std::span<const Defect>{} : seen.defects,
                      seen.width, seen.height);
    }
    const auto stratum = normal ? kNormals : static_cast<std::size_t>(kind - kKinds.begin());
    if (options_.resamples > 0) {
      if (normal)
        images_.add(seen.id, stratum, seen.map, {}, std::span<const Defect>{});
      else
        images_.add(seen.id, stratum, seen.map, seen.mask, seen.defects);
    }
    if (pass_ == 0)
      pictures_.push_back({.id = std::string(seen.id),
                           .stratum = stratum,
                           .maximum = static_cast<double>(*std::ranges::max_element(seen.map))});
  }

  std::unique_ptr<Metric> clone_empty() const override {
    std::vector<SproStream> parts;
    for (const SproStream& stream : streams_) parts.push_back(stream.clone_empty());
    auto part = std::make_unique<Spro>(std::move(parts), options_);
    part->pass_ = pass_;
    part->images_ = images_.clone_empty();
    return part;
  }

  void merge(const Metric& other) override {
    const auto& part = dynamic_cast<const Spro&>(other);
    for (std::size_t k = 0; k < kKindCount; ++k) streams_[k].merge(part.streams_[k]);
    images_.merge(part.images_);
    std::ranges::copy(part.pictures_, std::back_inserter(pictures_));
    skipped_ += part.skipped_;
  }

  std::vector<Value> values() const override {
    std::vector<Value> all;
    std::array<SproResult, kKindCount> results;
    std::array<std::string, kKindCount> reasons, rank_reasons;
    for (std::size_t k = 0; k < kKindCount; ++k) {
      const std::string kind = kKinds[k];
      // A run that is stopped asks for values too; half the pixels would give a wrong one.
      const bool complete = streams_[k].complete();
      if (complete) results[k] = streams_[k].result();
      const std::string shown = "not all maps were shown in the last pass";
      reasons[k] = !complete                 ? shown
                   : results[k].defects == 0 ? "no " + kind + " defect with a saturation area"
                                             : "no normal pixel";
      rank_reasons[k] = !complete                 ? shown
                        : results[k].defects == 0 ? reasons[k]
                                                  : "only " + kind + " anomalies: nothing to rank";
      results[k].areas.resize(kLimits.size());
    }
    for (std::size_t i = 0; i < kLimits.size(); ++i)
      add_three(all, std::string("au_spro_") + kLimits[i],
                {results[0].areas[i], results[1].areas[i]}, reasons);
    const bool complete =
        std::ranges::all_of(streams_, [](const SproStream& one) { return one.complete(); });
    const auto maxima = complete ? scores_of_kinds() : std::array<KindScores, kKindCount>{};
    std::array<std::optional<double>, kKindCount> ranks;
    for (std::size_t k = 0; k < kKindCount; ++k)
      if (const auto estimate = delong(maxima[k].scores, maxima[k].positive))
        ranks[k] = estimate->value;
    add_three(all, "map_max_auroc", ranks, rank_reasons);
    if (complete) add_intervals(all, maxima);
    return all;
  }

  // What the AUROCs rank, so that two runs can be compared sample by sample.
  std::map<std::string, std::map<std::string, double>> by_sample() const override {
    std::map<std::string, double> maxima;
    for (const Picture& one : pictures_) maxima[one.id] = one.maximum;
    return {{kMapMaximum, std::move(maxima)}};
  }

  // The mean of both kinds, then each.
  static std::vector<ValueInfo> infos() {
    std::vector<ValueInfo> all;
    const auto add = [&](const std::string& name, const std::string& summary) {
      all.push_back({name, "mean over structural and logical of: " + summary, true});
      for (const char* kind : kKinds)
        all.push_back({name + "_" + kind, summary + "; " + kind + " and normal pictures", true});
    };
    for (const char* limit : kLimits)
      add(std::string("au_spro_") + limit,
          std::string("area under mean sPRO up to a false positive rate of ") + limit +
              ", divided by it");
    add("map_max_auroc", "image AUROC, the maximum of the map being the score");
    return all;
  }

 private:
  void add_three(std::vector<Value>& all, const std::string& name,
                 const std::array<std::optional<double>, kKindCount>& values,
                 const std::array<std::string, kKindCount>& reasons) const {
    Value mean{.name = name, .skipped = skipped_};
    mean.used = std::ssize(pictures_);
    if (values[0] && values[1])
      mean.value = (*values[0] + *values[1]) / 2;
    else
      mean.reason = values[0] ? reasons[1] : reasons[0];
    all.push_back(mean);
    for (std::size_t k = 0; k < kKindCount; ++k)
      all.push_back({.name = name + "_" + kKinds[k],
                     .value = values[k],
                     .reason = values[k] ? "" : reasons[k],
                     .used = std::ranges::count_if(pictures_,
                                                   [&](const Picture& one) {
                                                     return one.stratum == k ||
                                                            one.stratum == kNormals;
                                                   }),
                     .skipped = skipped_});
  }

  // Each kind and all normal pictures, in the order in which they were shown.
  std::array<KindScores, kKindCount> scores_of_kinds() const {
    std::array<KindScores, kKindCount> kinds;
    for (const Picture& one : pictures_)
      for (std::size_t k = 0; k < kKindCount; ++k) {
        if (one.stratum != k && one.stratum != kNormals) continue;
        kinds[k].scores.push_back(one.maximum);
        kinds[k].positive.push_back(one.stratum == k);
      }
    return kinds;
  }

  // values: three (the mean, then each kind) per limit, then three AUROCs. Those have DeLong's.
  void add_intervals(std::vector<Value>& values,
                     const std::array<KindScores, kKindCount>& maxima) const {
    constexpr std::size_t kRanks = 3 * kLimits.size();
    if (options_.resamples > 0)
      add_resampled(std::span(values).first(kRanks));
    else
      for (std::size_t v = 0; v < kRanks; ++v)
        if (values[v].value) values[v].no_interval = "--resamples=0";
    const auto set = [&](Value& value, const AurocEstimate& estimate, const Interval& interval) {
      value.interval = interval;
      if (estimate.variance > 0) value.variance = estimate.variance;
    };
    if (const auto estimate = mean_of_kinds(maxima))
      set(values[kRanks], *estimate, mean_of_kinds_interval(*estimate));
    for (std::size_t k = 0; k < kKindCount; ++k)
      if (const auto estimate = delong(maxima[k].scores, maxima[k].positive))
        set(values[kRanks + 1 + k], *estimate, auroc_interval(*estimate));
  }

  void add_resampled(std::span<Value> values) const {
    ImageDraws draws({"structural", "logical", "normal"});
    for (std::size_t i = 0; i < images_.size(); ++i) draws.add(images_.id(i), images_.stratum(i));
    const ImageDraws::Drawn drawn = draws.drawn();
    using Kinds = std::array<PixelImages::Sums, kKindCount>;
    Kinds zero;
    zero.fill(images_.zero());
    const auto results = resampled_sums(
        drawn, values.size(), options_, zero,
        [&](Kinds& sums, std::size_t place, std::int64_t times) {
          const std::size_t stratum = drawn.stratum_of(place);
          for (std::size_t k = 0; k < kKindCount; ++k)
            if (stratum == k || stratum == kNormals)
              images_.add(sums[k], drawn.order[place], times);
        },
        [&](const Kinds& sums, std::span<double> out) {
          std::array<std::vector<double>, kKindCount> of_kinds;
          for (std::size_t k = 0; k < kKindCount; ++k) {
            of_kinds[k].resize(images_.values());
            images_.curve_values(sums[k], {}, of_kinds[k]);
          }
          for (std::size_t l = 0; l < kLimits.size(); ++l) {
            const double structural = of_kinds[0][kCurveOverlaps + l],
                         logical = of_kinds[1][kCurveOverlaps + l];
            out[3 * l] = (structural + logical) / 2;
            out[3 * l + 1] = structural;
            out[3 * l + 2] = logical;
          }
        });
    for (std::size_t v = 0; v < values.size(); ++v)
      add_interval(values[v], results[v], drawn, options_);
  }

  std::vector<SproStream> streams_;  // one per kind
  MetricOptions options_;
  PixelImages images_;  // for intervals
  std::vector<Picture> pictures_ = {};
  int pass_ = -1;
  std::int64_t skipped_ = 0;
};

}  // namespace

MetricEntry spro_metric() {
  return {.name = "spro",
          .pixel = true,
          .bounded = true,
          .gives = Spro::infos(),
          .make = [](const MetricOptions& options) -> std::unique_ptr<Metric> {
            std::vector<SproStream> streams;
            const std::int64_t share =
                options.memory > 0 ? std::max<std::int64_t>(1, options.memory / std::ssize(kKinds))
                                   : 0;
            for (std::size_t k = 0; k < kKindCount; ++k)
              streams.emplace_back(SproOptions{.limits = {kLimitValues.begin(), kLimitValues.end()},
                                               .threads = options.threads,
                                               .memory = share,
                                               .engine = options.pixel_engine});
            return std::make_unique<Spro>(std::move(streams), options);
          }};
}

}  // namespace looktwice::metrics
