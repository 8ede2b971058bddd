// What each image adds to the pixel metrics, so that images can be drawn anew: how many of its
// pixels lie where. A curve over millions of distinct scores is too much to keep per image, so
// scores are put into about a thousand bins between quantiles of normal and of anomalous scores:
// ranks alone count, and the bins only tell how far a value varies, never the value. Shown the maps
// twice, beside PixelStream or SproStream. Not here: drawing and intervals (image_resampling.h).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/binary/confusion.h"
#include "metrics/metric.h"
#include "metrics/pixel/image_resampling.h"
#include "metrics/pixel/regions.h"

namespace looktwice::metrics {

// Scores between edges, by their keys (ordered_bits.h).
class ScoreBins {
 public:
  // Keys of some normal and some anomalous scores, in any order.
  ScoreBins(std::vector<std::uint32_t> normal, std::vector<std::uint32_t> anomalous);
  std::size_t size() const { return edges_.size() + 1; }
  // How many edges are not above the key: higher bins hold higher scores.
  std::size_t of(std::uint32_t key) const;

 private:
  std::vector<std::uint32_t> edges_ = {};  // ascending, distinct
  // Cells of equal width between the first and the last edge: how many edges are not above the
  // beginning of each, so that a search looks at very few.
  std::vector<std::uint16_t> cells_ = {};
  int shift_ = 0;
};

// The values that curves give, in the order in which `curve_values` writes them.
enum CurveValue : std::size_t {
  kCurveAuroc,
  kCurveAveragePrecision,
  kCurveF1Max,
  // F1 over all images at the threshold that is best for the images drawn: what F1-max exceeds it
  // by is its optimism (Efron 1983).
  kCurveF1There,
  kCurveOverlaps  // one per limit
};

class PixelImages {
 public:
  PixelImages() : PixelImages(std::vector<double>{}) {}
  // limits: false positive rates up to which the overlap with regions is integrated.
  explicit PixelImages(std::vector<double> limits) : limits_(std::move(limits)) {}

  void begin_pass(int pass);
  // mask: non-zero = anomalous; empty: a normal picture. Map values are finite. Its 8-connected
  // regions count one each.
  void add(std::string_view id, std::size_t stratum, std::span<const float> map,
           std::span<const std::uint8_t> mask, int width, int height);
  // The same with defects that may overlap, each of which counts one once it is saturated.
  void add(std::string_view id, std::size_t stratum, std::span<const float> map,
           std::span<const std::uint8_t> mask, std::span<const Defect> defects);
  PixelImages clone_empty() const;
  void merge(const PixelImages& part);

  std::size_t size() const { return images_.size(); }
  const std::string& id(std::size_t image) const { return images_[image].id; }
  std::size_t stratum(std::size_t image) const { return images_[image].stratum; }
  std::size_t values() const { return kCurveOverlaps + limits_.size(); }
  // Over images, by bin.
  struct Sums {
    std::vector<double> normal = {}, anomalous = {}, overlap = {};
  };
  Sums zero() const;
  void add(Sums& sums, std::size_t image, std::int64_t times) const;
  // As CurveValue says; NaN: none. kCurveF1There is NaN unless the sums over all images are given.
  void curve_values(const Sums& drawn, const Sums& all, std::span<double> out) const;

 private:
  // From the first bin that has something to the last, empty ones too: most between them are not,
  // and adding up without looking at numbers of bins is several times as fast.
  struct Image {
    std::string id = {};
    std::size_t stratum = 0;
    std::size_t first_normal = 0, first_anomalous = 0;      // bins
    std::vector<std::int32_t> normal = {}, anomalous = {};  // pixels
    std::vector<double> overlap = {};  // of regions, summed: how much of them has these scores
  };

  void sample(std::span<const float> map, std::span<const std::uint8_t> mask);
  void count(std::span<const float> map, std::span<const std::uint8_t> mask);
  void keep(std::string_view id, std::size_t stratum);

  std::vector<double> limits_;
  int pass_ = -1;
  std::vector<std::uint32_t> normal_keys_ = {}, anomalous_keys_ = {};  // of the first pass
  std::shared_ptr<const ScoreBins> bins_ = {};
  std::vector<Image> images_ = {};
  RegionFinder finder_ = {};
  // Of the image at hand, kept for their memory.
  std::vector<std::int32_t> counts_[2] = {};  // normal, anomalous: [bin]
  std::vector<double> overlap_ = {};
  std::vector<float> own_ = {};
};

}  // namespace looktwice::metrics
