// Tokens that are cut out of a text before anything else: <|im_end|>, [SEP] and their like.
// Not here: what the text between them becomes.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace looktwice::tokenizers {

struct AddedToken {
  std::string text = {};
  std::int32_t id = 0;
  bool special = true;      // dropped by a decoder that skips special tokens
  bool normalized = false;  // looked for after normalisation, not before
};

class AddedTokens {
 public:
  AddedTokens() = default;
  // No empty text.
  explicit AddedTokens(std::vector<AddedToken> tokens);

  struct Match {
    std::size_t begin = std::string_view::npos, end = std::string_view::npos;
    const AddedToken* token = nullptr;  // nullptr: none
  };
  // The leftmost at or after `from`; of several that begin there the longest.
  Match find(std::string_view text, std::size_t from) const;

  // Walks a text: plain(part) for each part between tokens (never empty), added(token) for each
  // token.
  void split(std::string_view text, const std::function<void(std::string_view)>& plain,
             const std::function<void(const AddedToken&)>& added) const;

  const std::vector<AddedToken>& all() const { return tokens_; }

 private:
  std::vector<AddedToken> tokens_ = {};       // by length, longest first
  std::array<bool, 256> is_first_byte_ = {};  // of any token
  int only_first_byte_ = -1;                  // when all tokens begin alike: memchr finds it
};

}  // namespace looktwice::tokenizers
