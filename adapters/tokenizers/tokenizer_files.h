// Reads the files of a Qwen tokenizer: tokenizer.json, or vocab.json with merges.txt and, where
// they are, added_tokens.json, special_tokens_map.json and tokenizer_config.json. Anything that
// would tokenise in another way than adapters/tokenizers does (another regular expression,
// normaliser, prefix space, unknown token, dropout) is refused, not ignored.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "adapters/tokenizers/added_tokens.h"
#include "adapters/tokenizers/byte_pairs.h"

namespace looktwice::tokenizers {

struct TokenizerFiles {
  std::vector<std::string> token_bytes =
      {};  // [id]; empty where the id belongs to no token of the model
  std::vector<std::int32_t> byte_ids = {};  // [256]
  std::vector<Merge> merges = {};           // in order of rank
  std::vector<AddedToken> added = {};
  bool whole_words = false;  // "ignore_merges"
  bool nfc = true;
};

// Throws Kind::model, one line: file, field or line, what was expected.
TokenizerFiles tokenizer_files(const std::filesystem::path& folder);

}  // namespace looktwice::tokenizers
