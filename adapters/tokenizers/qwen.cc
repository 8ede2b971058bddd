#include "adapters/tokenizers/qwen.h"

#include "adapters/tokenizers/normal_forms.h"
#include "harness/core/text.h"

namespace looktwice::tokenizers {
namespace {

std::vector<AddedToken> chosen(const std::vector<AddedToken>& all, bool normalized) {
  std::vector<AddedToken> some;
  for (const AddedToken& token : all)
    if (token.normalized == normalized) some.push_back(token);
  return some;
}

}  // namespace

QwenTokenizer::QwenTokenizer(TokenizerFiles files)
    : before_nfc_(chosen(files.added, false)),
      after_nfc_(chosen(files.added, true)),
      pairs_(files.token_bytes, files.byte_ids, files.merges, files.whole_words),
      nfc_(files.nfc) {
  token_bytes_ = std::move(files.token_bytes);
  for (const AddedToken& token : files.added) {
    const auto id = static_cast<std::size_t>(token.id);
    if (token_bytes_.size() <= id) token_bytes_.resize(id + 1);
    token_bytes_[id] = token.text;
    if (is_special_.size() <= id) is_special_.resize(id + 1);
    is_special_[id] = token.special;
  }
  is_special_.resize(token_bytes_.size());
}

std::vector<std::int32_t> QwenTokenizer::encode(std::string_view text) const {
  std::vector<std::int32_t> ids;
  ids.reserve(text.size() / 4 + 8);
  append_ids(text, ids);
  return ids;
}

void QwenTokenizer::append_ids(std::string_view text, std::vector<std::int32_t>& ids) const {
  const auto add = [&](const AddedToken& token) { ids.push_back(token.id); };
  before_nfc_.split(
      text, [&](std::string_view part) { append_plain(part, ids); }, add);
}

void QwenTokenizer::append_plain(std::string_view text, std::vector<std::int32_t>& ids) const {
  std::string changed;
  std::optional<std::uint8_t> flags = flags_within(text, qwen_characters());
  if (!flags) {
    changed = valid_utf8(text);
    text = changed;
    flags = flags_within(text, qwen_characters());
  }
  if (nfc_ && (*flags & qwen_flag::unstable)) {
    changed = tokenizers::nfc(text);
    text = changed;
  }
  if (after_nfc_.all().empty()) return append_words(text, ids);
  const auto add = [&](const AddedToken& token) { ids.push_back(token.id); };
  after_nfc_.split(
      text, [&](std::string_view part) { append_words(part, ids); }, add);
}

void QwenTokenizer::append_words(std::string_view text, std::vector<std::int32_t>& ids) const {
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    const char* const next = splitter_.word_end(at, end);
    pairs_.encode({at, static_cast<std::size_t>(next - at)}, static_cast<std::size_t>(end - at),
                  ids);
    at = next;
  }
}

std::string QwenTokenizer::decode(std::span<const std::int32_t> ids, bool skip_special) const {
  std::string bytes;
  for (const std::int32_t id : ids) {
    if (id < 0 || id >= size()) continue;
    if (skip_special && is_special_[static_cast<std::size_t>(id)]) continue;
    bytes += token_bytes_[static_cast<std::size_t>(id)];
  }
  return is_valid_utf8(bytes) ? bytes : valid_utf8(bytes);
}

std::string_view QwenTokenizer::bytes_of(std::int32_t id) const {
  if (id < 0 || id >= size()) return {};
  return token_bytes_[static_cast<std::size_t>(id)];
}

std::optional<std::int32_t> QwenTokenizer::added_id(std::string_view text) const {
  for (const AddedTokens* set : {&before_nfc_, &after_nfc_})
    for (const AddedToken& token : set->all())
      if (token.text == text) return token.id;
  return std::nullopt;
}

}  // namespace looktwice::tokenizers
