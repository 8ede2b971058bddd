#include "metrics/text/rouge_words.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "metrics/text/porter.h"

namespace looktwice::metrics {
namespace {

constexpr std::uint8_t kSeparator = 0, kLead = 1;  // kLead: first byte of U+0130 or U+212A

constexpr std::array<std::uint8_t, 256> letters() {
  std::array<std::uint8_t, 256> table = {};
  for (int c = 'a'; c <= 'z'; ++c) table[c] = static_cast<std::uint8_t>(c);
  for (int c = 'A'; c <= 'Z'; ++c) table[c] = static_cast<std::uint8_t>(c - 'A' + 'a');
  for (int c = '0'; c <= '9'; ++c) table[c] = static_cast<std::uint8_t>(c);
  table[0xC4] = table[0xE2] = kLead;
  return table;
}
constexpr std::array<std::uint8_t, 256> kLetters = letters();

constexpr std::size_t kShort = 8;                         // letters of a word that is its own key
constexpr std::uint64_t kMixing = 0x9E3779B97F4A7C15ULL;  // 2^64 / golden ratio

// Words of at most eight letters differ in their keys; longer ones are compared letter by letter.
std::uint64_t key_of(const char* letters, std::size_t length) {
  std::uint64_t key = 0;
  if (length <= kShort) {
    std::memcpy(&key, letters, length);
    return key;
  }
  for (std::size_t at = 0; at < length; at += kShort) {
    std::uint64_t part = 0;
    std::memcpy(&part, letters + at, std::min(kShort, length - at));
    key = (key ^ part) * kMixing;
    key ^= key >> 29;
  }
  return key | std::uint64_t{1} << 63;  // no short word has its eighth letter beyond ASCII
}

}  // namespace

void RougeWords::clear() {
  letters_.clear();
  words_.clear();
  std::fill(slots_.begin(), slots_.end(), Slot{});
}

void RougeWords::grow() {
  std::vector<Slot> slots(std::max<std::size_t>(256, 2 * slots_.size()));
  const std::size_t mask = slots.size() - 1;
  for (const Slot& slot : slots_) {
    if (slot.key == 0) continue;
    std::size_t at = slot.key * kMixing >> 32 & mask;
    while (slots[at].key != 0) at = (at + 1) & mask;
    slots[at] = slot;
  }
  slots_ = std::move(slots);
}

// The letters lie behind those of all words; they stay if the word is new and to be added.
Token RougeWords::token_of(std::uint64_t key, std::size_t at, std::size_t length, bool add) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = key * kMixing >> 32 & mask;
  for (; slots_[slot].key != 0; slot = (slot + 1) & mask) {
    if (slots_[slot].key != key) continue;
    const Word& word = words_[slots_[slot].token];
    if (length <= kShort ||
        (word.length == length && letters_.compare(word.at, length, letters_, at, length) == 0))
      return slots_[slot].token;
  }
  if (!add) return kNoToken;
  const Token token = static_cast<Token>(words_.size());
  slots_[slot] = {key, token};
  words_.push_back({at, length});
  return token;
}

void RougeWords::each_word(std::string_view text, bool add, std::vector<Token>& tokens) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
  const std::size_t size = text.size();
  const std::size_t start = letters_.size();
  // Room for all letters and for reading eight from the last one on.
  letters_.resize(start + size + kShort);
  char* letters = letters_.data();
  std::size_t end = start;  // of the words kept
  std::size_t at = 0;
  while (at < size) {
    std::size_t fill = end;
    bool more = true;
    while (more && at < size) {
      const std::uint8_t letter = kLetters[bytes[at]];
      if (letter > kLead) {
        letters[fill++] = static_cast<char>(letter);
        ++at;
      } else if (letter == kLead && text.substr(at, 2) == "\xC4\xB0") {
        letters[fill++] = 'i';  // its lower case ends with a combining dot, which separates
        at += 2;
        more = false;
      } else if (letter == kLead && text.substr(at, 3) == "\xE2\x84\xAA") {
        letters[fill++] = 'k';
        at += 3;
      } else {
        more = false;
        ++at;
      }
    }
    std::size_t length = fill - end;
    if (length == 0) continue;
    if (stem_ && length > 3) {
      word_.assign(letters + end, length);
      porter_stem_in_place(word_);
      length = word_.copy(letters + end, length);
    }
    if (length == 0) continue;
    if (2 * (words_.size() + 1) > slots_.size()) grow();
    const std::size_t known = words_.size();
    tokens.push_back(token_of(key_of(letters + end, length), end, length, add));
    if (words_.size() > known) end += length;
  }
  letters_.resize(end);
}

}  // namespace looktwice::metrics
