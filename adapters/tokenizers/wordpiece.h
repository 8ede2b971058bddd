// BERT's WordPiece: cleaning, words, the longest piece first. Equal to Hugging Face's "fast"
// BertTokenizer, id by id.
// Not here: padding, pairs of sentences.
// Source: Devlin et al. 2018; order of the steps as in Hugging Face tokenizers' BertNormalizer.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/tokenizers/added_tokens.h"
#include "adapters/tokenizers/characters.h"
#include "adapters/tokenizers/token_trie.h"

namespace looktwice::tokenizers {

struct WordPieceOptions {
  bool lower_case = true;
  bool strip_accents = true;     // by NFD, dropping \p{Mn}
  bool split_ideographs = true;  // each CJK character is a word
  // As the vocabulary spells them; MPNet's are "<s>", "</s>", "<pad>", "<mask>".
  std::string unknown = "[UNK]", cls = "[CLS]", sep = "[SEP]", pad = "[PAD]", mask = "[MASK]";
};

class WordPiece {
 public:
  static constexpr int kLongestWord = 100;  // code points; a longer word is [UNK]

  // A checkpoint folder: vocab.txt and, where they are, the options of tokenizer_config.json.
  // Throws Kind::model.
  explicit WordPiece(const std::filesystem::path& folder);
  // vocabulary: one token per line, the id its line counted from 0. name: for messages.
  WordPiece(std::string_view vocabulary, WordPieceOptions options, const std::string& name);

  // [CLS], the ids of the text, [SEP]; at most most_tokens in all (0: no limit, else at least 2),
  // the end of the text cut. Any bytes; invalid UTF-8 counts as U+FFFD, which is dropped. Threads
  // may share this.
  std::vector<std::int32_t> encode(std::string_view text, std::size_t most_tokens = 0) const;

  std::int32_t size() const { return size_; }
  std::int32_t pad_id() const { return pad_; }
  // [CLS] or [SEP].
  bool ends_text(std::int32_t id) const { return id == cls_ || id == sep_; }

 private:
  struct Word;
  void append_any(std::string_view text, std::size_t most, std::vector<std::int32_t>& ids) const;
  void append_plain(std::string_view text, std::size_t most, std::vector<std::int32_t>& ids) const;
  void append_word(const Word& word, std::vector<std::int32_t>& ids) const;
  void add_character(char32_t code, Word& word, std::vector<std::int32_t>& ids) const;
  void read_vocabulary(std::string_view vocabulary, const std::string& name);

  WordPieceOptions options_ = {};
  TokenTrie trie_ = {};
  std::uint32_t inside_ = 0;  // node of "##", where pieces within a word begin
  AddedTokens special_ = {};
  std::int32_t size_ = 0, unknown_ = 0, cls_ = 0, sep_ = 0, pad_ = 0;
  std::uint8_t ascii_[128] = {};  // flags of bert_characters()
};

}  // namespace looktwice::tokenizers
