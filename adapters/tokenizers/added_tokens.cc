#include "adapters/tokenizers/added_tokens.h"

#include <algorithm>
#include <cstring>

#include "harness/core/error.h"

namespace looktwice::tokenizers {

AddedTokens::AddedTokens(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)) {
  std::stable_sort(tokens_.begin(), tokens_.end(), [](const AddedToken& a, const AddedToken& b) {
    return a.text.size() > b.text.size();
  });
  for (const AddedToken& token : tokens_) {
    LOOKTWICE_CHECK(!token.text.empty());
    is_first_byte_[static_cast<std::uint8_t>(token.text[0])] = true;
  }
  if (std::count(is_first_byte_.begin(), is_first_byte_.end(), true) == 1)
    only_first_byte_ = static_cast<std::uint8_t>(tokens_[0].text[0]);
}

AddedTokens::Match AddedTokens::find(std::string_view text, std::size_t from) const {
  if (tokens_.empty()) return {};
  for (std::size_t at = from; at < text.size(); ++at) {
    if (only_first_byte_ >= 0) {
      const void* found = std::memchr(text.data() + at, only_first_byte_, text.size() - at);
      if (!found) return {};
      at = static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
    } else if (!is_first_byte_[static_cast<std::uint8_t>(text[at])]) {
      continue;
    }
    for (const AddedToken& token : tokens_)
      if (text.compare(at, token.text.size(), token.text) == 0)
        return {at, at + token.text.size(), &token};
  }
  return {};
}

void AddedTokens::split(std::string_view text, const std::function<void(std::string_view)>& plain,
                        const std::function<void(const AddedToken&)>& added) const {
  for (std::size_t at = 0; at < text.size();) {
    const Match match = find(text, at);
    const std::size_t end = match.token ? match.begin : text.size();
    if (end > at) plain(text.substr(at, end - at));
    if (!match.token) break;
    added(*match.token);
    at = match.end;
  }
}

}  // namespace looktwice::tokenizers
