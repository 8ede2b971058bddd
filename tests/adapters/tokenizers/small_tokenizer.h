// A tokenizer small enough to work out by hand: the 256 bytes, then the tokens that the merges
// make.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "adapters/tokenizers/tokenizer_files.h"

namespace looktwice::test {

// Ids 0 to 255 are the bytes; merge i makes id 256 + i, its parts named by their bytes.
inline tokenizers::TokenizerFiles small_tokenizer(
    const std::vector<std::pair<std::string, std::string>>& merges) {
  tokenizers::TokenizerFiles files;
  for (int byte = 0; byte < 256; ++byte) {
    files.token_bytes.emplace_back(1, static_cast<char>(byte));
    files.byte_ids.push_back(byte);
  }
  const auto id_of = [&](const std::string& bytes) {
    for (std::size_t id = 0; id < files.token_bytes.size(); ++id)
      if (files.token_bytes[id] == bytes) return static_cast<std::int32_t>(id);
    return -1;
  };
  for (const auto& [left, right] : merges) {
    const std::int32_t known = id_of(left + right);
    const auto next = static_cast<std::int32_t>(files.token_bytes.size());
    files.merges.push_back({id_of(left), id_of(right), known < 0 ? next : known});
    if (known < 0) files.token_bytes.push_back(left + right);
  }
  const auto end = static_cast<std::int32_t>(files.token_bytes.size());
  files.added.push_back({.text = "<|end|>", .id = end});
  files.added.push_back({.text = "<|end", .id = end + 1, .special = false});
  return files;
}

}  // namespace looktwice::test
