// Family "spro": AU-sPRO of MVTec LOCO and the AUROC of the maps' maxima, for structural and for
// logical anomalies, each against all normal pictures, and the mean of the two.
#include <algorithm>
#include <array>
#include <iterator>

#include "metrics/binary/auroc.h"
#include "metrics/metric.h"
#include "metrics/pixel/spro_stream.h"

namespace looktwice::metrics {
namespace {

constexpr std::array kLimits = {"0.01", "0.05", "0.1", "0.3", "1"};
constexpr std::array kLimitValues = {0.01, 0.05, 0.1, 0.3, 1.0};
constexpr std::array kKinds = {"structural", "logical"};
constexpr std::size_t kKindCount = kKinds.size();

// Pictures by the maximum of their map.
struct Maxima {
  std::vector<float> scores = {};
  std::vector<std::uint8_t> positive = {};
};

class Spro final : public Metric {
 public:
  explicit Spro(std::vector<SproStream> streams) : streams_(std::move(streams)) {}

  int passes() const override { return streams_[0].passes(); }
  void begin_pass(int pass) override {
    pass_ = pass;
    for (SproStream& stream : streams_) stream.begin_pass(pass);
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
      streams_[k].add(seen.id, seen.map, normal ? std::span<const Defect>{} : seen.defects,
                      seen.width, seen.height);
      if (pass_ > 0) continue;
      maxima_[k].scores.push_back(*std::ranges::max_element(seen.map));
      maxima_[k].positive.push_back(!normal);
    }
  }

  std::unique_ptr<Metric> clone_empty() const override {
    std::vector<SproStream> parts;
    for (const SproStream& stream : streams_) parts.push_back(stream.clone_empty());
    auto part = std::make_unique<Spro>(std::move(parts));
    part->pass_ = pass_;
    return part;
  }

  void merge(const Metric& other) override {
    const auto& part = dynamic_cast<const Spro&>(other);
    for (std::size_t k = 0; k < kKindCount; ++k) {
      streams_[k].merge(part.streams_[k]);
      std::ranges::copy(part.maxima_[k].scores, std::back_inserter(maxima_[k].scores));
      std::ranges::copy(part.maxima_[k].positive, std::back_inserter(maxima_[k].positive));
    }
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
    std::array<std::optional<double>, kKindCount> ranks;
    for (std::size_t k = 0; k < kKindCount; ++k)
      if (streams_[k].complete()) ranks[k] = auroc(maxima_[k].scores, maxima_[k].positive);
    add_three(all, "map_max_auroc", ranks, rank_reasons);
    return all;
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
    mean.used = static_cast<std::int64_t>(maxima_[0].scores.size()) +
                std::ranges::count(maxima_[1].positive, 1);
    if (values[0] && values[1])
      mean.value = (*values[0] + *values[1]) / 2;
    else
      mean.reason = values[0] ? reasons[1] : reasons[0];
    all.push_back(mean);
    for (std::size_t k = 0; k < kKindCount; ++k)
      all.push_back({.name = name + "_" + kKinds[k],
                     .value = values[k],
                     .reason = values[k] ? "" : reasons[k],
                     .used = static_cast<std::int64_t>(maxima_[k].scores.size()),
                     .skipped = skipped_});
  }

  std::vector<SproStream> streams_;  // one per kind
  std::array<Maxima, kKindCount> maxima_ = {};
  int pass_ = -1;
  std::int64_t skipped_ = 0;
};

}  // namespace

MetricEntry spro_metric() {
  return {.name = "spro",
          .pixel = true,
          .gives = Spro::infos(),
          .make = [](const MetricOptions& options) -> std::unique_ptr<Metric> {
            std::vector<SproStream> streams;
            for (std::size_t k = 0; k < kKindCount; ++k)
              streams.emplace_back(SproOptions{.limits = {kLimitValues.begin(), kLimitValues.end()},
                                               .threads = options.threads,
                                               .engine = options.pixel_engine});
            return std::make_unique<Spro>(std::move(streams));
          }};
}

}  // namespace looktwice::metrics
