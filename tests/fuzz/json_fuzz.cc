// Any bytes are JSON or a data error with a place; each value knows which bytes it takes.
#include <string>

#include "harness/core/error.h"
#include "harness/core/table.h"

using namespace looktwice;

namespace {

void check(const JsonValue& value, std::string_view text) {
  LOOKTWICE_CHECK(value.begin < value.end && value.end <= text.size() && value.place.line > 0);
  const char first = text[value.begin], last = text[value.end - 1];
  switch (value.type) {
    case JsonValue::Type::object:
      LOOKTWICE_CHECK(first == '{' && last == '}');
      break;
    case JsonValue::Type::array:
      LOOKTWICE_CHECK(first == '[' && last == ']');
      break;
    case JsonValue::Type::text:
      LOOKTWICE_CHECK(first == '"' && last == '"' && value.end - value.begin >= 2);
      break;
    case JsonValue::Type::number:
      LOOKTWICE_CHECK(value.text == text.substr(value.begin, value.end - value.begin));
      LOOKTWICE_CHECK(finite_number(value.text).has_value());
      break;
    case JsonValue::Type::boolean:
      LOOKTWICE_CHECK(value.text == text.substr(value.begin, value.end - value.begin));
      break;
    case JsonValue::Type::null:
      LOOKTWICE_CHECK(text.substr(value.begin, value.end - value.begin) == "null");
      break;
  }
  for (const JsonValue& item : value.items) check(item, text);
  for (const auto& [name, member] : value.members) check(member, text);
}

template <class Act>
void read(const Act& act) {
  try {
    act();
  } catch (const Error& error) {
    LOOKTWICE_CHECK(error.kind() == Kind::data);
    LOOKTWICE_CHECK(std::string(error.what()).starts_with("f.json: line "));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  read([&] {
    const JsonValue root = parsed_json(text, "f.json");
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    check(root, text);
  });
  read([&] { json_table(text, "f.json"); });
  read([&] { jsonl_table(text, "f.json"); });
  return 0;
}
