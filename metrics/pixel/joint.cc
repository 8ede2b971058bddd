// Family "joint": F1 and accuracy of pixels and pictures at one threshold for all categories of a
// task, found on their maps or given.
#include "metrics/metric.h"
#include "metrics/pixel/joint_threshold.h"

namespace looktwice::metrics {
namespace {

class Joint final : public Metric {
 public:
  explicit Joint(JointThreshold joint) : joint_(std::move(joint)) {}

  int passes() const override { return joint_.passes(); }
  void begin_pass(int pass) override {
    pass_ = pass;
    joint_.begin_pass(pass);
  }
  void end_pass() override { joint_.end_pass(); }

  void add(const Observation& seen) override {
    const bool truth = !seen.mask.empty() || seen.positive == false;
    if (seen.map.empty() || !truth || !seen.positive) {
      skipped_ += pass_ == 0;
      return;
    }
    joint_.add(seen.id, seen.category, *seen.positive, seen.map, seen.mask);
  }

  std::unique_ptr<Metric> clone_empty() const override {
    auto part = std::make_unique<Joint>(joint_.clone_empty());
    part->pass_ = pass_;
    return part;
  }
  void merge(const Metric& other) override {
    const auto& part = dynamic_cast<const Joint&>(other);
    joint_.merge(part.joint_);
    skipped_ += part.skipped_;
  }

  // Over all pixels and pictures at the same threshold.
  std::vector<Value> values() const override {
    PixelsAndPictures all;
    if (const auto found = result())
      for (const auto& [name, own] : found->categories) {
        all.pixels += own.pixels;
        all.pictures += own.pictures;
      }
    return values_of(all, skipped_);
  }
  std::map<std::string, std::vector<Value>> by_category() const override {
    std::map<std::string, std::vector<Value>> values;
    if (const auto found = result())
      for (const auto& [name, own] : found->categories) values[name] = values_of(own, 0);
    return values;
  }

 private:
  std::optional<JointResult> result() const {
    return joint_.complete() ? joint_.result() : std::nullopt;
  }

  std::vector<Value> values_of(const PixelsAndPictures& counts, std::int64_t skipped) const {
    const auto found = result();
    std::string why = joint_.complete() ? joint_.why_not() : "not all maps were shown in each pass";
    std::vector<Value> values;
    const auto add = [&](const char* name, std::optional<double> value, double threshold,
                         const char* undefined) {
      Value made{.name = name, .used = counts.pictures.all(), .skipped = skipped};
      if (!found) {
        made.reason = why;
      } else {
        made.value = value;
        made.threshold = threshold;
        if (value)
          made.no_interval = "not drawn anew: all categories of the task share the threshold";
        if (!value) made.reason = undefined;
      }
      values.push_back(std::move(made));
    };
    const double pixels = found ? found->pixel_threshold : 0;
    const double pictures = found ? found->picture_threshold : 0;
    add("joint_pixel_f1", counts.pixels.f1(), pixels, "no anomalous pixel");
    add("joint_pixel_accuracy", counts.pixels.accuracy(), pixels, "no pixel");
    add("joint_image_f1", counts.pictures.f1(), pictures, "no anomalous picture");
    add("joint_image_accuracy", counts.pictures.accuracy(), pictures, "no picture");
    const auto place = [&](double threshold) -> std::optional<double> {
      const double range = static_cast<double>(found->highest) - static_cast<double>(found->lowest);
      if (!(range > 0)) return {};
      return (threshold - static_cast<double>(found->lowest)) / range;
    };
    add("joint_threshold", found ? place(pixels) : std::nullopt, pixels, "all scores are equal");
    add("joint_image_threshold", found ? place(pictures) : std::nullopt, pictures,
        "all scores are equal");
    return values;
  }

  JointThreshold joint_;
  int pass_ = -1;
  std::int64_t skipped_ = 0;
};

}  // namespace

MetricEntry joint_metric() {
  return {.name = "joint",
          .pixel = true,
          .across = true,
          .bounded = true,
          .gives =
              {{"joint_pixel_f1", "F1 of pixels at the threshold that all categories share", true},
               {"joint_pixel_accuracy", "share of pixels called rightly there", true},
               {"joint_image_f1", "F1 of images by the maximum of the map, at the same threshold",
                true},
               {"joint_image_accuracy", "share of images called rightly there", true},
               {"joint_threshold",
                "the threshold as a share of the range of all scores; neither high nor low is good",
                true},
               {"joint_image_threshold", "likewise for images; the same unless `anomalib`", true}},
          .make = [](const MetricOptions& options) -> std::unique_ptr<Metric> {
            const auto search = [&] {
              switch (options.map_threshold) {
                case MapThreshold::joint:
                  return ThresholdSearch::grid;
                case MapThreshold::joint_exact:
                  return ThresholdSearch::exact;
                case MapThreshold::anomalib:
                  return ThresholdSearch::separate;
                case MapThreshold::given:
                  return ThresholdSearch::given;
              }
              return ThresholdSearch::grid;
            };
            return std::make_unique<Joint>(JointThreshold({.search = search(),
                                                           .pooled = options.pooled_threshold,
                                                           .threshold = options.pixel_threshold,
                                                           .memory = options.memory,
                                                           .threads = options.threads}));
          }};
}

}  // namespace looktwice::metrics
