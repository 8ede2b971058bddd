// Bootstrap and jackknife over images: the pixels of one image belong together, so images are drawn
// and left out, each kind of image (anomalous, normal) by itself. Replicate r of the same images
// and seed draws the same images whatever the model, so that the replicates of two runs are pairs
// (stats/paired_tests.h).
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
    std::size_t stratum_of(std::size_t place) const;
    std::uint64_t tag = 0;     // the same for the same images, in any order
    std::string why_not = {};  // why drawing tells nothing; empty: it does
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
  // Leaving out each image in turn (the jackknife; Efron and Stein 1981) tells the variance: few
  // images with large defects decide a value, and the bootstrap, which seldom draws all of them,
  // sees too little of that. For the same reason Student's degrees of freedom take the kurtosis of
  // what the images contribute (stats/degrees.h).
  double variance = 0, degrees = 0;
  const char* method = "image jackknife";  // that told it
  double skewness = 0;                     // of the value, on the logit scale
  // What the replicates' variance is to be multiplied by to be that variance.
  double widening = 1;
  std::string why_not = {};
};

// How values are made of images, by their place in the order of drawing. Called from several
// threads; NaN: no value.
struct OfImages {
  // Of image i counted counts[i] times.
  std::function<void(std::span<const std::uint32_t> counts, std::span<double> out)> drawn;
  // Of all images but one. The n - 1 others of its stratum are weighed up by n / (n - 1): how many
  // images of each kind there are is given, so a kind keeps its share.
  std::function<void(std::size_t left_out, std::span<double> out)> without;
};
std::vector<ResampledValue> resampled(const ImageDraws::Drawn& drawn, std::size_t values,
                                      const MetricOptions& options, const OfImages& of);

// The same of values made of sums over images, which stay as they are when all sums are multiplied.
// add(sums, place, times), times may be negative; write(sums, out). zero: sums of no image.
template <class Sums, class Add, class Write>
std::vector<ResampledValue> resampled_sums(const ImageDraws::Drawn& drawn, std::size_t values,
                                           const MetricOptions& options, const Sums& zero,
                                           const Add& add, const Write& write) {
  // Of each stratum: its images n times, all others n - 1 times, so that whole numbers stay whole.
  std::vector<Sums> without_none(drawn.strata.size(), zero);
  for (std::size_t s = 0; s < drawn.strata.size(); ++s) {
    const auto n = static_cast<std::int64_t>(drawn.strata[s]);
    for (std::size_t place = 0; n > 0 && place < drawn.order.size(); ++place)
      add(without_none[s], place, drawn.stratum_of(place) == s ? n : n - 1);
  }
  return resampled(drawn, values, options,
                   {.drawn =
                        [&](std::span<const std::uint32_t> counts, std::span<double> out) {
                          Sums sums = zero;
                          for (std::size_t place = 0; place < counts.size(); ++place)
                            if (counts[place] > 0) add(sums, place, counts[place]);
                          write(sums, out);
                        },
                    .without =
                        [&](std::size_t left_out, std::span<double> out) {
                          const std::size_t s = drawn.stratum_of(left_out);
                          Sums sums = without_none[s];
                          add(sums, left_out, -static_cast<std::int64_t>(drawn.strata[s]));
                          write(sums, out);
                        }});
}

// Interval, variance and replicates of a value that is there; else, or where drawing cannot tell,
// `no_interval` says why. The exact value is kept: what counts is by how much the replicates
// deviate from their own estimate. bias: see Value::bias.
void add_interval(Value& value, const ResampledValue& resampled, const ImageDraws::Drawn& drawn,
                  const MetricOptions& options, double bias = 0);

}  // namespace looktwice::metrics
