// A JSON text read strictly, each value with its place, so that a message can say where the fault
// is. Not here: writing JSON; the codecs of predictions and outcomes (codec.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace looktwice {

// Where something stands in a text: both count from 1, columns in bytes. line 0: unknown.
struct Place {
  std::int64_t line = 0, column = 0;
};

// "list.csv: line 3, column 7: why", the file made printable. Kind::data.
[[noreturn]] void refuse_at(const std::string& file, Place place, const std::string& why);

// Kind::data when the text looks like UTF-16 or UTF-32, with a hint how to convert it.
void refuse_utf16(std::string_view text, const std::string& file);

struct JsonValue {
  enum class Type { null, boolean, number, text, array, object };
  Type type = Type::null;
  // text: decoded, UTF-8. number: as written, finite. boolean: "true" or "false". Others: empty.
  std::string text = {};
  std::vector<JsonValue> items = {};                            // array
  std::vector<std::pair<std::string, JsonValue>> members = {};  // object, in the order of the file
  Place place = {};
  std::size_t begin = 0, end = 0;  // bytes of the whole text that this value takes

  // The member of that name; nullptr: none, or no object.
  const JsonValue* find(std::string_view name) const;
};

const char* name_of(JsonValue::Type type);  // "a text", "an object"

// What a name that stands twice in an object does: the text is refused, or both members are kept
// for the caller to see.
enum class NameTwice { refused, kept };

// RFC 8259 and nothing more: no comments, NaN or Infinity, no number beyond a double, no name twice
// in an object (unless kept), valid UTF-8. A UTF-8 byte order mark is allowed, UTF-16 and UTF-32
// are refused with a hint. Deeper than max_depth: refused. first_line: line number of the first
// byte, for records of JSON Lines. Throws Kind::data with `file` and the place.
JsonValue parsed_json(std::string_view text, const std::string& file, int max_depth = 64,
                      std::int64_t first_line = 1, NameTwice twice = NameTwice::refused);

}  // namespace looktwice
