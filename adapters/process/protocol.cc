#include "adapters/process/protocol.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "harness/core/error.h"
#include "harness/core/json_value.h"
#include "harness/core/npy.h"
#include "harness/core/table.h"
#include "harness/core/text.h"

namespace looktwice::adapters {
namespace {

using Json = nlohmann::ordered_json;
using Type = JsonValue::Type;

constexpr std::size_t kShown = 200;  // bytes of a line in a message

std::string dumped(const Json& json) {
  return json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

[[noreturn]] void refuse(const std::string& why, std::string_view line) {
  throw ProtocolError(why + ": '" + printable(line, kShown) + "'");
}

// Python writes NaN and Infinity, which are not JSON. As texts they survive the parser and fail
// their own answer only.
std::string with_quoted_words(std::string_view line) {
  std::string out;
  bool inside = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const std::string_view rest = line.substr(i);
    std::string_view word;
    if (!inside)
      for (const std::string_view candidate : {"NaN", "-Infinity", "Infinity"})
        if (word.empty() && rest.starts_with(candidate)) word = candidate;
    if (!word.empty()) {
      out.append("\"").append(word).append("\"");
      i += word.size() - 1;
      continue;
    }
    if (line[i] == '"') inside = !inside;
    out += line[i];
    if (inside && line[i] == '\\' && i + 1 < line.size()) out += line[++i];
  }
  return out;
}

JsonValue object_in(std::string_view line, const char* expected) {
  // Not a line of ours at all: somebody printed something.
  if (!line.starts_with('{'))
    refuse(std::string("expected ") + expected + ", and all other printing on standard error",
           line);
  const bool words =
      line.find("NaN") != std::string_view::npos || line.find("Infinity") != std::string_view::npos;
  try {
    return parsed_json(words ? with_quoted_words(line) : std::string(line), expected, 8);
  } catch (const Error& error) {
    refuse(error.what(), line);
  }
}

std::optional<double> number(const JsonValue& value) {
  return value.type == Type::number ? finite_number(value.text) : std::nullopt;
}

std::optional<std::int64_t> whole_number(const JsonValue* value, std::int64_t least,
                                         std::int64_t most) {
  std::int64_t found = 0;
  if (!value || value->type != Type::number) return {};
  const char* last = value->text.data() + value->text.size();
  const auto [end, fault] = std::from_chars(value->text.data(), last, found);
  if (fault != std::errc{} || end != last || found < least || found > most) return {};
  return found;
}

// A value as a message shows it.
std::string shown(const JsonValue& value) {
  if (value.type == Type::array || value.type == Type::object) return name_of(value.type);
  return "'" + printable(value.text, 60) + "'";
}

// [[0.1, 0.2], [0.3, 0.4]]: rows from the top. Empty when it is one, else what is wrong.
std::string read_map(const JsonValue& value, AnomalyMap& map) {
  NumberArray array;
  const std::size_t width = value.items.empty() ? 0 : value.items[0].items.size();
  for (const JsonValue& row : value.items) {
    if (row.type != Type::array || row.items.size() != width)
      return "map: expected rows of equal length";
    for (const JsonValue& cell : row.items) {
      const auto found = number(cell);
      const float narrow = static_cast<float>(found.value_or(0));
      if (!found || !std::isfinite(narrow))
        return "map: holds " + shown(cell) + ", expected finite numbers";
      array.values.push_back(narrow);
    }
  }
  array.shape = {value.items.size(), width};
  try {
    map = anomaly_map(std::move(array));
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::string read_usage(const JsonValue& value, Usage& usage) {
  constexpr std::int64_t kMost = std::int64_t{1} << 53;
  const auto input = whole_number(value.find("input_tokens"), 0, kMost);
  const auto output = whole_number(value.find("output_tokens"), 0, kMost);
  if (!input || !output) return "usage: expected input_tokens and output_tokens";
  usage = {*input, *output};
  return "";
}

std::string read_spans(const JsonValue& value, std::vector<Span>& spans) {
  constexpr std::size_t kMost = 64;
  constexpr std::int64_t kLongest = std::int64_t{1} << 62;
  if (value.type != Type::array || value.items.size() > kMost)
    return "spans: expected a list of at most 64";
  for (const JsonValue& item : value.items) {
    const JsonValue* name = item.find("name");
    const auto start = whole_number(item.find("start_ns"), 0, kLongest);
    const auto duration = whole_number(item.find("duration_ns"), 0, kLongest);
    if (!name || name->type != Type::text || !start || !duration)
      return "spans: expected name, start_ns and duration_ns";
    spans.push_back({name->text, *start, *duration});
  }
  return "";
}

std::string read_embedding(const JsonValue& value, std::vector<float>& embedding) {
  constexpr std::size_t kMost = 1 << 16;
  if (value.type != Type::array || value.items.empty() || value.items.size() > kMost)
    return "embedding: expected a list of numbers";
  for (const JsonValue& item : value.items) {
    const auto narrow = static_cast<float>(number(item).value_or(HUGE_VAL));
    if (!std::isfinite(narrow)) return "embedding: holds " + shown(item) + ", expected numbers";
    embedding.push_back(narrow);
  }
  return "";
}

std::string read_facts(const JsonValue& value, std::map<std::string, std::string>& facts) {
  constexpr std::size_t kMost = 16;
  if (value.type != Type::object || value.members.size() > kMost)
    return "facts: expected an object of at most 16 texts";
  for (const auto& [name, fact] : value.members) {
    if (fact.type != Type::text) return "facts: '" + printable(name, 60) + "' is no text";
    facts[printable(name, 60)] = printable(fact.text, 200);
  }
  return "";
}

// One member of an answer into the reply; what is wrong with it, or nothing.
std::string read_member(const std::string& name, const JsonValue& value, Reply& reply) {
  Prediction& p = reply.prediction;
  if (value.type == Type::null) return "";  // None: as if it were not there
  if (name == "score") {
    p.score = number(value);
    return p.score ? "" : "score is " + shown(value) + ", expected a finite number";
  }
  if (name == "text" || name == "error") {
    if (value.type != Type::text) return name + " is " + shown(value) + ", expected a text";
    (name == "text" ? p.text : p.error) = value.text;
    return "";
  }
  if (name == "status") {
    const auto status = status_named(value.text);
    if (value.type != Type::text || !status)
      return "status is " + shown(value) + ", expected answered, refused or failed";
    p.status = *status;
    return "";
  }
  if (name == "map") {
    if (value.type == Type::array) return read_map(value, p.map.emplace());
    if (value.type != Type::text || value.text.empty())
      return "map: expected the name of a file, or rows of numbers";
    reply.map_file = value.text;
    return "";
  }
  if (name == "embedding") return read_embedding(value, p.embedding);
  if (name == "facts") return read_facts(value, p.facts);
  if (name == "usage") return read_usage(value, p.usage);
  if (name == "spans") return read_spans(value, p.spans);
  return "";  // a later version may say more
}

Json json_of(const std::vector<QuestionPart>& parts) {
  Json list = Json::array();
  for (const QuestionPart& part : parts) switch (part.kind) {
      case QuestionPart::Kind::text:
        list.push_back({{"type", "text"}, {"text", part.text}});
        break;
      case QuestionPart::Kind::reference:
        list.push_back({{"type", "reference"}, {"number", part.reference}});
        break;
      case QuestionPart::Kind::image:
        list.push_back({{"type", "image"}});
        break;
    }
  return list;
}

std::vector<std::string> texts(const JsonValue& value, const char* name, std::string_view line) {
  std::vector<std::string> list;
  for (const JsonValue& item : value.items) {
    if (item.type != Type::text) break;
    list.push_back(item.text);
  }
  if (value.type != Type::array || list.size() != value.items.size())
    refuse(std::string("the handshake's '") + name + "' is no list of texts", line);
  return list;
}

}  // namespace

std::string greeting(const Setting& setting, const std::string& folder) {
  return dumped({{"looktwice", kProtocolVersion},
                 {"folder", folder},
                 {"seed", setting.seed},
                 {"device", setting.device},
                 {"threads", setting.threads}});
}

Hello hello_of(std::string_view line) {
  const JsonValue object =
      object_in(line, "the handshake {\"looktwice\":1,\"name\":...} as first line");
  const auto version = whole_number(object.find("looktwice"), 0, 1 << 30);
  if (!version) refuse("the first line is no handshake {\"looktwice\":1,\"name\":...}", line);
  if (*version != kProtocolVersion)
    refuse("the program speaks version " + std::to_string(*version) +
               " of the protocol, this is version " + std::to_string(kProtocolVersion),
           line);
  Hello hello;
  const auto text = [&](const char* name, std::string& to) {
    const JsonValue* value = object.find(name);
    if (!value || value->type == Type::null) return false;
    if (value->type != Type::text)
      refuse(std::string("the handshake's '") + name + "' is no text", line);
    to = value->text;
    return true;
  };
  if (!text("name", hello.name) || hello.name.empty()) refuse("the handshake lacks a name", line);
  text("version", hello.version);
  if (const JsonValue* window = object.find("window")) {
    constexpr int kMost = 4096;
    const auto count = whole_number(window, 1, kMost);
    if (!count) refuse("the handshake's 'window' is no whole number from 1 to 4096", line);
    hello.window = static_cast<int>(*count);
  }
  if (const JsonValue* accepts = object.find("accepts")) {
    for (const std::string& format : texts(*accepts, "accepts", line))
      hello.accepts.push_back((format.starts_with('.') ? "" : ".") + lower_ascii(format));
    if (hello.accepts.empty() || std::ranges::find(hello.accepts, ".png") == hello.accepts.end())
      refuse(
          "the handshake's 'accepts' must name \"png\", into which all other pictures are turned",
          line);
  }
  if (const JsonValue* facts = object.find("facts"))
    for (const auto& [name, value] : facts->members) {
      constexpr std::size_t kMost = 64;
      if (value.type != Type::text && value.type != Type::number && value.type != Type::boolean)
        refuse("the handshake's 'facts' hold more than texts and numbers", line);
      if (hello.facts.size() < kMost) hello.facts[printable(name, 60)] = printable(value.text, 200);
    }
  return hello;
}

std::string request_line(const Request& request, const RequestFiles& files) {
  const Question& question = request.question;
  Json json = {{"id", request.key}, {"category", request.category}};
  if (!files.image.empty()) json["image"] = files.image;
  if (!files.references.empty()) json["references"] = files.references;
  if (!question.system.empty()) json["system"] = question.system;
  json["question"] = question.text;
  if (!question.parts.empty()) json["parts"] = json_of(question.parts);
  for (const Option& option : question.options)
    json["options"].push_back({{"letter", option.letter}, {"text", option.text}});
  for (const Turn& turn : request.dialogue) {
    Json said = {{"question", turn.question}, {"answer", turn.answer}};
    if (!turn.parts.empty()) said["parts"] = json_of(turn.parts);
    json["dialogue"].push_back(std::move(said));
  }
  Json wanted = Json::array();
  if (question.wanted.score) wanted.push_back("score");
  if (question.wanted.map) wanted.push_back("map");
  if (question.wanted.text) wanted.push_back("text");
  if (question.wanted.embedding) wanted.push_back("embedding");
  json["wanted"] = std::move(wanted);
  if (question.wanted.text) {
    const Decoding& decoding = question.decoding;
    json["decoding"] = {{"max_new_tokens", decoding.max_new_tokens},
                        {"temperature", decoding.temperature},
                        {"top_p", decoding.top_p},
                        {"seed", decoding.seed},
                        {"stop", decoding.stop}};
  }
  return dumped(json);
}

Reply reply_of(std::string_view line) {
  const JsonValue object = object_in(line, "an answer {\"id\":...}");
  Reply reply;
  if (object.find("heartbeat")) {
    reply.heartbeat = true;
    return reply;
  }
  const JsonValue* id = object.find("id");
  if (!id || id->type != Type::text || id->text.empty())
    refuse("an answer without the id of its request", line);
  Prediction& p = reply.prediction;
  p.key = id->text;
  bool said_anything = false;
  for (const auto& [name, value] : object.members) {
    const std::string flaw = read_member(name, value, reply);
    if (reply.flaw.empty()) reply.flaw = flaw;
    said_anything = said_anything ||
                    (value.type != Type::null &&
                     (name == "score" || name == "map" || name == "text" || name == "embedding"));
  }
  if (p.status == Status::answered && reply.flaw.empty() && !said_anything)
    reply.flaw = "no score, map, text or embedding in the answer";
  if (!reply.flaw.empty()) reply.flaw += ": '" + printable(line, kShown) + "'";
  return reply;
}

}  // namespace looktwice::adapters
