// What an encoder of texts makes of each of their tokens: for measures that compare token by token.
// An adapter that has it is this too. Not here: embeddings of whole texts (Prediction::embedding).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace looktwice {

struct TokenStates {
  std::vector<std::int32_t> ids = {};
  std::vector<std::uint8_t> counted = {};  // 0: begins or ends a text ([CLS], [SEP])
  std::vector<float> values = {};          // [tokens][width]
};

class TokenEncoder {
 public:
  virtual ~TokenEncoder() = default;
  // One per text; every width is the same.
  virtual std::vector<TokenStates> token_states(std::span<const std::string> texts) const = 0;
};

}  // namespace looktwice
