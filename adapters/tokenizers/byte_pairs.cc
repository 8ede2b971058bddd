#include "adapters/tokenizers/byte_pairs.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstring>
#include <queue>

#include "harness/core/error.h"

namespace looktwice::tokenizers {
namespace {

constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15;  // 2^64 / golden ratio
constexpr std::size_t kShort = 64;  // bytes; above, a heap beats looking at all pairs
constexpr std::size_t kWord = 16;   // bytes in a Key

// Slots for n entries, at most two thirds full.
std::size_t slots_for(std::size_t n) {
  return std::bit_ceil(std::max<std::size_t>(n + n / 2, 16));
}
int shift_for(std::size_t slots) {
  return 64 - std::countr_zero(slots);
}

}  // namespace

// Words of 2 to 32 bytes and up to 6 tokens that were encoded lately, one set per thread.
class BytePairs::Memory {
 public:
  struct Entry {
    Key first = {}, second = {};
    std::uint64_t serial = 0;
    std::uint8_t bytes = 0, count = 0;
    std::array<std::int32_t, 7> ids = {};
  };
  Entry& at(std::uint64_t hash) {
    if (entries_.empty()) entries_.resize(std::size_t{1} << kBits);
    return entries_[hash >> (64 - kBits)];
  }

 private:
  static constexpr int kBits = 14;
  std::vector<Entry> entries_ = {};
};

BytePairs::BytePairs(const std::vector<std::string>& token_bytes,
                     const std::vector<std::int32_t>& byte_ids, const std::vector<Merge>& merges,
                     bool whole_words)
    : byte_ids_(byte_ids) {
  static std::atomic<std::uint64_t> made = 0;
  serial_ = ++made;
  LOOKTWICE_CHECK(byte_ids_.size() == 256);
  pairs_.resize(slots_for(merges.size()));
  pair_shift_ = shift_for(pairs_.size());
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    const Merge& merge = merges[rank];
    const std::uint64_t wanted =
        static_cast<std::uint64_t>(merge.left) << 32 | static_cast<std::uint32_t>(merge.right);
    std::size_t slot = (wanted * kOdd) >> pair_shift_;
    while (pairs_[slot].rank != kNone && pairs_[slot].pair != wanted)
      slot = (slot + 1) & (pairs_.size() - 1);
    // Of a pair listed twice the last rank counts, as in a map filled line by line.
    pairs_[slot] = {wanted, static_cast<std::uint32_t>(rank), merge.merged};
  }
  first_pairs_.resize(256 * 256);
  for (std::size_t left = 0; left < 256; ++left)
    for (std::size_t right = 0; right < 256; ++right)
      first_pairs_[left * 256 + right] = pair(byte_ids_[left], byte_ids_[right]);

  std::vector<std::int32_t> whole;
  std::vector<std::int32_t> ids;
  for (std::size_t id = 0; id < token_bytes.size(); ++id) {
    const std::string& bytes = token_bytes[id];
    if (bytes.size() < 2 || bytes.size() > kWord) continue;
    ids.clear();
    if (!whole_words) merge_all(bytes, ids);
    if (whole_words || (ids.size() == 1 && ids[0] == static_cast<std::int32_t>(id)))
      whole.push_back(static_cast<std::int32_t>(id));
  }
  words_.resize(slots_for(whole.size()));
  word_shift_ = shift_for(words_.size());
  for (const std::int32_t id : whole) {
    const std::string& bytes = token_bytes[static_cast<std::size_t>(id)];
    const Key name = key(bytes, bytes.size());
    std::size_t slot = mixed(name, bytes.size()) >> word_shift_;
    while (words_[slot].bytes) slot = (slot + 1) & (words_.size() - 1);
    words_[slot] = {name, id, static_cast<std::uint32_t>(bytes.size())};
  }
}

BytePairs::Pair BytePairs::pair(std::int32_t left, std::int32_t right) const {
  const std::uint64_t wanted =
      static_cast<std::uint64_t>(left) << 32 | static_cast<std::uint32_t>(right);
  for (std::size_t slot = (wanted * kOdd) >> pair_shift_;;
       slot = (slot + 1) & (pairs_.size() - 1)) {
    const Slot& found = pairs_[slot];
    if (found.pair == wanted) return {found.rank, found.merged};
    if (found.rank == kNone) return {};
  }
}

BytePairs::Key BytePairs::key(std::string_view word, std::size_t readable) {
  Key made;
  if (readable >= kWord) {
    std::memcpy(&made.low, word.data(), 8);
    std::memcpy(&made.high, word.data() + 8, 8);
    const std::size_t bytes = word.size();
    if (bytes < 8) {
      made.low &= (std::uint64_t{1} << (8 * bytes)) - 1;
      made.high = 0;
    } else if (bytes < kWord) {
      made.high &= (std::uint64_t{1} << (8 * (bytes - 8))) - 1;
    }
    return made;
  }
  std::memcpy(&made.low, word.data(), std::min<std::size_t>(word.size(), 8));
  if (word.size() > 8) std::memcpy(&made.high, word.data() + 8, word.size() - 8);
  return made;
}

std::uint64_t BytePairs::mixed(const Key& key, std::size_t bytes) {
  const std::uint64_t hash =
      (key.low + bytes) * kOdd ^ std::rotl(key.high * 0xC2B2AE3D27D4EB4F, 29);
  return (hash ^ hash >> 32) * kOdd;
}

const BytePairs::Word* BytePairs::whole(const Key& key, std::size_t bytes) const {
  for (std::size_t slot = mixed(key, bytes) >> word_shift_;;
       slot = (slot + 1) & (words_.size() - 1)) {
    const Word& word = words_[slot];
    if (word.key == key && word.bytes == bytes) return &word;
    if (!word.bytes) return nullptr;
  }
}

void BytePairs::encode(std::string_view word, std::size_t readable,
                       std::vector<std::int32_t>& ids) const {
  const std::size_t bytes = word.size();
  if (bytes == 1) {
    ids.push_back(byte_ids_[static_cast<std::uint8_t>(word[0])]);
    return;
  }
  if (bytes > 2 * kWord) {
    merge_all(word, ids);
    return;
  }
  const Key first = key(word.substr(0, kWord), readable);
  Key second;
  if (bytes <= kWord) {
    if (const Word* found = whole(first, bytes)) {
      ids.push_back(found->id);
      return;
    }
  } else {
    second = key(word.substr(kWord), readable - kWord);
  }
  static thread_local Memory memory;
  const std::uint64_t hash = mixed(first, bytes) + mixed(second, 0);
  Memory::Entry& entry = memory.at(hash * kOdd);
  if (entry.serial == serial_ && entry.bytes == bytes && entry.first == first &&
      entry.second == second) {
    ids.insert(ids.end(), entry.ids.begin(), entry.ids.begin() + entry.count);
    return;
  }
  const std::size_t before = ids.size();
  merge_all(word, ids);
  const std::size_t count = ids.size() - before;
  if (count > entry.ids.size()) return;
  entry.first = first;
  entry.second = second;
  entry.serial = serial_;
  entry.bytes = static_cast<std::uint8_t>(bytes);
  entry.count = static_cast<std::uint8_t>(count);
  std::copy_n(ids.begin() + static_cast<std::ptrdiff_t>(before), count, entry.ids.begin());
}

void BytePairs::merge_all(std::string_view word, std::vector<std::int32_t>& ids) const {
  if (word.size() <= kShort)
    merge_short(word, ids);
  else
    merge_long(word, ids);
}

void BytePairs::merge_short(std::string_view word, std::vector<std::int32_t>& ids) const {
  std::int32_t id[kShort + 1];
  Pair next[kShort + 1];  // of [i] and [i + 1]
  std::size_t count = word.size();
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(word[i]); };
  for (std::size_t i = 0; i < count; ++i) id[i] = byte_ids_[byte(i)];
  for (std::size_t i = 0; i + 1 < count; ++i)
    next[i] = first_pairs_[static_cast<std::size_t>(byte(i)) * 256 + byte(i + 1)];
  next[count - 1] = {};
  while (count > 1) {
    std::size_t best = 0;
    for (std::size_t i = 1; i + 1 < count; ++i)
      if (next[i].rank < next[best].rank) best = i;
    if (next[best].rank == kNone) break;
    id[best] = next[best].merged;
    --count;
    std::memmove(id + best + 1, id + best + 2, (count - best - 1) * sizeof(*id));
    std::memmove(next + best + 1, next + best + 2, (count - best - 1) * sizeof(*next));
    next[best] = best + 1 < count ? pair(id[best], id[best + 1]) : Pair{};
    if (best > 0) next[best - 1] = pair(id[best - 1], id[best]);
  }
  ids.insert(ids.end(), id, id + count);
}

// O(n log n): pairs in a heap, pieces in a doubly linked list, stale heap entries known by their
// ids.
void BytePairs::merge_long(std::string_view word, std::vector<std::int32_t>& ids) const {
  struct Piece {
    std::int32_t id;  // -1: merged into its left neighbour
    std::uint32_t left, right;
  };
  struct Candidate {
    std::uint32_t rank, at;
    std::int32_t left, right, merged;
    bool operator<(const Candidate& other) const {  // the queue's top is the largest
      return rank != other.rank ? rank > other.rank : at > other.at;
    }
  };
  const auto count = static_cast<std::uint32_t>(word.size());
  std::vector<Piece> pieces(count);
  for (std::uint32_t i = 0; i < count; ++i)
    pieces[i] = {byte_ids_[static_cast<std::uint8_t>(word[i])], i - 1,
                 i + 1};  // ends: kNone, count
  std::vector<Candidate> storage;
  storage.reserve(count * 2);
  std::priority_queue queue(std::less<Candidate>{}, std::move(storage));
  const auto offer = [&](std::uint32_t at) {
    const std::uint32_t right = pieces[at].right;
    if (right >= count) return;
    const Pair found = pair(pieces[at].id, pieces[right].id);
    if (found.rank != kNone)
      queue.push({found.rank, at, pieces[at].id, pieces[right].id, found.merged});
  };
  for (std::uint32_t i = 0; i < count; ++i) offer(i);
  while (!queue.empty()) {
    const Candidate top = queue.top();
    queue.pop();
    Piece& piece = pieces[top.at];
    if (piece.id != top.left || piece.right >= count || pieces[piece.right].id != top.right)
      continue;
    Piece& gone = pieces[piece.right];
    piece.id = top.merged;
    piece.right = gone.right;
    gone.id = -1;
    if (piece.right < count) pieces[piece.right].left = top.at;
    offer(top.at);
    if (piece.left < count) offer(piece.left);
  }
  for (std::uint32_t i = 0; i < count; i = pieces[i].right) ids.push_back(pieces[i].id);
}

}  // namespace looktwice::tokenizers
