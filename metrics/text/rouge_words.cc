#include "metrics/text/rouge_words.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "metrics/text/porter.h"

namespace looktwice::metrics {
namespace {

constexpr std::size_t kShort = 8;                         // letters of a word that is its own key
constexpr std::uint64_t kMixing = 0x9E3779B97F4A7C15ULL;  // 2^64 / golden ratio
constexpr std::size_t kBlock = 64;

std::uint64_t eight_bytes(const char* at) {
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, at, sizeof bytes);
  return bytes;
}

std::uint64_t first_bytes(std::uint64_t bytes, std::size_t count) {
  static_assert(std::endian::native == std::endian::little);
  return count >= sizeof bytes ? bytes : bytes & ((std::uint64_t{1} << 8 * count) - 1);
}

// Words of at most eight letters differ in their keys; longer ones are compared letter by letter.
std::uint64_t key_of(const char* word, std::size_t length) {
  if (length <= kShort) return first_bytes(eight_bytes(word), length);
  std::uint64_t key = length;
  for (std::size_t at = 0; at < length; at += kShort) {
    key = (key ^ first_bytes(eight_bytes(word + at), length - at)) * kMixing;
    key ^= key >> 29;
  }
  return key | std::uint64_t{1} << 63;  // no letter is beyond ASCII: no short word has this key
}

std::size_t slot_of(std::uint64_t key, std::size_t mask) {
  return key * kMixing >> 32 & mask;
}

// Bit i: byte i is of [A-Za-z0-9]. Letters become lower case, the other bytes stay.
std::uint64_t lower_block(char* bytes) {
  std::uint64_t words = 0;
#if defined(__SSE2__)
  const __m128i a = _mm_set1_epi8('a' - 128), range = _mm_set1_epi8(-128 + 26);
  const __m128i zero = _mm_set1_epi8('0' - 128), digits = _mm_set1_epi8(-128 + 10);
  for (std::size_t i = 0; i < kBlock; i += 16) {
    auto* at = reinterpret_cast<__m128i*>(bytes + i);
    const __m128i given = _mm_loadu_si128(at);
    const __m128i lower = _mm_or_si128(given, _mm_set1_epi8(0x20));
    const __m128i letter = _mm_cmplt_epi8(_mm_sub_epi8(lower, a), range);
    const __m128i digit = _mm_cmplt_epi8(_mm_sub_epi8(given, zero), digits);
    _mm_storeu_si128(at, _mm_or_si128(given, _mm_and_si128(letter, _mm_set1_epi8(0x20))));
    const auto bits = static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_or_si128(letter, digit)));
    words |= std::uint64_t{bits} << i;
  }
#else
  for (std::size_t i = 0; i < kBlock; ++i) {
    const auto given = static_cast<unsigned char>(bytes[i]);
    const bool letter = static_cast<unsigned char>((given | 0x20) - 'a') < 26;
    const bool digit = static_cast<unsigned char>(given - '0') < 10;
    if (letter) bytes[i] = static_cast<char>(given | 0x20);
    words |= std::uint64_t{letter || digit} << i;
  }
#endif
  return words;
}

// The two characters beyond ASCII whose lower case is within: "i" and a dot that separates, "k".
std::string with_ascii_lower_case(std::string_view text) {
  std::string plain;
  for (std::size_t at = 0; at < text.size();) {
    if (text.substr(at, 2) == "\xC4\xB0") {
      plain += "i ";
      at += 2;
    } else if (text.substr(at, 3) == "\xE2\x84\xAA") {
      plain += 'k';
      at += 3;
    } else {
      plain += text[at++];
    }
  }
  return plain;
}

}  // namespace

void RougeWords::Table::clear() {
  for (const std::uint32_t slot : used_) slots_[slot] = {};
  used_.clear();
  letters_.clear();
  words_ = 0;
}

void RougeWords::Table::grow() {
  std::vector<Slot> slots(std::max<std::size_t>(256, 2 * slots_.size()));
  const std::size_t mask = slots.size() - 1;
  for (std::uint32_t& used : used_) {
    std::size_t at = slot_of(slots_[used].key, mask);
    while (slots[at].key != 0) at = (at + 1) & mask;
    slots[at] = slots_[used];
    used = static_cast<std::uint32_t>(at);
  }
  slots_ = std::move(slots);
}

Token RougeWords::Table::number(const char* word, std::size_t length, bool add) {
  if (2 * (words_ + 1) > slots_.size()) grow();
  const std::uint64_t key = key_of(word, length);
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = slot_of(key, mask);
  for (; slots_[at].key != 0; at = (at + 1) & mask) {
    const Slot& slot = slots_[at];
    if (slot.key == key &&
        (length <= kShort ||
         std::string_view(letters_).substr(slot.at, slot.length) == std::string_view(word, length)))
      return slot.token;
  }
  if (!add) return kNoToken;
  slots_[at] = {key, static_cast<Token>(words_), static_cast<std::uint32_t>(length),
                letters_.size()};
  used_.push_back(static_cast<std::uint32_t>(at));
  if (length > kShort) letters_.append(word, length);
  return static_cast<Token>(words_++);
}

Token RougeWords::number(const char* word, std::size_t length, bool add) {
  if (!stem_ || length <= 3) return words_.number(word, length, add);
  if (seen_.size() >= kStemsKept) {
    seen_.clear();
    stems_.clear();
  }
  const Token token = seen_.number(word, length, true);
  if (token == stems_.size()) {
    stems_.push_back(porter_stem({word, length}));
    stems_.back().append(kShort, '\0');
  }
  const std::string& stem = stems_[token];
  return words_.number(stem.data(), stem.size() - kShort, add);
}

void RougeWords::each_word(std::string_view text, bool add, std::vector<Token>& tokens) {
  std::string plain;
  if (text.find('\xC4') != text.npos || text.find('\xE2') != text.npos) {
    plain = with_ascii_lower_case(text);
    text = plain;
  }
  text_.assign(text);
  text_.append(kBlock + kShort, '\0');
  char* bytes = text_.data();
  std::size_t start = 0;
  bool in_word = false;
  // Each change between word and gap is a bit; what follows the text is a gap.
  for (std::size_t block = 0; block < text.size() + 1; block += kBlock) {
    const std::uint64_t words = lower_block(bytes + block);
    std::uint64_t changes = words ^ (words << 1 | std::uint64_t{in_word});
    for (; changes != 0; changes &= changes - 1) {
      const std::size_t at = block + static_cast<std::size_t>(std::countr_zero(changes));
      if (in_word) tokens.push_back(number(bytes + start, at - start, add));
      start = at;
      in_word = !in_word;
    }
  }
}

}  // namespace looktwice::metrics
