#include "metrics/pixel/pixel_counting.h"

#include <utility>

#include "metrics/pixel/ordered_bits.h"

namespace looktwice::metrics {

PixelCounting::PixelCounting(AnomalousScores&& scores, int threads, const MakePixelEngine& make,
                             std::size_t pile_bytes)
    : pile_bytes_(pile_bytes) {
  if (make)
    engine_ = make(std::move(scores).entries());
  else
    counts_ = std::make_shared<NormalCounts>(
        std::make_shared<const ScoreTable>(std::move(scores), threads));
}

PixelCounting PixelCounting::part() const {
  PixelCounting part;
  part.counts_ = counts_;
  part.engine_ = engine_;
  part.pile_bytes_ = pile_bytes_;
  return part;
}

std::optional<std::int64_t> PixelCounting::add(std::span<const float> scores,
                                               std::span<const std::uint8_t> mask) {
  if (engine_) {
    std::int64_t pixels = 0;
    for (std::size_t i = 0; i < scores.size(); ++i) {
      if (!mask.empty() && mask[i] != 0) continue;
      if (!is_finite(scores[i])) return {};
      ++pixels;
    }
    engine_->add(scores, mask);
    return pixels;
  }
  if (!piles_) piles_ = std::make_unique<NormalPiles>(counts_, pile_bytes_);
  const std::int64_t before = piles_->pixels();
  if (!piles_->add(scores, mask)) return {};
  return piles_->pixels() - before;
}

void PixelCounting::finish() const {
  if (piles_) piles_->finish();
}

}  // namespace looktwice::metrics
