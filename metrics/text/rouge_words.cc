#include "metrics/text/rouge_words.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "metrics/text/porter.h"

// A word costs a few dozen instructions; calls would be half of them.
#define LOOKTWICE_INLINE inline __attribute__((always_inline))

namespace looktwice::metrics {
namespace {

constexpr std::size_t kShort = 16;                        // letters of a word that is its own key
constexpr std::uint64_t kMixing = 0x9E3779B97F4A7C15ULL;  // 2^64 / golden ratio
constexpr std::size_t kBlock = 64;
constexpr std::size_t kWordsKept = 1 << 16;

std::uint64_t eight_bytes(const char* at) {
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, at, sizeof bytes);
  return bytes;
}

static_assert(std::endian::native == std::endian::little);
constexpr std::uint64_t kFirstBytes[] = {0,
                                         0xFF,
                                         0xFFFF,
                                         0xFFFFFF,
                                         0xFFFFFFFF,
                                         0xFFFFFFFFFF,
                                         0xFFFFFFFFFFFF,
                                         0xFFFFFFFFFFFFFF,
                                         0xFFFFFFFFFFFFFFFF};
constexpr std::uint64_t kNoLetter = std::uint64_t{1} << 63;  // no letter is beyond ASCII

inline std::size_t slot_of(std::uint64_t first, std::uint64_t second, std::size_t mask) {
  return (first ^ second * kMixing) * kMixing >> 32 & mask;
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

__attribute__((noinline)) RougeWords::Key RougeWords::long_key_of(const char* word,
                                                                  std::size_t length) {
  std::uint64_t hash = length;
  for (std::size_t at = 0; at < length; at += 8) {
    hash ^= eight_bytes(word + at) & kFirstBytes[std::min<std::size_t>(length - at, 8)];
    hash *= kMixing;
    hash ^= hash >> 29;
  }
  return {hash | kNoLetter, length | kNoLetter};
}

// Which words are longer than eight letters cannot be foreseen: no branch asks.
LOOKTWICE_INLINE RougeWords::Key RougeWords::key_of(const char* word, std::size_t length) {
  if (length > kShort) [[unlikely]]
    return long_key_of(word, length);
  return {eight_bytes(word) & kFirstBytes[std::min<std::size_t>(length, 8)],
          eight_bytes(word + 8) & kFirstBytes[std::max<std::size_t>(length, 8) - 8]};
}

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
    std::size_t at = slot_of(slots_[used].first, slots_[used].second, mask);
    while (slots[at].first != 0) at = (at + 1) & mask;
    slots[at] = slots_[used];
    used = static_cast<std::uint32_t>(at);
  }
  slots_ = std::move(slots);
}

LOOKTWICE_INLINE Token RougeWords::Table::number(const char* word, std::size_t length) {
  const Key key = key_of(word, length);
  const std::size_t mask =
      slots_.size() - 1;  // of an empty table: all bits, but then no slot is asked
  std::size_t at = slot_of(key.first, key.second, mask);
  const Slot* const slots = slots_.data();
  if (slots_.empty()) [[unlikely]]
    return added(key, word, length);
  for (; slots[at].first != 0; at = (at + 1) & mask) {
    const Slot& slot = slots[at];
    if (slot.first == key.first && slot.second == key.second && slot.length == length &&
        (length <= kShort ||
         std::string_view(letters_).substr(slot.at, slot.length) == std::string_view(word, length)))
      return slot.token;
  }
  return added(key, word, length);
}

__attribute__((noinline)) Token RougeWords::Table::added(const Key& key, const char* word,
                                                         std::size_t length) {
  if (2 * (words_ + 1) > slots_.size()) grow();
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = slot_of(key.first, key.second, mask);
  while (slots_[at].first != 0) at = (at + 1) & mask;
  slots_[at] = {key.first, key.second, static_cast<Token>(words_),
                static_cast<std::uint32_t>(length), letters_.size()};
  used_.push_back(static_cast<std::uint32_t>(at));
  if (length > kShort) letters_.append(word, length);
  return static_cast<Token>(words_++);
}

void RougeWords::clear() {
  count_ = 0;
  if (words_.size() > kWordsKept || ++round_ == 0) {
    words_.clear();
    stems_.clear();
    stem_of_.clear();
    names_.clear();
    round_ = 1;
  }
}

__attribute__((noinline)) void RougeWords::learn_stem(const char* word, std::size_t length) {
  std::string stem(word, length);
  if (length > 3) porter_stem_in_place(stem);
  const std::size_t letters = stem.size();
  stem.append(kShort, '\0');
  stem_of_.push_back(stems_.number(stem.data(), letters));
}

// The same for all words that count as one.
LOOKTWICE_INLINE Token RougeWords::known_number(const char* word, std::size_t length) {
  Token token = words_.number(word, length);
  if (stem_) {
    if (token == stem_of_.size()) [[unlikely]]
      learn_stem(word, length);
    token = stem_of_[token];
  }
  if (token >= names_.size()) [[unlikely]]
    names_.resize(std::size_t{token} + 1);
  return token;
}

void RougeWords::cut(std::string_view text) {
  edges_.clear();
  if (cutter_) {
    cut_words_.clear();
    cutter_(text, cut_words_);
    text_.clear();
    for (const std::string& word : cut_words_) {
      if (word.empty()) continue;
      edges_.push_back(static_cast<std::uint32_t>(text_.size()));
      text_ += word;
      edges_.push_back(static_cast<std::uint32_t>(text_.size()));
    }
    text_.append(kShort, '\0');
    return;
  }
  std::string plain;
  if (text.find('\xC4') != text.npos || text.find('\xE2') != text.npos) {
    plain = with_ascii_lower_case(text);
    text = plain;
  }
  text_.assign(text);
  text_.append(kBlock + kShort, '\0');
  edges_.resize(text.size() + kBlock);
  char* bytes = text_.data();
  std::uint32_t* edge = edges_.data();
  std::uint64_t in_word = 0;
  // Each change between word and gap is a bit; what follows the text is a gap.
  for (std::size_t block = 0; block < text.size() + 1; block += kBlock) {
    const std::uint64_t words = lower_block(bytes + block);
    for (std::uint64_t changes = words ^ (words << 1 | in_word); changes != 0;
         changes &= changes - 1)
      *edge++ =
          static_cast<std::uint32_t>(block) + static_cast<std::uint32_t>(std::countr_zero(changes));
    in_word = words >> (kBlock - 1);
  }
  edges_.resize(static_cast<std::size_t>(edge - edges_.data()));
}

// Whether a word is new cannot be foreseen either: no branch asks.
void RougeWords::add(std::string_view text, std::vector<Token>& tokens) {
  cut(text);
  const std::size_t before = tokens.size(), words = edges_.size() / 2;
  tokens.resize(before + words);
  Token* to = tokens.data() + before;
  const std::uint32_t* edge = edges_.data();
  const char* letters = text_.data();
  for (std::size_t i = 0; i < words; ++i, edge += 2) {
    const Token word = known_number(letters + edge[0], edge[1] - edge[0]);
    Name& name = names_.data()[word];
    const bool is_new = name.round != round_;
    const Token token = is_new ? count_ : name.token;
    count_ += is_new;
    name = {round_, token};
    to[i] = token;
  }
}

void RougeWords::find(std::string_view text, std::vector<Token>& tokens) {
  cut(text);
  const std::size_t before = tokens.size(), words = edges_.size() / 2;
  tokens.resize(before + words);
  Token* to = tokens.data() + before;
  const std::uint32_t* edge = edges_.data();
  const char* letters = text_.data();
  for (std::size_t i = 0; i < words; ++i, edge += 2) {
    const Token word = known_number(letters + edge[0], edge[1] - edge[0]);
    const Name name = names_.data()[word];
    to[i] = name.round == round_ ? name.token : kNoToken;
  }
}

}  // namespace looktwice::metrics
