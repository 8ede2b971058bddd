// A metric as the harness drives it: observations in, values out (those that share their work come
// together). Order, thread count and the way observations are split between merged parts never
// change the bits of the result. Not here: samples, files, models, grouping into classes.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/pixel/pixel_engine.h"

namespace looktwice::metrics {

// One defect of a picture, a ground truth of its own (MVTec LOCO). It counts as wholly found once
// `saturation` of its pixels are found.
struct Defect {
  std::span<const std::uint8_t> mask = {};  // [height][width], non-zero = of this defect
  std::int64_t saturation = 0;              // in pixels
};

// What a metric may look at. A field that it needs and that is missing makes it skip the
// observation, counted. Non-finite scores and map values throw std::invalid_argument that names
// `id`.
struct Observation {
  std::string_view id = {};
  std::optional<bool> positive = {};   // the truth: anomalous
  std::optional<double> score = {};    // larger = more anomalous
  std::optional<bool> predicted = {};  // decision as generated
  // map[height][width] and mask[height][width] of the same size; mask: non-zero = anomalous.
  std::span<const float> map = {};
  std::span<const std::uint8_t> mask = {};
  int width = 0, height = 0;
  // Which pixels a model called anomalous, where it generates masks and no scores; of the same
  // size.
  std::span<const std::uint8_t> called = {};
  // Where each defect has a mask of its own; they may overlap, and `mask` is their union.
  std::span<const Defect> defects = {};
  std::string_view kind = {};      // of the defects, as the data set calls it: "logical_anomalies"
  std::string_view category = {};  // class of the object
};

struct Interval {
  double low = 0, high = 0, level = 0.95;
  std::string method = {};  // "delong", "wilson", "stratified bootstrap"
};

// How the replicates of a value were drawn: two values drawn alike are pairs, replicate by
// replicate.
struct Drawing {
  std::uint64_t seed = 0, tag = 0;  // of the stream; the tag tells the samples
  // What the replicates' variance is to be multiplied by, and Student's degrees of freedom.
  double widening = 1, degrees = 0;
};

struct Value {
  std::string name = {};
  std::optional<double> value = {};
  std::string reason = {};             // why there is no value
  std::int64_t used = 0, skipped = 0;  // observations
  std::optional<Interval> interval = {};
  std::string no_interval = {};  // why there is a value but no interval, where that is known
  std::optional<double> threshold =
      {};  // the score at which the value is reached, where that makes sense
  // For the interval of a mean over classes: either a variance (DeLong) or bootstrap replicates,
  // index = replicate.
  std::optional<double> variance = {};
  std::vector<double> replicates = {};
  // Of the variance, where it rests on few samples (stats/degrees.h).
  std::optional<double> degrees = {};
  std::optional<Drawing> drawing = {};  // of replicates that may be paired with another run's
  // By how much the value is expected to be too high (binary/ranking_bias.h): F1-max, because its
  // threshold was chosen on the same samples; a little also AP. The lower end of the interval makes
  // up for it.
  std::optional<double> bias = {};
};

// How the threshold of anomaly maps is found (metrics/pixel/joint_threshold.h).
enum class MapThreshold { joint, joint_exact, anomalib, given };

struct MetricOptions {
  bool zero_rates = false;       // a rate without a denominator is 0, as in scikit-learn
  double threshold = 0.5;        // of accuracy, precision, recall, F1 at a threshold
  double pixel_threshold = 0.5;  // the same of pixels
  MapThreshold map_threshold = MapThreshold::joint;  // of the joint values; given: pixel_threshold
  bool pooled_threshold = false;  // judged by all pixels and images, not by means over categories
  double fpr_limit = 0.3;         // of AUPRO
  std::uint64_t seed = 0;         // of the bootstrap
  int resamples = 1000;           // 0: no bootstrap
  int threads = 1;                // never changes the result
  std::int64_t memory = 0;        // bytes for pixel metrics, 0: no bound; never changes the result
  MakePixelEngine pixel_engine = {};  // counts pixels instead of the processors; nor does this
  // Names of the values that will be read; empty: all. A family may leave out the work for others.
  std::vector<std::string> wanted = {};
};

class Metric {
 public:
  virtual ~Metric() = default;
  // How often all observations must be shown, in the same order or not. Pixel metrics stream twice
  // so that no map is kept.
  virtual int passes() const { return 1; }
  // Called before each pass on the one object that holds the merged result of the pass before.
  virtual void begin_pass(int /*pass*/) {}
  // Called after each pass, when all parts are merged; passes() may change here.
  virtual void end_pass() {}
  virtual void add(const Observation& observation) = 0;
  // An empty metric for the same pass, sharing read-only what earlier passes found.
  virtual std::unique_ptr<Metric> clone_empty() const = 0;
  // Takes over what a clone_empty() of this metric gathered in the same pass.
  virtual void merge(const Metric& other) = 0;
  // One value per name of MetricEntry::gives, in that order.
  virtual std::vector<Value> values() const = 0;
  // Values of single observations, where the family has any: name -> id -> value.
  virtual std::map<std::string, std::map<std::string, double>> by_sample() const { return {}; }
  // Of MetricEntry::across: the same for each category.
  virtual std::map<std::string, std::vector<Value>> by_category() const { return {}; }
};

struct ValueInfo {
  std::string name = {}, summary = {};  // "auroc", "area under the ROC curve, ties count half"
  bool higher_is_better = true;
};

struct MetricEntry {
  std::string name = {};  // of the family: "ranking", "pixel"
  bool pixel = false;     // needs maps and masks
  bool optional =
      false;  // where nothing has a value there are no rows: few models give what it measures
  bool across = false;   // one metric sees all categories of a task, as they share a threshold
  bool bounded = false;  // takes memory that MetricOptions::memory bounds; several share it
  std::vector<ValueInfo> gives = {};
  std::function<std::unique_ptr<Metric>(const MetricOptions&)> make = {};
};

}  // namespace looktwice::metrics
