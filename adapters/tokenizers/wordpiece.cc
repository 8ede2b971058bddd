#include "adapters/tokenizers/wordpiece.h"

#include <algorithm>

#include "adapters/tokenizers/normal_forms.h"
#include "adapters/tokenizers/text_of_file.h"
#include "adapters/tokenizers/utf8.h"
#include "harness/core/error.h"
#include "harness/core/json_value.h"
#include "harness/core/path.h"
#include "harness/core/text.h"

namespace looktwice::tokenizers {
namespace {

namespace fs = std::filesystem;

WordPieceOptions options_of(const fs::path& folder) {
  WordPieceOptions options;
  const fs::path path = folder / "tokenizer_config.json";
  if (!is_there(path)) return options;
  const std::string name = path.string();
  try {
    const JsonValue root = parsed_json(text_of_file(path), name);
    const auto read = [&](const char* field, bool& value) {
      const JsonValue* found = root.find(field);
      if (!found || found->type == JsonValue::Type::null) return false;
      if (found->type != JsonValue::Type::boolean)
        refuse_at(name, found->place, "'" + std::string(field) + "' must be true or false");
      value = found->text == "true";
      return true;
    };
    read("do_lower_case", options.lower_case);
    // Not said: as the case is treated.
    if (!read("strip_accents", options.strip_accents)) options.strip_accents = options.lower_case;
    read("tokenize_chinese_chars", options.split_ideographs);
    // A text, or the object that newer writers make of it.
    const auto read_token = [&](const char* field, std::string& token) {
      const JsonValue* found = root.find(field);
      if (!found || found->type == JsonValue::Type::null) return;
      if (found->type == JsonValue::Type::object) found = found->find("content");
      if (!found || found->type != JsonValue::Type::text || found->text.empty())
        refuse_at(name, root.find(field)->place, "'" + std::string(field) + "' must be a token");
      token = found->text;
    };
    read_token("unk_token", options.unknown);
    read_token("cls_token", options.cls);
    read_token("sep_token", options.sep);
    read_token("pad_token", options.pad);
    read_token("mask_token", options.mask);
  } catch (const Error& error) {
    throw Error(Kind::model, error.what());
  }
  return options;
}

}  // namespace

struct WordPiece::Word {
  std::string text = {};
  int characters = 0;
};

WordPiece::WordPiece(const fs::path& folder)
    : WordPiece(text_of_file(folder / "vocab.txt"), options_of(folder),
                (folder / "vocab.txt").string()) {}

WordPiece::WordPiece(std::string_view vocabulary, WordPieceOptions options, const std::string& name)
    : options_(options) {
  read_vocabulary(vocabulary, name);
  const CharacterTable& table = bert_characters();
  for (char32_t code = 0; code < 128; ++code) ascii_[code] = table[code];
}

void WordPiece::read_vocabulary(std::string_view vocabulary, const std::string& name) {
  if (!is_valid_utf8(vocabulary)) throw Error(Kind::model, printable(name) + ": expected UTF-8");
  inside_ = trie_.grow(TokenTrie::kRoot, "##");
  std::vector<AddedToken> special;
  const std::string_view wanted[] = {options_.unknown, options_.cls, options_.sep, options_.pad,
                                     options_.mask};
  std::int32_t* const place[] = {&unknown_, &cls_, &sep_, &pad_, nullptr};
  while (!vocabulary.empty()) {
    const std::size_t end = std::min(vocabulary.find('\n'), vocabulary.size());
    std::string_view line = vocabulary.substr(0, end);
    vocabulary.remove_prefix(std::min(end + 1, vocabulary.size()));
    while (line.ends_with('\r')) line.remove_suffix(1);
    const std::int32_t id = size_++;
    if (line.size() > 1000)
      throw Error(Kind::model, printable(name) + ": line " + std::to_string(size_) +
                                   " has more than 1000 bytes, no token");
    if (line.empty()) continue;
    trie_.put(trie_.grow(TokenTrie::kRoot, line), id);
    for (std::size_t i = 0; i < std::size(wanted); ++i) {
      if (line != wanted[i]) continue;
      special.push_back({.text = std::string(line), .id = id});
      if (place[i]) *place[i] = id;
    }
  }
  for (std::size_t i = 0; i < 4; ++i)
    if (std::none_of(special.begin(), special.end(),
                     [&](const AddedToken& token) { return token.text == wanted[i]; }))
      throw Error(Kind::model, printable(name) + ": expected a line " + std::string(wanted[i]));
  special_ = AddedTokens(std::move(special));
}

std::vector<std::int32_t> WordPiece::encode(std::string_view text, std::size_t most_tokens) const {
  LOOKTWICE_CHECK(most_tokens == 0 || most_tokens >= 2);
  const std::size_t most = most_tokens ? most_tokens - 1 : SIZE_MAX;
  std::vector<std::int32_t> ids{cls_};
  ids.reserve(std::min(text.size() / 3 + 8, most));
  special_.split(
      text, [&](std::string_view part) { append_any(part, most, ids); },
      [&](const AddedToken& token) { ids.push_back(token.id); });
  if (ids.size() > most) ids.resize(most);
  ids.push_back(sep_);
  return ids;
}

// One character after cleaning and decomposition.
void WordPiece::add_character(char32_t code, Word& word, std::vector<std::int32_t>& ids) const {
  const std::uint8_t flags = bert_characters()[code];
  const auto end_word = [&] {
    if (word.characters) append_word(word, ids);
    word.text.clear();
    word.characters = 0;
  };
  if (flags & bert_flag::space) return end_word();
  if (flags & bert_flag::punctuation) end_word();
  append_utf8(word.text, code);
  ++word.characters;
  if (flags & bert_flag::punctuation) end_word();
}

void WordPiece::append_any(std::string_view text, std::size_t most,
                           std::vector<std::int32_t>& ids) const {
  const CharacterTable& table = bert_characters();
  std::string changed;
  std::optional<std::uint8_t> flags = flags_within(text, table);
  if (!flags) {
    changed = valid_utf8(text);
    text = changed;
    flags = flags_within(text, table);
  }
  if (!options_.strip_accents || !(*flags & bert_flag::reorders))
    return append_plain(text, most, ids);
  // Marks that stay may change places, so here the whole text is decomposed, after cleaning.
  std::string cleaned;
  for (const char* at = text.data(); at < text.data() + text.size();) {
    const char32_t code = next_code_point(at);
    const std::uint8_t of = table[code];
    if (of & bert_flag::removed) continue;
    const bool alone = options_.split_ideographs && (of & bert_flag::ideograph);
    if (alone) cleaned += ' ';
    append_utf8(cleaned, of & bert_flag::space ? U' ' : code);
    if (alone) cleaned += ' ';
  }
  append_plain(nfd(cleaned), most, ids);
}

void WordPiece::append_plain(std::string_view text, std::size_t most,
                             std::vector<std::int32_t>& ids) const {
  using namespace bert_flag;
  const CharacterTable& table = bert_characters();
  Word word;
  const auto end_word = [&] {
    if (word.characters) append_word(word, ids);
    word.text.clear();
    word.characters = 0;
  };
  const auto add_lowered = [&](char32_t code) {
    if (!options_.lower_case) return add_character(code, word, ids);
    const auto lowered = lower_case(code);
    add_character(lowered[0], word, ids);
    if (lowered[1]) add_character(lowered[1], word, ids);
  };
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end && ids.size() < most) {
    const auto byte = static_cast<std::uint8_t>(*at);
    if (byte < 128) {
      const std::uint8_t flags = ascii_[byte];
      ++at;
      if (flags & removed) continue;
      if (flags & (space | punctuation)) end_word();
      if (flags & space) continue;
      const bool capital = options_.lower_case && static_cast<unsigned>(byte - 'A') < 26;
      word.text += static_cast<char>(capital ? byte | 0x20 : byte);
      ++word.characters;
      if (flags & punctuation) end_word();
      continue;
    }
    const char32_t code = next_code_point(at);
    const std::uint8_t flags = table[code];
    if (flags & removed) continue;
    const bool alone = options_.split_ideographs && (flags & ideograph);
    if (alone) end_word();
    if (options_.strip_accents) {
      if (flags & mark) continue;
      if (flags & decomposes) {
        const std::u32string_view parts = decomposition(code);
        if (parts.empty()) add_lowered(code);
        for (const char32_t part : parts)
          if (!(table[part] & mark)) add_lowered(part);
      } else {
        add_character(code, word, ids);
      }
    } else {
      add_lowered(code);
    }
    if (alone) end_word();
  }
  end_word();
}

void WordPiece::append_word(const Word& word, std::vector<std::int32_t>& ids) const {
  if (word.characters > kLongestWord) {
    ids.push_back(unknown_);
    return;
  }
  const std::size_t before = ids.size();
  std::string_view rest = word.text;
  std::uint32_t from = TokenTrie::kRoot;
  while (!rest.empty()) {
    const TokenTrie::Longest piece = trie_.longest(from, rest);
    if (piece.id < 0) {
      ids.resize(before);
      ids.push_back(unknown_);
      return;
    }
    ids.push_back(piece.id);
    rest.remove_prefix(piece.bytes);
    from = inside_;
  }
}

}  // namespace looktwice::tokenizers
