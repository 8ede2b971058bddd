#include "metrics/pixel/pixel_counting.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <set>
#include <thread>
#include <utility>

#include "metrics/pixel/ordered_bits.h"

namespace looktwice::metrics {
namespace {

// work(0) to work(count - 1), each in a thread of its own.
void in_threads(std::size_t count, const std::function<void(std::size_t)>& work) {
  std::vector<std::jthread> others;
  for (std::size_t t = 1; t < count; ++t) others.emplace_back(work, t);
  work(0);
}

}  // namespace

PixelCounting::PixelCounting(AnomalousScores&& scores, const PixelCountingOptions& options)
    : pile_bytes_(options.pile_bytes) {
  if (options.engine) {
    std::vector<std::uint64_t> entries = scores.entries();
    scores.clear();
    engine_ = options.engine(std::move(entries));
    return;
  }
  counts_ = std::make_shared<NormalCounts>(
      std::make_shared<const ScoreTable>(std::move(scores), options.threads),
      options.lanes ? *options.lanes : fastest_pixel_lanes());
  scores.clear();
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

std::size_t PixelCounting::most_groups() const {
  return counts_ ? counts_->table().groups().size() : AnomalousScores::kLeading;
}

void PixelCounting::walk(std::span<ScoreVisitor* const> visitors, std::uint64_t found_above) const {
  if (engine_)
    walk_engine(engine_->finish(), *visitors[0], found_above);
  else
    walk_counts(visitors, found_above);
}

void PixelCounting::walk_counts(std::span<ScoreVisitor* const> visitors,
                                std::uint64_t found_above) const {
  const ScoreTable& table = counts_->table();
  const auto groups = table.groups();
  std::vector<std::shared_ptr<const NormalPiles>> all = taken_;
  if (piles_) all.push_back(piles_);
  // Pixels above each group, from the top. Most of them still lie in piles.
  for (const auto& piles : all) piles->finish_rest();
  struct Above {
    std::uint64_t normal = 0, found = 0;
  };
  std::vector<Above> above(groups.size());
  Above so_far{counts_->gap(groups.size()), found_above};
  for (std::size_t g = groups.size(); g-- > 0;) {
    above[g] = so_far;
    so_far.normal += counts_->pixels(g) + counts_->gap(g);
    for (const auto& piles : all) so_far.normal += piles->in_pile(g);
    so_far.found += groups[g].pixels;
  }

  // A thread takes a group of all parts at a time: no two threads count at one place.
  std::atomic<std::size_t> next = 0;
  in_threads(visitors.size(), [&](std::size_t thread) {
    ScoreVisitor& visitor = *visitors[thread];
    GroupRanks memory;
    std::vector<std::uint16_t> trailing;
    std::vector<std::uint64_t> higher, equal;
    std::vector<std::uint32_t> here;
    alignas(64) std::array<std::uint16_t, AnomalousScores::kMostPixels> low;
    alignas(64) std::array<std::uint32_t, AnomalousScores::kMostPixels> places, sizes;
    visitor.begin(table.sizes());
    for (std::size_t i = next++; i < groups.size(); i = next++) {
      const std::size_t g = groups.size() - 1 - i;
      const ScoreTable::Group& own = groups[g];
      for (const auto& piles : all) piles->finish(g, memory);
      trailing.resize(own.count);
      table.trailing(own, trailing.data());
      counts_->read(g, above[g].normal, higher, equal);
      here.assign(own.count, 0);
      const ScoreGroup group{.index = i,
                             .leading = own.leading,
                             .trailing = trailing,
                             .above = higher,
                             .equal = equal,
                             .found_above = above[g].found};
      const PixelRanks& ranks = counts_->ranks(g, memory);
      for (std::size_t part = 0; part < table.pixels().parts(); ++part) {
        const std::uint32_t* size_places = table.size_places(part).data();
        table.pixels().visit(part, own.leading, [&](std::span<const std::uint32_t> pixels) {
          const std::size_t count = pixels.size();
          for (std::size_t k = 0; k < count; ++k) low[k] = AnomalousScores::trailing(pixels[k]);
          counts_->lanes().slots(ranks, low.data(), count, places.data());
          for (std::size_t k = 0; k < count; ++k) {
            sizes[k] = size_places[AnomalousScores::size_number(pixels[k])];
            ++here[places[k] /= 2];
          }
          visitor.pixels(group, std::span(places).first(count), std::span(sizes).first(count));
        });
      }
      visitor.scores(group, here);
    }
  });
}

void PixelCounting::walk_engine(const PixelEngine::Counts& counts, ScoreVisitor& visitor,
                                std::uint64_t found_above) {
  std::vector<std::uint16_t> trailing;
  std::vector<std::uint32_t> here, places, sizes;
  std::size_t end = counts.entries.size(), last = counts.above.size();
  ScoreGroup group{.found_above = found_above};
  std::vector<bool> small(1 << 16, false);
  std::set<std::uint32_t> large;
  for (const std::uint64_t entry : counts.entries) {
    const auto size = static_cast<std::uint32_t>(entry);
    if (size < small.size())
      small[size] = true;
    else
      large.insert(size);
  }
  std::vector<std::uint32_t> all_sizes;
  for (std::uint32_t size = 1; size < small.size(); ++size)
    if (small[size]) all_sizes.push_back(size);
  all_sizes.insert(all_sizes.end(), large.begin(), large.end());
  visitor.begin(all_sizes);
  while (end > 0) {
    group.leading = static_cast<std::uint32_t>(counts.entries[end - 1] >> 48);
    std::size_t begin = end;
    while (begin > 0 && counts.entries[begin - 1] >> 48 == group.leading) --begin;
    trailing.clear();
    here.clear();
    places.clear();
    sizes.clear();
    for (std::size_t i = begin; i < end; ++i) {
      const std::uint64_t entry = counts.entries[i];
      const auto own = static_cast<std::uint16_t>(entry >> 32);
      if (trailing.empty() || trailing.back() != own) {
        trailing.push_back(own);
        here.push_back(0);
      }
      if (const auto size = static_cast<std::uint32_t>(entry); size != 0) {
        ++here.back();
        places.push_back(static_cast<std::uint32_t>(trailing.size() - 1));
        sizes.push_back(static_cast<std::uint32_t>(
            std::lower_bound(all_sizes.begin(), all_sizes.end(), size) - all_sizes.begin()));
      }
    }
    const std::size_t first = last - trailing.size();
    group.trailing = trailing;
    group.above = std::span(counts.above).subspan(first, trailing.size());
    group.equal = std::span(counts.equal).subspan(first, trailing.size());
    visitor.pixels(group, places, sizes);
    visitor.scores(group, here);
    group.found_above += sizes.size();
    ++group.index;
    end = begin;
    last = first;
  }
}

}  // namespace looktwice::metrics
