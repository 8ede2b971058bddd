#include "metrics/pixel/score_table.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstring>
#include <thread>
#include <tuple>
#include <utility>

namespace looktwice::metrics {
namespace {

// Leading bits that a thread takes at a time.
constexpr std::uint32_t kAtOnce = 16;

void set(PixelBits& bits, std::uint32_t trailing) {
  bits[trailing >> 6] |= std::uint64_t{1} << (trailing & 63);
}

template <class Visit>
void each_bit(std::uint64_t bits, std::uint32_t first, Visit&& visit) {
  for (; bits != 0; bits &= bits - 1)
    visit(first | static_cast<std::uint32_t>(std::countr_zero(bits)));
}

// The distinct scores of one group after the other; what is not used is never touched.
class Scores {
 public:
  void add(std::uint32_t trailing) {
    const std::uint32_t word = trailing >> 6;
    const std::uint64_t bit = std::uint64_t{1} << (trailing & 63);
    count_ += (bits_[word] & bit) == 0;
    bits_[word] |= bit;
    used_[word >> 6] |= std::uint64_t{1} << (word & 63);
  }
  std::uint32_t count() const { return count_; }
  const PixelBits& bits() const { return bits_; }
  // Calls visit(trailing bits), ascending, and forgets them.
  template <class Visit>
  void drain(Visit&& visit) {
    for (std::uint32_t i = 0; i < used_.size(); ++i) {
      each_bit(used_[i], i << 6, [&](std::uint32_t word) {
        each_bit(bits_[word], word << 6, visit);
        bits_[word] = 0;
      });
      used_[i] = 0;
    }
    count_ = 0;
  }

 private:
  PixelBits bits_ = {};
  std::array<std::uint64_t, std::tuple_size_v<PixelBits> / 64> used_ = {};  // words, a bit each
  std::uint32_t count_ = 0;
};

// What one thread makes of kAtOnce leading bits.
struct Piece {
  std::vector<ScoreTable::Group> groups = {};
  std::vector<std::size_t> offsets = {};  // of the groups' lists
  std::vector<std::uint16_t> lists = {};
};

void add_group(Piece& piece, ScoreTable::Group group, Scores& scores) {
  const std::size_t offset = piece.lists.size();
  group.count = scores.count();
  if (group.count >= ScoreTable::kBits) {
    piece.lists.resize(offset + sizeof(PixelBits) / sizeof(std::uint16_t));
    std::memcpy(piece.lists.data() + offset, scores.bits().data(), sizeof(PixelBits));
    scores.drain([](std::uint32_t) {});
  } else {
    piece.lists.resize(offset + group.count);
    std::uint16_t* to = piece.lists.data() + offset;
    scores.drain([&](std::uint32_t trailing) { *to++ = static_cast<std::uint16_t>(trailing); });
  }
  piece.groups.push_back(group);
  piece.offsets.push_back(offset);
}

}  // namespace

ScoreTable::ScoreTable(AnomalousScores&& scores, int threads) : pixels_(std::move(scores)) {
  join_sizes();
  std::vector<std::uint32_t> marks(pixels_.marks().begin(), pixels_.marks().end());
  std::sort(marks.begin(), marks.end());
  std::vector<Piece> pieces(AnomalousScores::kLeading / kAtOnce);
  std::atomic<std::uint32_t> next = 0;
  const auto work = [&] {
    Scores own;
    for (std::uint32_t at = next++; at < pieces.size(); at = next++) {
      const std::uint32_t end = (at + 1) * kAtOnce;
      auto mark = std::lower_bound(marks.begin(), marks.end(), at * kAtOnce << 16);
      for (std::uint32_t leading = at * kAtOnce; leading < end; ++leading) {
        Group group{.leading = leading};
        for (std::size_t part = 0; part < pixels_.parts(); ++part)
          pixels_.visit(part, leading, [&](std::span<const std::uint32_t> pixels) {
            group.pixels += pixels.size();
            for (const std::uint32_t pixel : pixels) own.add(AnomalousScores::trailing(pixel));
          });
        for (; mark != marks.end() && *mark >> 16 == leading; ++mark) own.add(*mark & 0xffff);
        if (own.count() > 0) add_group(pieces[at], group, own);
      }
      pieces[at].lists.shrink_to_fit();
    }
  };
  {
    std::vector<std::jthread> others;
    for (int t = 1; t < threads && pixels_.size() > 1 << 16; ++t) others.emplace_back(work);
    work();
  }
  for (Piece& piece : pieces) {
    if (piece.groups.empty()) continue;
    lists_.push_back(std::move(piece.lists));
    for (std::size_t i = 0; i < piece.groups.size(); ++i) {
      Group group = piece.groups[i];
      group.first = scores_;
      group.list = lists_.back().data() + piece.offsets[i];
      scores_ += group.count;
      groups_.push_back(group);
    }
  }
}

// A thread has its own list of sizes, in the order in which they came.
void ScoreTable::join_sizes() {
  for (std::size_t part = 0; part < pixels_.parts(); ++part)
    sizes_.insert(sizes_.end(), pixels_.sizes(part).begin(), pixels_.sizes(part).end());
  std::sort(sizes_.begin(), sizes_.end());
  sizes_.erase(std::unique(sizes_.begin(), sizes_.end()), sizes_.end());
  for (std::size_t part = 0; part < pixels_.parts(); ++part) {
    std::vector<std::uint32_t>& places = size_places_.emplace_back();
    for (const std::uint32_t size : pixels_.sizes(part))
      places.push_back(static_cast<std::uint32_t>(
          std::lower_bound(sizes_.begin(), sizes_.end(), size) - sizes_.begin()));
  }
}

void ScoreTable::bits(const Group& group, PixelBits& bits) const {
  if (group.count >= kBits) {
    std::memcpy(bits.data(), group.list, sizeof bits);
    return;
  }
  bits.fill(0);
  for (std::uint32_t i = 0; i < group.count; ++i) set(bits, group.list[i]);
}

void ScoreTable::trailing(const Group& group, std::uint16_t* trailing) const {
  if (group.count < kBits) {
    std::copy_n(group.list, group.count, trailing);
    return;
  }
  PixelBits own;
  bits(group, own);
  for (std::uint32_t word = 0; word < own.size(); ++word)
    each_bit(own[word], word << 6,
             [&](std::uint32_t at) { *trailing++ = static_cast<std::uint16_t>(at); });
}

}  // namespace looktwice::metrics
