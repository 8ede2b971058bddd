// Unicode normal forms as Hugging Face tokenizers has them: the data of Unicode 9, so younger
// characters stay where they are (stability makes the rest equal in every later version).
#pragma once

#include <string>
#include <string_view>

namespace looktwice::tokenizers {

// text: valid UTF-8.
std::string nfc(std::string_view text);
std::string nfd(std::string_view text);

// NFD of one character; empty where that is the character itself.
std::u32string_view decomposition(char32_t code);

}  // namespace looktwice::tokenizers
