#include "harness/core/json_value.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <nlohmann/json.hpp>

#include "harness/core/error.h"
#include "harness/core/name_table.h"
#include "harness/core/text.h"

namespace looktwice {
namespace {

using Type = JsonValue::Type;

// Walks the text and tells how far the lexer has come; its SAX interface gives no positions.
class Cursor {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  Cursor(const char* at, const char** reached) : at_(at), reached_(reached) {}
  reference operator*() const { return *at_; }
  Cursor& operator++() {
    *reached_ = ++at_;
    return *this;
  }
  Cursor operator++(int) {
    const Cursor before = *this;
    ++*this;
    return before;
  }
  bool operator==(const Cursor& other) const { return at_ == other.at_; }
  bool operator!=(const Cursor& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  const char** reached_;
};

class Builder {
 public:
  Builder(std::string_view text, const std::string& file, int max_depth, std::int64_t first_line,
          NameTwice twice)
      : text_(text), file_(file), max_depth_(max_depth), twice_(twice), line_(first_line) {
    reached_ = text.data();
  }

  JsonValue built() {
    const char* end = text_.data() + text_.size();
    nlohmann::json::sax_parse(Cursor(text_.data(), &reached_), Cursor(end, &reached_), this);
    return std::move(root_);
  }

  // The events of nlohmann's SAX interface.
  using number_integer_t = nlohmann::json::number_integer_t;
  using number_unsigned_t = nlohmann::json::number_unsigned_t;
  using number_float_t = nlohmann::json::number_float_t;
  using string_t = nlohmann::json::string_t;
  using binary_t = nlohmann::json::binary_t;
  bool null() { return scalar(Type::null, {}); }
  bool boolean(bool value) { return scalar(Type::boolean, value ? "true" : "false"); }
  bool number_integer(number_integer_t) { return number(); }
  bool number_unsigned(number_unsigned_t) { return number(); }
  bool number_float(number_float_t, const string_t&) { return number(); }
  bool string(string_t& value) { return scalar(Type::text, std::move(value)); }
  bool binary(binary_t&) { return false; }
  bool start_object(std::size_t) { return open(Type::object); }
  bool start_array(std::size_t) { return open(Type::array); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool key(string_t& name) {
    begin_token();
    if (twice_ == NameTwice::refused && stands_twice(name))
      refuse_at(file_, place_, "'" + printable(name) + "' stands twice in this object");
    key_ = std::move(name);
    end_token();
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception& error) {
    // The fault is at the last byte read; what the library says after its own position is kept.
    const auto at = static_cast<std::size_t>(reached_ - text_.data());
    advance_to(at > 0 ? at - 1 : 0);
    std::string why = error.what();
    const auto colon = why.find(": ");
    if (why.find("parse error") != std::string::npos && colon != std::string::npos)
      why = why.substr(colon + 2);
    else if (const auto bracket = why.find("] "); bracket != std::string::npos)
      why = why.substr(bracket + 2);
    const bool special = at > 0 && (text_[at - 1] == 'N' || text_[at - 1] == 'I');
    if (special && why.find("invalid") != std::string::npos)
      why += " (NaN and Infinity are no JSON)";
    refuse_at(file_, {line_, column()}, "no valid JSON: " + printable(why));
  }

 private:
  std::int64_t column() const { return static_cast<std::int64_t>(offset_ - line_start_) + 1; }

  void advance_to(std::size_t offset) {
    for (; offset_ < offset; ++offset_)
      if (text_[offset_] == '\n') {
        ++line_;
        line_start_ = offset_ + 1;
      }
  }

  // Moves from the end of the token before to the start of this one.
  void begin_token() {
    std::size_t start = offset_;
    while (start < text_.size() &&
           (text_[start] == ' ' || text_[start] == '\t' || text_[start] == '\n' ||
            text_[start] == '\r' || text_[start] == ',' || text_[start] == ':'))
      ++start;
    advance_to(start);
    place_ = {line_, column()};
  }
  void end_token() { advance_to(static_cast<std::size_t>(reached_ - text_.data())); }

  // Few names are looked through, of many a table is made.
  bool stands_twice(const std::string& name) {
    const auto& members = open_.back()->members;
    if (members.size() < kFewNames) return open_.back()->find(name) != nullptr;
    NameTable& table = names_.back();
    const auto name_at = [&](std::uint32_t place) -> std::string_view {
      return place < members.size() ? std::string_view(members[place].first) : name;
    };
    if (members.size() == kFewNames)
      for (std::uint32_t place = 0; place < kFewNames; ++place)
        table.add(members[place].first, place, name_at);
    return table.add(name, static_cast<std::uint32_t>(members.size()), name_at).has_value();
  }

  JsonValue& add(Type type, std::string text) {
    JsonValue* made = nullptr;
    if (open_.empty()) {
      made = &root_;
    } else if (open_.back()->type == Type::array) {
      if (open_.back()->items.empty()) open_.back()->items.reserve(2);  // many are pairs
      made = &open_.back()->items.emplace_back();
    } else {
      made = &open_.back()->members.emplace_back(std::move(key_), JsonValue{}).second;
    }
    made->type = type;
    made->text = std::move(text);
    made->place = place_;
    made->begin = offset_;
    return *made;
  }

  bool scalar(Type type, std::string text) {
    begin_token();
    JsonValue& made = add(type, std::move(text));
    end_token();
    made.end = offset_;
    return true;
  }

  // The lexer has read one byte past a number, so its end is found here.
  bool number() {
    begin_token();
    const std::size_t end =
        std::min(text_.find_first_not_of("+-.0123456789eE", offset_), text_.size());
    JsonValue& made = add(Type::number, std::string(text_.substr(offset_, end - offset_)));
    advance_to(end);
    made.end = offset_;
    return true;
  }

  bool open(Type type) {
    begin_token();
    if (static_cast<int>(open_.size()) >= max_depth_)
      refuse_at(file_, place_, "nested deeper than " + std::to_string(max_depth_) + " levels");
    open_.push_back(&add(type, {}));
    names_.emplace_back();
    end_token();
    return true;
  }

  bool close() {
    end_token();
    open_.back()->end = offset_;
    open_.pop_back();
    names_.pop_back();
    return true;
  }

  static constexpr std::uint32_t kFewNames = 8;

  std::string_view text_;
  const std::string& file_;
  int max_depth_ = 0;
  NameTwice twice_ = NameTwice::refused;
  const char* reached_ = nullptr;
  std::int64_t line_ = 1;
  std::size_t offset_ = 0, line_start_ = 0;
  Place place_ = {};
  std::string key_ = {};
  JsonValue root_ = {};
  std::vector<JsonValue*> open_ = {};  // only the innermost grows, so the pointers above it stay
  std::vector<NameTable> names_ = {};  // one for each of open_
};

}  // namespace

void refuse_at(const std::string& file, Place place, const std::string& why) {
  std::string message = printable(file) + ": ";
  if (place.line > 0)
    message +=
        "line " + std::to_string(place.line) + ", column " + std::to_string(place.column) + ": ";
  throw Error(Kind::data, message + why);
}

void refuse_utf16(std::string_view text, const std::string& file) {
  const bool marked = text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF");
  const bool zeros = text.size() >= 2 && (text[0] == '\0') != (text[1] == '\0');
  if (marked || zeros)
    refuse_at(file, {1, 1}, "is UTF-16 or UTF-32; save it as UTF-8 (iconv -f UTF-16 -t UTF-8)");
}

const JsonValue* JsonValue::find(std::string_view name) const {
  for (const auto& [key, value] : members)
    if (key == name) return &value;
  return nullptr;
}

const char* name_of(JsonValue::Type type) {
  switch (type) {
    case Type::null:
      return "null";
    case Type::boolean:
      return "a boolean";
    case Type::number:
      return "a number";
    case Type::text:
      return "a text";
    case Type::array:
      return "an array";
    case Type::object:
      return "an object";
  }
  return "a value";
}

JsonValue parsed_json(std::string_view text, const std::string& file, int max_depth,
                      std::int64_t first_line, NameTwice twice) {
  refuse_utf16(text, file);
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  return Builder(text, file, max_depth, first_line, twice).built();
}

}  // namespace looktwice
