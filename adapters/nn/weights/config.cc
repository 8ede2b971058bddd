#include "adapters/nn/weights/config.h"

#include <charconv>
#include <cmath>

#include "harness/core/error.h"
#include "harness/core/image.h"
#include "harness/core/text.h"

namespace looktwice::weights {
namespace {

constexpr std::uintmax_t kMostBytes = std::uintmax_t{16} << 20;
constexpr std::size_t kShown = 60;  // characters of a wrong value in a message

std::string shown(const JsonValue& value) {
  switch (value.type) {
    case JsonValue::Type::null:
      return "null";
    case JsonValue::Type::array:
    case JsonValue::Type::object:
      return name_of(value.type);
    case JsonValue::Type::text:
      return "'" + printable(value.text.substr(0, kShown)) + "'";
    default:
      return value.text.substr(0, kShown);
  }
}

std::string range(std::int64_t least, std::int64_t most) {
  return "a whole number from " + std::to_string(least) + " to " + std::to_string(most);
}

}  // namespace

Config Config::of_file(const std::filesystem::path& file) {
  Config config;
  config.file_ = file;
  try {
    const std::vector<std::byte> bytes = file_bytes(file, kMostBytes);
    config.whole_ = std::make_shared<const JsonValue>(parsed_json(
        {reinterpret_cast<const char*>(bytes.data()), bytes.size()}, printable(file.string())));
  } catch (const Error& error) {
    throw Error(Kind::model, error.what());
  }
  if (config.whole_->type != JsonValue::Type::object)
    throw Error(Kind::model, printable(file.string()) + ": expected a JSON object");
  return config;
}

const JsonValue* Config::find(const std::string& name) const {
  const JsonValue* at = whole_.get();
  for (std::size_t begin = 0; at && begin <= name.size();) {
    const std::size_t end = std::min(name.find('.', begin), name.size());
    at = at->find(std::string_view(name).substr(begin, end - begin));
    begin = end + 1;
  }
  return at && at->type != JsonValue::Type::null ? at : nullptr;
}

void Config::refuse(const std::string& name, const std::string& expected) const {
  const JsonValue* value = find(name);
  throw Error(Kind::model, printable(file_.string()) + ": field '" + name + "' is " +
                               (value ? shown(*value) : "missing") + ", expected " + expected);
}

const JsonValue& Config::needed(const std::string& name, JsonValue::Type type,
                                const std::string& expected) const {
  const JsonValue* value = find(name);
  if (!value || value->type != type) refuse(name, expected);
  return *value;
}

std::int64_t Config::integer_of(const JsonValue& value, const std::string& name, std::int64_t least,
                                std::int64_t most) const {
  // 30522, and 30522.0 as some writers have it.
  double number = NAN;
  if (value.type == JsonValue::Type::number)
    std::from_chars(value.text.data(), value.text.data() + value.text.size(), number);
  if (!(number >= static_cast<double>(least) && number <= static_cast<double>(most)) ||
      number != std::floor(number))
    refuse(name, range(least, most));
  return static_cast<std::int64_t>(number);
}

std::int64_t Config::integer(const std::string& name, std::int64_t least, std::int64_t most) const {
  return integer_of(needed(name, JsonValue::Type::number, range(least, most)), name, least, most);
}

double Config::number(const std::string& name) const {
  const JsonValue& value = needed(name, JsonValue::Type::number, "a number");
  double number = 0;
  std::from_chars(value.text.data(), value.text.data() + value.text.size(), number);
  return number;
}

bool Config::boolean(const std::string& name) const {
  return needed(name, JsonValue::Type::boolean, "true or false").text == "true";
}

std::string Config::text(const std::string& name) const {
  return needed(name, JsonValue::Type::text, "a text").text;
}

std::vector<std::int64_t> Config::integers(const std::string& name, std::int64_t least,
                                           std::int64_t most) const {
  std::vector<std::int64_t> all;
  for (const JsonValue& item :
       needed(name, JsonValue::Type::array, "a list of whole numbers").items)
    all.push_back(integer_of(item, name, least, most));
  return all;
}

std::int64_t Config::integer(const std::string& name, std::int64_t least, std::int64_t most,
                             std::int64_t otherwise) const {
  return has(name) ? integer(name, least, most) : otherwise;
}

double Config::number(const std::string& name, double otherwise) const {
  return has(name) ? number(name) : otherwise;
}

bool Config::boolean(const std::string& name, bool otherwise) const {
  return has(name) ? boolean(name) : otherwise;
}

std::string Config::text(const std::string& name, const std::string& otherwise) const {
  return has(name) ? text(name) : otherwise;
}

}  // namespace looktwice::weights
