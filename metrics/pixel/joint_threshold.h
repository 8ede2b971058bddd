// One threshold for the pixels and the pictures of a whole data set, chosen on the maps that it is
// judged by: the one whose harmonic mean 2ab / (a + b) is largest, where a is the F1 of pixels and
// b the F1 of pictures, each the mean over categories (or pooled). The score of a picture is the
// maximum of its map; anomalous is score >= threshold; of equal thresholds the lower. Maps are
// shown twice or a little oftener and never kept. Source: OmniAD 4.1, whose silences
// docs/pixel_metrics.md fills. Not here: files, resampling, names of values.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/binary/confusion.h"

namespace looktwice::metrics {

enum class ThresholdSearch {
  // 1001 candidates, equally spaced from the lowest to the highest score of all maps.
  grid,
  // Every score of every pixel. Bounds on what a range of scores can reach leave few ranges to be
  // looked at closely: 1 MB per category and thread in the first pass, 64 MB per thread later, and
  // three passes as a rule, more when very many ranges are equally good.
  exact,
  // As anomalib: every score, but one threshold of largest a for pixels and another of largest b
  // for pictures.
  separate,
  given,  // no search
};

struct JointOptions {
  ThresholdSearch search = ThresholdSearch::grid;
  bool pooled = false;     // a and b over all pixels and pictures instead of means over categories
  double threshold = 0.5;  // of ThresholdSearch::given
  // Bytes for the counters of an exact search; 0: as many as it says above. With less the first
  // pass divides the scores into 256 ranges instead of 65,536, and a pass more is needed, or
  // several; never another result. Not bounded: a score per picture, the ranges that are still open
  // (16 bytes a category each), the grid.
  std::int64_t memory = 0;
  int threads = 1;  // that share it
};

struct PixelsAndPictures {
  Confusion pixels = {}, pictures = {};
  bool operator==(const PixelsAndPictures&) const = default;
};

struct JointResult {
  float lowest = 0, highest = 0;  // of all scores
  // In units of the scores. Grid: in double, as lowest + k / 1000 of the range.
  double pixel_threshold = 0, picture_threshold = 0;
  std::map<std::string, PixelsAndPictures> categories = {};
};

class JointThreshold {
 public:
  explicit JointThreshold(const JointOptions& options);
  JointThreshold(JointThreshold&&) noexcept;
  JointThreshold& operator=(JointThreshold&&) noexcept;
  ~JointThreshold();

  // Ask again after each end_pass.
  int passes() const { return passes_; }
  // Before and after each pass, on the one object into which all parts are merged in between.
  void begin_pass(int pass);
  void end_pass();
  // map[height][width]; mask of the same size, non-zero = anomalous, or empty: all normal. Throws
  // std::invalid_argument that names `id` for sizes that do not fit and for NaN or infinity.
  void add(std::string_view id, std::string_view category, bool anomalous,
           std::span<const float> map, std::span<const std::uint8_t> mask);
  JointThreshold clone_empty() const;
  void merge(const JointThreshold& part);

  std::int64_t pictures() const { return pictures_; }
  // Whether every pass has shown all that the first did.
  bool complete() const { return pass_ == passes_ - 1 && ended_ && whole_; }
  // Why there is no result: "no anomalous pixel". Empty: there is one.
  const std::string& why_not() const { return why_not_; }
  // Throws std::logic_error if not complete. Empty: why_not().
  std::optional<JointResult> result() const;

 private:
  // [0]: normal, [1]: anomalous.
  struct Category {
    std::array<std::vector<std::uint64_t>, 2> bins = {};
    std::array<std::uint64_t, 2> pixels = {};               // of the first pass
    std::array<std::vector<std::uint32_t>, 2> maxima = {};  // of pictures, as ordered keys
  };
  struct Search;  // what all parts share of the passes before; changes between passes only
  struct Tally;   // of all categories, in the order of their names

  Category& category_named(std::string_view name);
  void count_grid(Category& category, std::span<const float> map,
                  std::span<const std::uint8_t> mask) const;
  std::size_t bytes_of_a_part() const;
  int first_bits() const;
  void count_leading(Category& category, std::span<const float> map,
                     std::span<const std::uint8_t> mask) const;
  void count_nodes(Category& category, std::span<const float> map,
                   std::span<const std::uint8_t> mask) const;
  void count_given(Category& category, std::span<const float> map,
                   std::span<const std::uint8_t> mask) const;
  void settle_first_pass();
  void choose_from_grid();
  void bound_leading();
  void refine_nodes();
  void plan_next_pass();
  void finish(double pixel_threshold, double picture_threshold, const Tally& pixels);

  JointOptions options_ = {};
  int pass_ = -1, passes_ = 1;
  bool ended_ = false, whole_ = true;
  std::int64_t pictures_ = 0, pixels_ = 0;          // of the first pass
  std::int64_t pictures_now_ = 0, pixels_now_ = 0;  // of this one
  std::optional<float> lowest_ = {}, highest_ = {};
  std::map<std::string, Category, std::less<>> categories_ = {};
  std::shared_ptr<Search> search_ = {};
  std::string why_not_ = {};
  std::optional<JointResult> result_ = {};
};

}  // namespace looktwice::metrics
