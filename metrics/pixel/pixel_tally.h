// Walks down the anomalous scores and adds up what the pixel metrics need, in integers wherever a
// sum could depend on order. Not here: the counting of pixels. Sources: protocols of the metrics in
// docs/pixel_metrics.md.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "metrics/binary/confusion.h"
#include "metrics/pixel/overlap_area.h"
#include "metrics/pixel/score_group.h"
#include "metrics/stats/sum.h"

namespace looktwice::metrics {

__extension__ using Wide = unsigned __int128;  // counts times counts

// What is asked of the curves beyond AUROC, AP and F1-max.
struct PixelPlan {
  double fpr_limit = 0.3;  // in (0, 1]
  double threshold =
      0.5;  // of accuracy, precision, recall, F1: score >= threshold is called anomalous
  int equidistant_positions = 0;    // of the older MVTec AUPRO (its demo: 5000); 0: not asked for
  bool equidistant_scores = false;  // of AnomalyCLIP's AUPRO; needs the range of all scores
  float lowest = 0, highest = 0;    // that range
};

struct Peak {
  double value = 0;
  float threshold = 0;  // score >= threshold is called anomalous
};

class PixelTally {
 public:
  PixelTally() = default;
  // All pixels and regions of the data, known after the first pass.
  PixelTally(const PixelPlan& plan, std::int64_t normal, std::int64_t anomalous,
             std::int64_t regions);

  // The scores at which counts are wanted although no anomalous pixel may have them
  // (AnomalousScores::mark).
  std::vector<float> marks() const;

  // What one group adds to the sums whose last bit depends on order, and to F1-max.
  struct Piece {
    Sum precision = {};  // over anomalous pixels: precision at their score
    std::uint64_t best_found = 0, best_called = 0;
    float best_score = 0;
    std::uint64_t found = 0;
  };
  // A part, for another thread: takes some of the groups, in any order. Of each, first its pixels
  // (in as many pieces as come), then its scores; see ScoreVisitor.
  PixelTally part() const;
  void begin(std::span<const std::uint32_t> sizes);
  void pixels(const ScoreGroup& group, std::span<const std::uint32_t> places,
              std::span<const std::uint32_t> sizes);
  Piece scores(const ScoreGroup& group, std::span<const std::uint32_t> here);
  // Takes over what a part has taken, and then the pieces, that of the highest group first.
  void merge(const PixelTally& part);
  void add(const Piece& piece);
  std::uint64_t found() const { return found_; }  // anomalous pixels so far

  std::optional<double> auroc() const;  // ties count one half
  std::optional<double> average_precision() const;
  std::optional<Peak> f1_max() const;  // ties: the highest threshold
  // Mean over regions of their overlap against the false positive rate, from 0 to the limit,
  // divided by it.
  std::optional<double> aupro() const;
  // Thresholds at equidistant positions of the sorted normal scores, overlap counts score >
  // threshold, (1, 1) added: MVTec's evaluation code.
  std::optional<double> aupro_equidistant_positions() const;
  // 200 thresholds between the lowest and the highest score, false positive rates below the limit
  // only, rescaled to [0, 1] by their own range: AnomalyCLIP's.
  std::optional<double> aupro_equidistant_scores() const;
  Confusion at_threshold() const;
  Confusion at_half() const;  // threshold 0.5: the decisions of a map of 0 and 1

 private:
  Confusion completed(Confusion counts) const;
  bool improves(std::uint64_t found, std::uint64_t called, std::uint64_t best_found,
                std::uint64_t best_called) const {
    // F1 = 2 found / (anomalous + called), compared without rounding.
    return Wide{found} * (anomalous_ + best_called) > Wide{best_found} * (anomalous_ + called);
  }
  void see_marks(const ScoreGroup& group, std::span<const std::uint32_t> here);

  PixelPlan plan_ = {};
  std::uint64_t normal_ = 0, anomalous_ = 0, regions_ = 0;
  std::uint64_t found_ = 0;
  Wide twice_wins_ = 0;  // over anomalous pixels: 2 * normal pixels below + normal pixels equal
  Sum precision_ = {};
  std::uint64_t best_found_ = 0, best_called_ = 0;
  float best_score_ = 0;
  OverlapArea overlap_ = {};
  // Without what is called negative; empty: nothing is called anomalous.
  std::optional<Confusion> at_threshold_ = {}, at_half_ = {};
  // Overlap of all regions at position or threshold j, in units of 2^-kShareBits: exact addition
  // needs whole numbers.
  static constexpr int kShareBits = 96;
  std::vector<std::uint32_t> sizes_ = {};
  std::vector<std::uint64_t> positions_ = {};
  std::vector<Wide> share_at_position_ = {};
  std::vector<float> thresholds_ = {};
  std::vector<Wide> share_above_threshold_ = {};
  std::vector<std::uint64_t> normal_above_threshold_ = {};
};

}  // namespace looktwice::metrics
