#include "metrics/pixel/anomalous_scores.h"

#include <algorithm>
#include <limits>

namespace looktwice::metrics {

// A part counts its places in 32 bits and its sizes in 16; what is more goes to the next one.
AnomalousScores::Part& AnomalousScores::own() {
  constexpr std::size_t kMostBlocks = std::numeric_limits<std::uint32_t>::max() / kBlock / 2;
  constexpr std::size_t kMostSizes = std::numeric_limits<std::uint16_t>::max() - 1;
  if (!own_ || own_->blocks.size() > kMostBlocks || own_->sizes.size() > kMostSizes - 1) {
    own_ = std::make_shared<Part>();
    own_->heads.assign(kLeading, 0);
    own_->numbers.assign(kLeading, 0);
    parts_.push_back(own_);
  }
  return *own_;
}

std::uint16_t AnomalousScores::Part::number_of(std::uint32_t size) {
  std::uint16_t& number = size < kLeading ? numbers[size] : others[size];
  if (number == 0) {
    sizes.push_back(size);
    number = static_cast<std::uint16_t>(sizes.size());
  }
  return static_cast<std::uint16_t>(number - 1);
}

// Each chunk of some leading bits is twice as large as the one before, up to 256 pixels.
[[gnu::noinline]] std::uint32_t AnomalousScores::Part::open_chunk(std::uint32_t head) {
  std::size_t kind = 0;
  if (head != 0) {
    const std::uint32_t chunk = blocks[(head - 1) / kBlock]->chunk;
    if (head % chunk != 0) return head;  // not full yet
    while (kLeastChunk << kind < chunk) ++kind;
    kind = std::min(kind + 1, open.size() - 1);
  }
  const std::uint32_t chunk = kLeastChunk << kind;
  if (open[kind] == 0 || blocks[open[kind] - 1]->used == kBlock) {
    blocks.emplace_back();  // pixels are not zeroed: filled next
    open[kind] = static_cast<std::uint32_t>(blocks.size());
    blocks.back()->chunk = chunk;
    if (blocks.size() == 1) blocks.back()->used = chunk;  // place 0 is none
  }
  Block& block = *blocks[open[kind] - 1];
  const std::uint32_t first = block.used;
  block.used += chunk;
  block.links[first / kLeastChunk] = head;
  return (open[kind] - 1) * kBlock + first;
}

void AnomalousScores::Part::put(std::span<const std::uint32_t> keys, std::uint32_t number) {
  constexpr std::size_t kAhead = 6;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (i + kAhead < keys.size())
      if (const std::uint32_t later = heads[keys[i + kAhead] >> 16]; later != 0)
        __builtin_prefetch(&blocks[(later - 1) / kBlock]->pixels[(later - 1) % kBlock]);
    std::uint32_t& head = heads[keys[i] >> 16];
    if (head % kLeastChunk == 0) [[unlikely]]
      head = open_chunk(head);
    blocks[head / kBlock]->pixels[head % kBlock] = number << 16 | (keys[i] & 0xffff);
    ++head;
  }
  pixels += static_cast<std::int64_t>(keys.size());
}

bool AnomalousScores::add(std::span<const float> scores, std::uint32_t size) {
  return add_within(scores, size, 0, kLeading - 1, nullptr);
}

bool AnomalousScores::add_within(std::span<const float> scores, std::uint32_t size,
                                 std::uint32_t first, std::uint32_t last, std::int64_t* seen) {
  constexpr std::size_t kAtOnce = 256;
  std::array<std::uint32_t, kAtOnce> keys;
  Part& part = own();
  const std::uint32_t number = part.number_of(size);
  const bool all = first == 0 && last == kLeading - 1;
  for (std::size_t begin = 0; begin < scores.size(); begin += kAtOnce) {
    const auto some = scores.subspan(begin, std::min(kAtOnce, scores.size() - begin));
    bool finite = true;
    for (std::size_t i = 0; i < some.size(); ++i) {
      finite &= is_finite(some[i]);
      keys[i] = pixel_key(some[i]);
    }
    if (!finite) return false;
    if (seen)
      for (std::size_t i = 0; i < some.size(); ++i) ++seen[keys[i] >> 16];
    std::size_t kept = some.size();
    if (!all) {
      kept = 0;
      for (std::size_t i = 0; i < some.size(); ++i) {
        const std::uint32_t key = keys[i];
        keys[kept] = key;
        kept += key >> 16 >= first && key >> 16 <= last;
      }
    }
    part.put(std::span(keys).first(kept), number);
  }
  return true;
}

void AnomalousScores::join(const AnomalousScores& other) {
  parts_.insert(parts_.end(), other.parts_.begin(), other.parts_.end());
  marks_.insert(marks_.end(), other.marks_.begin(), other.marks_.end());
}

std::int64_t AnomalousScores::size() const {
  std::int64_t size = 0;
  for (const auto& part : parts_) size += part->pixels;
  return size;
}

std::vector<std::uint64_t> AnomalousScores::entries() const {
  std::vector<std::uint64_t> all;
  all.reserve(static_cast<std::size_t>(size()) + marks_.size());
  for (std::size_t part = 0; part < parts(); ++part)
    for (std::uint32_t leading = 0; leading < kLeading; ++leading)
      visit(part, leading, [&](std::span<const std::uint32_t> pixels) {
        for (const std::uint32_t pixel : pixels)
          all.push_back(std::uint64_t{leading << 16 | trailing(pixel)} << 32 |
                        sizes(part)[size_number(pixel)]);
      });
  for (const std::uint32_t key : marks_) all.push_back(std::uint64_t{key} << 32);
  return all;
}

}  // namespace looktwice::metrics
