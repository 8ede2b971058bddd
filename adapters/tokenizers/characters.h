// What the two tokenizers want to know of a code point, one table lookup each.
// Not here: normalisation (normal_forms.h).
// Source: ICU, held to the Unicode versions that Hugging Face tokenizers 0.23 was built with, so
// that ids do not depend on the ICU of the machine: letters and numbers as in Unicode 16 (its
// regular expressions), BERT's punctuation, marks and control characters as in Unicode 8, lower
// case as in Unicode 17. All found by asking it for every code point; scripts/golden/tokenizers.py
// asks again.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace looktwice::tokenizers {

// 1,114,112 code points in blocks of 256, equal blocks shared.
class CharacterTable {
 public:
  // flags[code point]
  explicit CharacterTable(const std::vector<std::uint8_t>& flags);
  std::uint8_t operator[](char32_t code) const { return flags_[block_[code >> 8] | (code & 0xFF)]; }

 private:
  std::array<std::uint32_t, 0x1100> block_ = {};
  std::vector<std::uint8_t> flags_ = {};
};

// The flags of all characters beyond ASCII of a text, together; nothing when it is no valid UTF-8.
std::optional<std::uint8_t> flags_within(std::string_view text, const CharacterTable& table);

// Flags of Qwen's table. A character with neither letter, number nor space is "other".
namespace qwen_flag {
inline constexpr std::uint8_t letter = 1;     // \p{L}
inline constexpr std::uint8_t number = 2;     // \p{N}
inline constexpr std::uint8_t space = 4;      // \s: also U+0085, U+2028, U+3000; not U+180E, U+200B
inline constexpr std::uint8_t line_end = 8;   // \r and \n; space as well
inline constexpr std::uint8_t unstable = 16;  // NFC may change it or its surroundings
}  // namespace qwen_flag
const CharacterTable& qwen_characters();

// Flags of BERT's table.
namespace bert_flag {
inline constexpr std::uint8_t removed = 1;      // control, format, private use, U+0000, U+FFFD
inline constexpr std::uint8_t space = 2;        // tab, line ends, \p{White_Space}
inline constexpr std::uint8_t punctuation = 4;  // ASCII punctuation, \p{P}: a word of its own
inline constexpr std::uint8_t ideograph = 8;    // CJK: a word of its own
inline constexpr std::uint8_t mark = 16;        // \p{Mn}: dropped where accents are stripped
inline constexpr std::uint8_t decomposes = 32;  // NFD or lower case changes it
inline constexpr std::uint8_t reorders = 64;    // NFD may move it, and it is not dropped
}  // namespace bert_flag
const CharacterTable& bert_characters();

// Without context and locale; U+0130 becomes two code points (second 0 otherwise).
std::array<char32_t, 2> lower_case(char32_t code);

}  // namespace looktwice::tokenizers
