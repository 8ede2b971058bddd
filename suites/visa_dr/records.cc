#include "suites/visa_dr/records.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "harness/core/error.h"
#include "harness/core/text.h"

namespace looktwice::suites {
namespace {

using Type = JsonValue::Type;

constexpr std::array kReferenceNames = {"answers", "answer", "gt", "responses_gt"};

constexpr std::array<std::string_view, 7> kWordsOfNo = {"false", "0",    "no",  "normal",
                                                        "good",  "none", "null"};

// The second folder of a path, "candle" of "VisA/candle/Data/1.JPG".
std::string second_part(const std::string& path) {
  const std::size_t first = path.find('/', path.starts_with("./") ? 2 : 0);
  if (first == std::string::npos) return {};
  const std::size_t second = path.find('/', first + 1);
  return second == std::string::npos ? std::string() : path.substr(first + 1, second - first - 1);
}

// As Python's `if value:` has it, on which the published script relies: null, false, 0, "", [] and
// {} are false, everything else is true, so also "false" and "0".
bool is_truthy(const JsonValue& value) {
  switch (value.type) {
    case Type::null:
      return false;
    case Type::boolean:
      return value.text == "true";
    case Type::number:
      // Unlike std::stod, strtod takes numbers that are too small to be normal: 1e-400 is 0.
      return std::strtod(value.text.c_str(), nullptr) != 0;
    case Type::text:
      return !value.text.empty();
    case Type::array:
      return !value.items.empty();
    case Type::object:
      return !value.members.empty();
  }
  LOOKTWICE_CHECK(false);
}

// One record while it is being read.
class Reader {
 public:
  Reader(const JsonValue& value, std::size_t index, const std::string& file)
      : value_(value), file_(file) {
    record.index = index;
    record.place = value.place;
    if (value.type != Type::object) refuse("", "expected an object, not " + shown(value));
  }

  [[noreturn]] void refuse(const std::string& field, const std::string& why) const {
    refuse_record(file_, record, field, why);
  }

  void read_image() {
    record.image = text_in(need("image"), "image");
    if (const JsonValue* name = value_.find("class")) {
      record.category = text_in(*name, "class");
    } else {
      record.category = second_part(record.image);
      if (record.category.empty())
        refuse("image", "'" + printable(record.image, 80) +
                            "' names no class; expected VisA/<class>/... or a field 'class'");
    }
  }

  void read_anomaly() {
    const JsonValue& anomaly = need("anomaly");
    record.anomaly = is_truthy(anomaly);
    record.is_doubtful =
        anomaly.type == Type::text &&
        std::ranges::find(kWordsOfNo, lower_ascii(anomaly.text)) != std::end(kWordsOfNo);
  }

  // Where a list of questions says it, too.
  void read_anomaly_if_said() {
    if (value_.find("anomaly")) read_anomaly();
  }

  void read_dialogue() {
    if (const JsonValue* questions = value_.find("questions"))
      record.questions = texts_in(*questions, "questions");
    const char* name = nullptr;
    for (const char* candidate : kReferenceNames)
      if (!name && value_.find(candidate)) name = candidate;
    if (name) {
      const JsonValue& references = *value_.find(name);
      record.references = references.type == Type::text && record.questions.size() == 1
                              ? std::vector<std::string>{references.text}
                              : texts_in(references, name);
    } else if (const JsonValue* turns = value_.find("conversations")) {
      name = "conversations";
      read_conversations(*turns);
    }
    if (!name)
      refuse("",
             "no reference answers; expected answers, answer, gt, responses_gt or "
             "conversations, it has " +
                 names());
    if (record.questions.empty()) refuse("questions", "is missing or empty");
    if (record.references.size() != record.questions.size())
      refuse(name, "has " + std::to_string(record.references.size()) + " answers to " +
                       std::to_string(record.questions.size()) + " questions");
  }

  DrRecord record = {};

 private:
  static std::string shown(const JsonValue& value) {
    if (value.type == Type::text) return "the text '" + printable(value.text, 40) + "'";
    return name_of(value.type);
  }

  std::string names() const {
    std::string list;
    for (const auto& [name, member] : value_.members)
      list += (list.empty() ? "" : ", ") + printable(name, 40);
    return list.empty() ? "nothing" : list;
  }

  const JsonValue& need(const char* field) const {
    const JsonValue* found = value_.find(field);
    if (!found) refuse(field, "is missing; the record has " + names());
    return *found;
  }

  std::string text_in(const JsonValue& value, const std::string& field) const {
    if (value.type != Type::text) refuse(field, "expected a text, not " + shown(value));
    if (value.text.empty()) refuse(field, "is empty");
    return value.text;
  }

  std::vector<std::string> texts_in(const JsonValue& value, const std::string& field) const {
    if (value.type != Type::array) refuse(field, "expected a list of texts, not " + shown(value));
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < value.items.size(); ++i)
      texts.push_back(text_in(value.items[i], field + "[" + std::to_string(i) + "]"));
    return texts;
  }

  void read_conversations(const JsonValue& turns) {
    if (turns.type != Type::array || turns.items.size() % 2 != 0)
      refuse("conversations", "expected pairs of human and gpt");
    std::vector<std::string> questions;
    for (std::size_t i = 0; i < turns.items.size(); ++i) {
      const std::string place = "conversations[" + std::to_string(i) + "]";
      const JsonValue* from = turns.items[i].find("from");
      const JsonValue* said = turns.items[i].find("value");
      const char* expected = i % 2 == 0 ? "human" : "gpt";
      if (!from || from->text != expected || !said)
        refuse(place, std::string("expected \"from\": \"") + expected + "\" and a \"value\"");
      std::string text = text_in(*said, place + ".value");
      if (i % 2 == 0)
        questions.push_back(without_image(std::move(text)));
      else
        record.references.push_back(std::move(text));
    }
    if (record.questions.empty()) record.questions = std::move(questions);
  }

  // LLaVA marks the picture's place in the text: "<image>\nIs it broken?"
  static std::string without_image(std::string text) {
    constexpr std::string_view kMark = "<image>";
    if (const std::size_t at = text.find(kMark); at != std::string::npos)
      text.erase(at, kMark.size());
    const std::size_t first = text.find_first_not_of(" \n\r\t");
    const std::size_t last = text.find_last_not_of(" \n\r\t");
    return first == std::string::npos ? std::string() : text.substr(first, last - first + 1);
  }

  const JsonValue& value_;
  const std::string& file_;
};

template <class Read>
std::vector<DrRecord> records_in(std::string_view json, const std::string& file, const Read& read) {
  const JsonValue list = parsed_json(json, file);
  if (list.type != Type::array)
    throw Error(Kind::data, file + ": expected a list of records, not " + name_of(list.type));
  std::vector<DrRecord> records;
  for (std::size_t i = 0; i < list.items.size(); ++i) {
    Reader reader(list.items[i], i, file);
    reader.read_image();
    read(reader);
    records.push_back(std::move(reader.record));
  }
  return records;
}

}  // namespace

void refuse_record(const std::string& file, const DrRecord& record, const std::string& field,
                   const std::string& why) {
  throw Error(Kind::data, file + ": record " + std::to_string(record.index) + " (line " +
                              std::to_string(record.place.line) +
                              "): " + (field.empty() ? "" : "field '" + field + "': ") + why);
}

std::vector<DrRecord> detection_records(std::string_view json, const std::string& file) {
  return records_in(json, file, [](Reader& reader) { reader.read_anomaly(); });
}

std::vector<DrRecord> reasoning_records(std::string_view json, const std::string& file) {
  return records_in(json, file, [](Reader& reader) {
    reader.read_anomaly_if_said();
    reader.read_dialogue();
  });
}

}  // namespace looktwice::suites
