#include "adapters/tokenizers/tokenizer_files.h"

#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/tokenizers/text_of_file.h"
#include "adapters/tokenizers/utf8.h"
#include "harness/core/error.h"
#include "harness/core/json_value.h"
#include "harness/core/name_table.h"
#include "harness/core/path.h"
#include "harness/core/text.h"

namespace looktwice::tokenizers {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kWords =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| "
    "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"
    "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
constexpr std::int32_t kLargestId =
    2'000'000;  // tables are indexed by id; no vocabulary is so large

// GPT-2's spelling of bytes as printable characters, the other way round: [code point] -> byte, -1.
std::vector<int> byte_of_character() {
  std::vector<int> bytes(0x144, -1);
  int next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    const bool itself =
        (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    bytes[static_cast<std::size_t>(itself ? byte : next++)] = byte;
  }
  return bytes;
}

// The bytes that "Ġthe" stands for; empty where a character stands for none.
std::optional<std::string> spelled(std::string_view text) {
  static const std::vector<int> byte_of = byte_of_character();
  std::string bytes;
  const char* at = text.data();
  while (at < text.data() + text.size()) {
    const char32_t code = next_code_point(at);
    if (code >= byte_of.size() || byte_of[code] < 0) return std::nullopt;
    bytes += static_cast<char>(byte_of[code]);
  }
  return bytes;
}

// One file while it is read: says where a fault is.
class Reader {
  using Members = std::vector<std::pair<std::string, JsonValue>>;
  struct TextAt {
    const Members* members;
    std::string_view operator()(std::uint32_t place) const { return (*members)[place].first; }
  };

 public:
  Reader(const fs::path& path, TokenizerFiles& into)
      : name_(path.string()), text_(text_of_file(path)), into_(into) {}

  JsonValue json() const {
    JsonValue value = parsed_json(text_, name_);
    if (value.type != JsonValue::Type::object) refuse_at(name_, value.place, "expected an object");
    return value;
  }
  std::string_view text() const { return text_; }
  const std::string& name() const { return name_; }

  [[noreturn]] void refuse(const JsonValue& at, const std::string& why) const {
    refuse_at(name_, at.place, why);
  }

  const JsonValue& member(const JsonValue& object, std::string_view name,
                          JsonValue::Type type) const {
    const JsonValue* found = object.find(name);
    if (!found) refuse(object, "'" + std::string(name) + "' is missing");
    if (found->type != type)
      refuse(*found, "'" + std::string(name) + "' must be " + name_of(type) + ", not " +
                         name_of(found->type));
    return *found;
  }

  bool flag(const JsonValue& object, std::string_view name, bool otherwise) const {
    const JsonValue* found = object.find(name);
    if (!found || found->type == JsonValue::Type::null) return otherwise;
    if (found->type != JsonValue::Type::boolean)
      refuse(*found, "'" + std::string(name) + "' must be true or false");
    return found->text == "true";
  }

  std::int32_t id(const JsonValue& value) const {
    if (value.type != JsonValue::Type::number) refuse(value, "expected an id, a whole number");
    return id(value, value.text);
  }
  std::int32_t id(const JsonValue& at, std::string_view digits) const {
    std::int32_t made = -1;
    const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), made);
    if (fault != std::errc() || end != digits.data() + digits.size() || made < 0 ||
        made > kLargestId)
      refuse(at,
             "id " + printable(digits, 40) + " is not between 0 and " + std::to_string(kLargestId));
    return made;
  }

  // "vocab": text -> id. Merges are looked up by the texts in it, so it must outlive them.
  void read_vocabulary(const JsonValue& vocabulary) {
    into_.byte_ids.assign(256, -1);
    vocabulary_ = &vocabulary.members;
    places_ = NameTable(vocabulary.members.size());
    into_.token_bytes.reserve(vocabulary.members.size());
    for (std::uint32_t place = 0; place < vocabulary.members.size(); ++place) {
      const auto& [text, value] = vocabulary.members[place];
      const std::int32_t of = id(value);
      auto& tokens = into_.token_bytes;
      if (tokens.size() <= static_cast<std::size_t>(of))
        tokens.resize(static_cast<std::size_t>(of) + 1);
      std::string& token = tokens[static_cast<std::size_t>(of)];
      if (!token.empty()) refuse(value, "id " + std::to_string(of) + " belongs to two tokens");
      const std::optional<std::string> bytes = spelled(text);
      // Hugging Face keeps such a token too; no text can give it, since every text is spelled in
      // bytes.
      token = bytes ? *bytes : text;
      if (token.empty()) refuse(value, "a token without characters");
      if (!bytes) continue;
      places_.add(text, place, TextAt{vocabulary_});
      if (token.size() == 1) into_.byte_ids[static_cast<unsigned char>(token[0])] = of;
    }
    for (std::size_t byte = 0; byte < 256; ++byte)
      if (into_.byte_ids[byte] < 0)
        refuse(vocabulary,
               "no token for byte " + std::to_string(byte) + ", but each byte needs one");
  }

  // place: as refuse_at wants it.
  void read_merge(Place place, std::string_view left, std::string_view right) {
    const auto place_of = [&](std::string_view text) {
      if (const auto found = places_.find(text, TextAt{vocabulary_})) return *found;
      for (const std::string_view part : {left, right})
        if (part.empty() || !spelled(part))
          refuse_at(name_, place, "merge of '" + printable(part, 60) + "', which spells no bytes");
      refuse_at(name_, place,
                "merge '" + printable(left, 60) + "' + '" + printable(right, 60) + "': '" +
                    printable(text, 60) + "' is not in the vocabulary");
    };
    joined_.assign(left).append(right);
    const std::uint32_t left_place = place_of(left), right_place = place_of(right);
    if (!is_next(joined_)) next_ = place_of(joined_);
    into_.merges.push_back({id_at(left_place), id_at(right_place), id_at(next_)});
    ++next_;
  }

  void read_merge_list(const JsonValue& merges) {
    into_.merges.reserve(merges.items.size());
    for (const JsonValue& merge : merges.items) {
      if (merge.type == JsonValue::Type::array) {
        if (merge.items.size() != 2 || merge.items[0].type != JsonValue::Type::text ||
            merge.items[1].type != JsonValue::Type::text)
          refuse(merge, "expected a merge: two texts");
        read_merge(merge.place, merge.items[0].text, merge.items[1].text);
      } else if (merge.type == JsonValue::Type::text) {
        read_merge_line(merge.place, merge.text);
      } else {
        refuse(merge, "expected a merge: \"left right\" or [\"left\", \"right\"]");
      }
    }
  }

  void read_merge_line(Place place, std::string_view line) {
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos || line.find(' ', space + 1) != std::string_view::npos)
      refuse_at(
          name_, place,
          "expected a merge: two tokens with one space between, not '" + printable(line, 60) + "'");
    read_merge(place, line.substr(0, space), line.substr(space + 1));
  }

  // One added token; a later file may repeat it, and then says the rest of it.
  void add_token(const JsonValue& at, AddedToken token) {
    if (token.text.empty()) refuse(at, "an added token without characters");
    for (AddedToken& known : into_.added) {
      if (known.id != token.id && known.text != token.text) continue;
      if (known.id != token.id || known.text != token.text)
        refuse(at, "added token '" + printable(token.text, 60) + "' with id " +
                       std::to_string(token.id) + " against '" + printable(known.text, 60) +
                       "' with id " + std::to_string(known.id));
      known = std::move(token);
      return;
    }
    into_.added.push_back(std::move(token));
  }

  // {"content": ..., "special": ..., "normalized": ..., ...} as in tokenizer.json and
  // tokenizer_config.json.
  void read_added(const JsonValue& entry, std::int32_t of) {
    for (const char* name : {"lstrip", "rstrip", "single_word"})
      if (flag(entry, name, false))
        refuse(entry, std::string("an added token with '") + name + "' is not supported");
    const bool special = flag(entry, "special", false);
    add_token(entry, {.text = member(entry, "content", JsonValue::Type::text).text,
                      .id = of,
                      .special = special,
                      .normalized = flag(entry, "normalized", !special)});
  }

  void share_ids(const Reader& other) {
    vocabulary_ = other.vocabulary_;
    places_ = other.places_;
  }

 private:
  // Most vocabularies list what the merges make in the merges' order.
  bool is_next(std::string_view text) const {
    return next_ < vocabulary_->size() && (*vocabulary_)[next_].first == text;
  }
  std::int32_t id_at(std::uint32_t place) const { return id((*vocabulary_)[place].second); }

  std::string name_, text_;
  TokenizerFiles& into_;
  const Members* vocabulary_ = nullptr;
  NameTable places_ = {};   // in the vocabulary, of tokens that spell bytes
  std::uint32_t next_ = 0;  // behind what the last merge made
  std::string joined_ = {};
};

// {"type": "..."}; empty where the member is null or missing.
std::string type_of(const Reader& file, const JsonValue& object, std::string_view name) {
  const JsonValue* found = object.find(name);
  if (!found || found->type == JsonValue::Type::null) return {};
  if (found->type != JsonValue::Type::object)
    file.refuse(*found, "'" + std::string(name) + "' must be an object");
  return file.member(*found, "type", JsonValue::Type::text).text;
}

void check_byte_level(const Reader& file, const JsonValue& step) {
  if (file.member(step, "type", JsonValue::Type::text).text != "ByteLevel")
    file.refuse(step, "expected a pre-tokenizer of type ByteLevel after the Split");
  if (file.flag(step, "add_prefix_space", true))
    file.refuse(step, "'add_prefix_space' must be false");
  if (file.flag(step, "use_regex", true)) file.refuse(step, "'use_regex' must be false");
}

void check_words(const Reader& file, const JsonValue& root) {
  if (type_of(file, root, "pre_tokenizer") != "Sequence")
    file.refuse(root, "'pre_tokenizer' must be a Sequence of Split and ByteLevel, as Qwen2 has it");
  const JsonValue& steps =
      file.member(*root.find("pre_tokenizer"), "pretokenizers", JsonValue::Type::array);
  if (steps.items.size() != 2)
    file.refuse(steps, "expected two pre-tokenizers, Split and ByteLevel");
  const JsonValue& split = steps.items[0];
  const JsonValue* pattern = split.find("pattern");
  const JsonValue* regex = pattern ? pattern->find("Regex") : nullptr;
  if (!regex || regex->text != kWords)
    file.refuse(split,
                "expected a Split by the regular expression of Qwen2: " + std::string(kWords));
  const JsonValue* behavior = split.find("behavior");
  if (!behavior || behavior->text != "Isolated" || file.flag(split, "invert", false))
    file.refuse(split, "expected 'behavior' Isolated, not inverted");
  check_byte_level(file, steps.items[1]);
}

void check_model(const Reader& file, const JsonValue& model) {
  const JsonValue* type = model.find("type");
  if (type && type->text != "BPE")
    file.refuse(*type, "model of type '" + printable(type->text, 40) + "', expected BPE");
  for (const char* name : {"dropout", "unk_token"})
    if (const JsonValue* found = model.find(name); found && found->type != JsonValue::Type::null)
      file.refuse(*found, std::string("'") + name + "' must be null");
  for (const char* name : {"continuing_subword_prefix", "end_of_word_suffix"})
    if (const JsonValue* found = model.find(name); found && !found->text.empty())
      file.refuse(*found, std::string("'") + name + "' must be empty");
  if (file.flag(model, "byte_fallback", false)) file.refuse(model, "'byte_fallback' must be false");
}

void read_tokenizer_json(const fs::path& path, TokenizerFiles& into) {
  Reader file(path, into);
  const JsonValue root = file.json();
  const std::string form = type_of(file, root, "normalizer");
  if (!form.empty() && form != "NFC")
    file.refuse(*root.find("normalizer"), "normalizer '" + printable(form, 40) + "', expected NFC");
  into.nfc = form == "NFC";
  check_words(file, root);
  const JsonValue& model = file.member(root, "model", JsonValue::Type::object);
  check_model(file, model);
  into.whole_words = file.flag(model, "ignore_merges", false);
  file.read_vocabulary(file.member(model, "vocab", JsonValue::Type::object));
  file.read_merge_list(file.member(model, "merges", JsonValue::Type::array));
  if (const JsonValue* added = root.find("added_tokens");
      added && added->type != JsonValue::Type::null) {
    if (added->type != JsonValue::Type::array)
      file.refuse(*added, "'added_tokens' must be an array");
    for (const JsonValue& entry : added->items) {
      if (entry.type != JsonValue::Type::object)
        file.refuse(entry, "an added token must be an object");
      file.read_added(entry, file.id(file.member(entry, "id", JsonValue::Type::number)));
    }
  }
}

void read_added_json(const fs::path& path, TokenizerFiles& into) {
  Reader file(path, into);
  const JsonValue root = file.json();
  for (const auto& [text, value] : root.members)
    file.add_token(value, {.text = text, .id = file.id(value)});
}

void read_config(const fs::path& path, TokenizerFiles& into) {
  Reader file(path, into);
  const JsonValue root = file.json();
  const JsonValue* added = root.find("added_tokens_decoder");
  if (!added || added->type == JsonValue::Type::null) return;
  if (added->type != JsonValue::Type::object)
    file.refuse(*added, "'added_tokens_decoder' must be an object");
  for (const auto& [digits, entry] : added->members) {
    if (entry.type != JsonValue::Type::object)
      file.refuse(entry, "an added token must be an object");
    file.read_added(entry, file.id(entry, digits));
  }
}

void read_vocab_and_merges(const fs::path& folder, TokenizerFiles& into) {
  Reader vocabulary(folder / "vocab.json", into);
  const JsonValue tokens = vocabulary.json();
  vocabulary.read_vocabulary(tokens);
  Reader merges(folder / "merges.txt", into);
  merges.share_ids(vocabulary);
  if (!is_valid_utf8(merges.text())) refuse_at(merges.name(), {}, "expected UTF-8");
  Place place;
  for (std::string_view text = merges.text(); !text.empty();) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    place = {place.line + 1, 1};
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.starts_with("#version")) continue;
    merges.read_merge_line(place, line);
  }
  if (is_there(folder / "added_tokens.json")) read_added_json(folder / "added_tokens.json", into);
  if (is_there(folder / "tokenizer_config.json"))
    read_config(folder / "tokenizer_config.json", into);
}

void check_added(const fs::path& folder, const TokenizerFiles& files) {
  for (const AddedToken& token : files.added) {
    const auto id = static_cast<std::size_t>(token.id);
    if (id < files.token_bytes.size() && !files.token_bytes[id].empty() &&
        files.token_bytes[id] != token.text)
      throw Error(Kind::model, printable(folder.string()) + ": added token '" +
                                   printable(token.text, 60) + "' has id " + std::to_string(id) +
                                   ", which belongs to another token");
  }
}

}  // namespace

TokenizerFiles tokenizer_files(const fs::path& folder) {
  TokenizerFiles files;
  try {
    if (is_there(folder / "tokenizer.json"))
      read_tokenizer_json(folder / "tokenizer.json", files);
    else if (is_there(folder / "vocab.json"))
      read_vocab_and_merges(folder, files);
    else
      throw Error(Kind::model, printable(folder.string()) +
                                   ": expected tokenizer.json, or vocab.json and merges.txt");
    check_added(folder, files);
  } catch (const Error& error) {  // a checkpoint's file, not a data set's
    throw Error(Kind::model, error.what());
  }
  return files;
}

}  // namespace looktwice::tokenizers
