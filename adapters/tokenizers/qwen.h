// The tokenizer of Qwen2 and Qwen2.5-VL: added tokens cut out, NFC, words by a regular expression,
// byte pair encoding over bytes. Equal to Hugging Face's "fast" tokenizer, id by id.
// Not here: chat templates; truncation; padding.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/tokenizers/added_tokens.h"
#include "adapters/tokenizers/byte_pairs.h"
#include "adapters/tokenizers/split_words.h"
#include "adapters/tokenizers/tokenizer_files.h"

namespace looktwice::tokenizers {

class QwenTokenizer {
 public:
  // A checkpoint folder; see tokenizer_files.h. Throws Kind::model.
  explicit QwenTokenizer(const std::filesystem::path& folder)
      : QwenTokenizer(tokenizer_files(folder)) {}
  explicit QwenTokenizer(TokenizerFiles files);

  // Any bytes; each maximal invalid part of the UTF-8 counts as U+FFFD. Threads may share this.
  std::vector<std::int32_t> encode(std::string_view text) const;
  void append_ids(std::string_view text, std::vector<std::int32_t>& ids) const;

  // Valid UTF-8: bytes that make none become U+FFFD. Ids of no token say nothing.
  std::string decode(std::span<const std::int32_t> ids, bool skip_special = false) const;
  // The bytes of one token as they are, which may be a part of a character; empty for no token.
  std::string_view bytes_of(std::int32_t id) const;

  // Of an added token, such as "<|im_end|>".
  std::optional<std::int32_t> added_id(std::string_view text) const;
  // One more than the largest id: Hugging Face's len(tokenizer) where no id is missing.
  std::int32_t size() const { return static_cast<std::int32_t>(token_bytes_.size()); }

 private:
  void append_plain(std::string_view text, std::vector<std::int32_t>& ids) const;
  void append_words(std::string_view text, std::vector<std::int32_t>& ids) const;

  std::vector<std::string> token_bytes_ = {};  // [id], added tokens included
  std::vector<bool> is_special_ = {};          // [id]
  AddedTokens before_nfc_ = {}, after_nfc_ = {};
  BytePairs pairs_;
  WordSplitter splitter_ = {};
  bool nfc_ = true;
};

}  // namespace looktwice::tokenizers
