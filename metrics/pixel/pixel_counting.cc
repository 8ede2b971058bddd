#include "metrics/pixel/pixel_counting.h"

#include <atomic>
#include <thread>
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
  if (!piles_) piles_ = std::make_shared<NormalPiles>(counts_, pile_bytes_);
  const std::int64_t before = piles_->pixels();
  if (!piles_->add(scores, mask)) return {};
  return piles_->pixels() - before;
}

void PixelCounting::take(const PixelCounting& part) {
  taken_.insert(taken_.end(), part.taken_.begin(), part.taken_.end());
  if (part.piles_) taken_.push_back(part.piles_);
}

// A thread takes some leading bits of all parts at a time: no two threads count at one place, and
// what a count needs is in the cache for every part.
void PixelCounting::finish(int threads) const {
  std::vector<std::shared_ptr<const NormalPiles>> all = taken_;
  if (piles_) all.push_back(piles_);
  constexpr std::uint32_t kAtOnce = 8;
  std::atomic<std::uint32_t> next = 0;
  const auto work = [&] {
    for (auto at = next.fetch_add(kAtOnce); at < NormalPiles::kLeading;
         at = next.fetch_add(kAtOnce))
      for (const auto& piles : all) piles->finish(at, at + kAtOnce);
  };
  {
    std::vector<std::jthread> others;
    for (int t = 1; t < threads && !all.empty(); ++t) others.emplace_back(work);
    work();
  }
  for (const auto& piles : all) piles->finish_rest();
}

}  // namespace looktwice::metrics
