#include "adapters/tokenizers/characters.h"

#include <unicode/uchar.h>
#include <unicode/unorm2.h>

#include <cstring>
#include <unordered_map>

#include "adapters/tokenizers/utf8.h"

namespace looktwice::tokenizers {
namespace {

struct Range {
  char32_t first, last;
};

// What Unicode 15 to 16 added to 14, the oldest that the supported systems' ICU has.
constexpr Range kYoungLetters[] = {
    {0x1C89, 0x1C8A},   {0xA7CB, 0xA7CD},   {0xA7DA, 0xA7DC},   {0x105C0, 0x105F3},
    {0x10D4A, 0x10D65}, {0x10D6F, 0x10D85}, {0x10EC2, 0x10EC4}, {0x1123F, 0x11240},
    {0x11380, 0x11389}, {0x1138B, 0x1138B}, {0x1138E, 0x1138E}, {0x11390, 0x113B5},
    {0x113B7, 0x113B7}, {0x113D1, 0x113D1}, {0x113D3, 0x113D3}, {0x11BC0, 0x11BE0},
    {0x11F02, 0x11F02}, {0x11F04, 0x11F10}, {0x11F12, 0x11F33}, {0x1342F, 0x1342F},
    {0x13441, 0x13446}, {0x13460, 0x143FA}, {0x16100, 0x1611D}, {0x16D40, 0x16D6C},
    {0x18CFF, 0x18CFF}, {0x1B132, 0x1B132}, {0x1B155, 0x1B155}, {0x1DF25, 0x1DF2A},
    {0x1E030, 0x1E06D}, {0x1E4D0, 0x1E4EB}, {0x1E5D0, 0x1E5ED}, {0x1E5F0, 0x1E5F0},
    {0x2B739, 0x2B739}, {0x2EBF0, 0x2EE5D}, {0x31350, 0x323AF}};
constexpr Range kYoungNumbers[] = {{0x10D40, 0x10D49}, {0x116D0, 0x116E3}, {0x11BF0, 0x11BF9},
                                   {0x11F50, 0x11F59}, {0x16130, 0x16139}, {0x16D70, 0x16D79},
                                   {0x1CCF0, 0x1CCF9}, {0x1D2C0, 0x1D2D3}, {0x1E4F0, 0x1E4F9},
                                   {0x1E5F1, 0x1E5FA}};

// \p{White_Space}, which no version has changed since U+180E left it in 6.3.
constexpr Range kSpaces[] = {{0x9, 0xD},       {0x20, 0x20},     {0x85, 0x85},     {0xA0, 0xA0},
                             {0x1680, 0x1680}, {0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F},
                             {0x205F, 0x205F}, {0x3000, 0x3000}};

// The blocks that BERT's own code lists, gaps included.
constexpr Range kIdeographs[] = {{0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xF900, 0xFAFF},
                                 {0x20000, 0x2A6DF}, {0x2A700, 0x2B81F}, {0x2B920, 0x2CEAF},
                                 {0x2F800, 0x2FA1F}};

struct Lowered {
  char32_t first, last, lower;  // lower: of the first; the others follow in step
};
// Capitals of Unicode 15 to 17.
constexpr Lowered kYoungCapitals[] = {{0x1C89, 0x1C89, 0x1C8A},    {0xA7CB, 0xA7CB, 0x264},
                                      {0xA7CC, 0xA7CC, 0xA7CD},    {0xA7CE, 0xA7CE, 0xA7CF},
                                      {0xA7D2, 0xA7D2, 0xA7D3},    {0xA7D4, 0xA7D4, 0xA7D5},
                                      {0xA7DA, 0xA7DA, 0xA7DB},    {0xA7DC, 0xA7DC, 0x19B},
                                      {0x10D50, 0x10D65, 0x10D70}, {0x16EA0, 0x16EB8, 0x16EBB}};

using Flags = std::vector<std::uint8_t>;

template <std::size_t n>
void mark_ranges(Flags& flags, const Range (&ranges)[n], std::uint8_t flag) {
  for (const Range& range : ranges)
    for (char32_t code = range.first; code <= range.last; ++code) flags[code] |= flag;
}

int age_of(char32_t code) {
  UVersionInfo age;
  u_charAge(static_cast<UChar32>(code), age);
  return age[0];
}

// visit(code point, general category) for every assigned one.
template <class Visit>
void each_assigned(Visit visit) {
  const auto range = [](const void* context, UChar32 start, UChar32 limit,
                        UCharCategory category) -> UBool {
    const auto& call = *static_cast<const Visit*>(context);
    if (category != U_UNASSIGNED && category != U_SURROGATE)
      for (UChar32 code = start; code < limit; ++code) call(static_cast<char32_t>(code), category);
    return true;
  };
  u_enumCharTypes(range, &visit);
}

bool is_in(std::uint32_t mask, UCharCategory category) {
  return U_MASK(category) & mask;
}

CharacterTable made_for_qwen() {
  Flags flags(0x110000, 0);
  each_assigned([&](char32_t code, UCharCategory category) {
    const auto at = static_cast<UChar32>(code);
    if (is_in(U_GC_L_MASK, category) && age_of(code) <= 14) flags[code] |= qwen_flag::letter;
    if (is_in(U_GC_N_MASK, category) && age_of(code) <= 14) flags[code] |= qwen_flag::number;
    if (code >= 0xC0 && (u_getCombiningClass(at) != 0 ||
                         u_getIntPropertyValue(at, UCHAR_NFC_QUICK_CHECK) != UNORM_YES))
      flags[code] |= qwen_flag::unstable;
  });
  mark_ranges(flags, kYoungLetters, qwen_flag::letter);
  mark_ranges(flags, kYoungNumbers, qwen_flag::number);
  mark_ranges(flags, kSpaces, qwen_flag::space);
  flags['\r'] |= qwen_flag::line_end;
  flags['\n'] |= qwen_flag::line_end;
  return CharacterTable(flags);
}

CharacterTable made_for_bert() {
  using namespace bert_flag;
  Flags flags(0x110000, 0);
  each_assigned([&](char32_t code, UCharCategory category) {
    const auto at = static_cast<UChar32>(code);
    if (is_in(U_GC_CC_MASK | U_GC_CF_MASK | U_GC_CO_MASK, category) && age_of(code) <= 8)
      flags[code] |= removed;
    if (is_in(U_GC_P_MASK, category) && age_of(code) <= 8) flags[code] |= punctuation;
    if (is_in(U_GC_MN_MASK, category) && age_of(code) <= 8) flags[code] |= mark;
    if (is_in(U_GC_CO_MASK, category)) return;
    if (lower_case(code)[0] != code ||
        u_getIntPropertyValue(at, UCHAR_NFD_QUICK_CHECK) != UNORM_YES)
      flags[code] |= decomposes;
  });
  // Categories that changed after Unicode 8.
  for (const char32_t code : {0x1885, 0x1886, 0xA9BD, 0x111C9})
    flags[code] &= static_cast<std::uint8_t>(~mark);
  flags[0x1734] |= mark;
  flags[0x166D] |= punctuation;
  flags[0x111C9] |= punctuation;
  for (const Lowered& range : kYoungCapitals)
    for (char32_t code = range.first; code <= range.last; ++code) flags[code] |= decomposes;
  for (const char* c = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"; *c; ++c)
    flags[static_cast<unsigned char>(*c)] |= punctuation;
  mark_ranges(flags, kSpaces, space);
  for (const char32_t code : {U'\v', U'\f', char32_t{0x85}})
    flags[code] = removed;  // control wins over space
  for (const char32_t code : {U'\t', U'\n', U'\r'}) flags[code] = space;
  mark_ranges(flags, kIdeographs, ideograph);
  flags[0xFFFD] = removed;
  // Sorting by combining class moves marks; it shows only where one of two marks stays.
  each_assigned([&](char32_t code, UCharCategory) {
    if (u_getCombiningClass(static_cast<UChar32>(code)) != 0 && !(flags[code] & mark))
      flags[code] |= reorders;
  });
  return CharacterTable(flags);
}

}  // namespace

CharacterTable::CharacterTable(const std::vector<std::uint8_t>& flags) {
  std::unordered_map<std::string_view, std::uint32_t> known;  // views of `flags`
  for (std::size_t i = 0; i < block_.size(); ++i) {
    const std::string_view block(reinterpret_cast<const char*>(flags.data()) + i * 256, 256);
    const auto [found, is_new] =
        known.try_emplace(block, static_cast<std::uint32_t>(flags_.size()));
    if (is_new) flags_.insert(flags_.end(), block.begin(), block.end());
    block_[i] = found->second;
  }
}

std::optional<std::uint8_t> flags_within(std::string_view text, const CharacterTable& table) {
  const char* at = text.data();
  const char* const end = at + text.size();
  std::uint8_t flags = 0;
  while (at < end) {
    if (end - at >= 8) {
      std::uint64_t eight;
      std::memcpy(&eight, at, 8);
      if (!(eight & 0x8080808080808080)) {
        at += 8;
        continue;
      }
    }
    const auto first = static_cast<std::uint8_t>(*at);
    if (first < 0x80) {
      ++at;
      continue;
    }
    const auto byte = [&](int i) {
      return at + i < end ? static_cast<std::uint8_t>(at[i]) : std::uint8_t{0};
    };
    const auto continues = [&](int i) { return (byte(i) & 0xC0) == 0x80; };
    const std::uint8_t second = byte(1);
    bool good = false;
    if (first >= 0xC2 && first <= 0xDF)
      good = continues(1);
    else if (first >= 0xE0 && first <= 0xEF)
      good = continues(1) && continues(2) && !(first == 0xE0 && second < 0xA0) &&
             !(first == 0xED && second > 0x9F);
    else if (first >= 0xF0 && first <= 0xF4)
      good = continues(1) && continues(2) && continues(3) && !(first == 0xF0 && second < 0x90) &&
             !(first == 0xF4 && second > 0x8F);
    if (!good) return std::nullopt;
    flags |= table[next_code_point(at)];
  }
  return flags;
}

const CharacterTable& qwen_characters() {
  static const CharacterTable table = made_for_qwen();
  return table;
}

const CharacterTable& bert_characters() {
  static const CharacterTable table = made_for_bert();
  return table;
}

std::array<char32_t, 2> lower_case(char32_t code) {
  if (code == 0x130) return {U'i', 0x307};
  for (const Lowered& range : kYoungCapitals)
    if (range.first <= code && code <= range.last) return {range.lower + (code - range.first), 0};
  return {static_cast<char32_t>(u_tolower(static_cast<UChar32>(code))), 0};
}

}  // namespace looktwice::tokenizers
