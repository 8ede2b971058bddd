// Bootstrap over images: the pixels of one image belong together, so images are drawn, each kind of
// image (anomalous, normal) by itself. Replicate r of the same images and seed draws the same
// images whatever the model, so that the replicates of two runs are pairs (stats/paired_tests.h).
// Coverage by simulation: docs/statistics.md. Not here: what a value is made of (pixel_images.h).
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/metric.h"
#include "metrics/stats/bootstrap.h"

namespace looktwice::metrics {

// The images in the order in which they are drawn: by stratum, then by id.
class ImageDraws {
 public:
  // names: of the strata, for messages ("anomalous", "normal").
  explicit ImageDraws(std::vector<std::string> names);
  void add(std::string id, std::size_t stratum);

  struct Drawn {
    std::vector<std::size_t> order = {};   // place in the order of drawing -> place as added
    std::vector<std::size_t> strata = {};  // how many images of each
    std::uint64_t tag = 0;                 // the same for the same images, in any order
    std::string why_not = {};              // why drawing tells nothing; empty: it does
  };
  Drawn drawn() const;

 private:
  struct Image {
    std::string id = {};
    std::size_t stratum = 0;
  };
  std::vector<std::string> names_;
  std::vector<Image> images_ = {};
};

// A value as the sums over images give it (of curves: by bins, so that it differs a little from the
// exact one), and its replicates.
struct ResampledValue {
  double estimate = 0;
  std::vector<double> replicates = {};
  // The bootstrap's variance of a stratum of n images is too small by (n - 1) / n, and the quantile
  // is Student's. Which strata a value hangs on is found by drawing one alone: `widening` for the
  // variance, Satterthwaite's degrees of freedom for the quantile.
  double widening = 1, degrees = 0;
  std::string why_not = {};
};

// statistics(counts, out): counts by place in the order of drawing; NaN: no value. Called from
// several threads. `at_all` values come first; each of them gets replicates.
std::vector<ResampledValue> resampled(
    const ImageDraws::Drawn& drawn, std::size_t values, const MetricOptions& options,
    const std::function<void(std::span<const std::uint32_t> counts, std::span<double> out)>&
        statistics);

// Interval, variance and replicates of a value that is there; else, or where drawing cannot tell,
// `no_interval` says why. The exact value is kept: what counts is by how much the replicates
// deviate from their own estimate. bias: see Value::bias.
void add_interval(Value& value, const ResampledValue& resampled, const ImageDraws::Drawn& drawn,
                  const MetricOptions& options, double bias = 0);

}  // namespace looktwice::metrics
