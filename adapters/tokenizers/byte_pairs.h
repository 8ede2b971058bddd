// Byte pair encoding of one word: the merge of lowest rank first, of equal ones the leftmost, until
// no pair is left that may merge (Sennrich et al. 2016, over bytes as in GPT-2).
// Not here: cutting a text into words (split_words.h), files (tokenizer_files.h).
// A word that is one token is found by one look into a table; the table holds those tokens only
// that the merges really make of their own bytes. Words of up to 32 bytes that are not are kept per
// thread once encoded.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace looktwice::tokenizers {

struct Merge {
  std::int32_t left = 0, right = 0, merged = 0;
};

class BytePairs {
 public:
  // token_bytes[id]: what each token stands for. byte_ids[256]: token of each byte. merges: in
  // order of rank. whole_words: every token is also found whole ("ignore_merges").
  BytePairs(const std::vector<std::string>& token_bytes, const std::vector<std::int32_t>& byte_ids,
            const std::vector<Merge>& merges, bool whole_words);

  // Appends the ids of a word that is not empty. readable: bytes that may be read from
  // word.data() on, at least word.size().
  void encode(std::string_view word, std::size_t readable, std::vector<std::int32_t>& ids) const;

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;
  struct Slot {
    std::uint64_t pair = UINT64_MAX;  // left << 32 | right
    std::uint32_t rank = kNone;
    std::int32_t merged = 0;
  };
  struct Pair {
    std::uint32_t rank = kNone;
    std::int32_t merged = 0;
  };
  struct Key {  // up to 16 bytes, zero-padded
    std::uint64_t low = 0, high = 0;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct Word {
    Key key = {};
    std::int32_t id = 0;
    std::uint32_t bytes = 0;  // 0: empty slot
  };
  class Memory;

  Pair pair(std::int32_t left, std::int32_t right) const;
  static Key key(std::string_view word, std::size_t readable);
  static std::uint64_t mixed(const Key& key, std::size_t bytes);
  const Word* whole(const Key& key, std::size_t bytes) const;
  void merge_all(std::string_view word, std::vector<std::int32_t>& ids) const;
  void merge_short(std::string_view word, std::vector<std::int32_t>& ids) const;
  void merge_long(std::string_view word, std::vector<std::int32_t>& ids) const;

  std::vector<std::int32_t> byte_ids_;
  std::vector<Pair> first_pairs_ = {};  // [256][256] of bytes
  std::vector<Slot> pairs_ = {};        // open addressing, linear
  int pair_shift_ = 0;
  std::vector<Word> words_ = {};  // the same
  int word_shift_ = 0;
  std::uint64_t serial_ = 0;  // tells the memories of two tokenizers apart
};

}  // namespace looktwice::tokenizers
