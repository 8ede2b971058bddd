#include "harness/core/codec.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "harness/core/error.h"
#include "harness/core/text.h"

namespace looktwice {
namespace {

using Json = nlohmann::ordered_json;
using Values = std::map<std::string, double>;

Json parsed_object(std::string_view text, const char* what) {
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object())
    throw Error(Kind::data, std::string(what) + ": not a JSON object: " + printable(text, 80));
  return json;
}

// A field of the right type, or one clear error.
template <class Type>
Type field(const Json& json, const char* name, const char* expected) {
  try {
    return json.at(name).get<Type>();
  } catch (const nlohmann::json::exception&) {
    throw Error(Kind::data, std::string("field '") + name + "': expected " + expected);
  }
}

template <class Type>
Type field_or(const Json& json, const char* name, Type otherwise, const char* expected) {
  return json.contains(name) ? field<Type>(json, name, expected) : otherwise;
}

template <class Type>
std::optional<Type> maybe(const Json& json, const char* name, const char* expected) {
  if (!json.contains(name) || json.at(name).is_null()) return {};
  return field<Type>(json, name, expected);
}

Status status_of(const Json& json) {
  const auto name = field<std::string>(json, "status", "answered, refused or failed");
  if (const auto status = status_named(name)) return *status;
  throw Error(Kind::data, "field 'status': expected answered, refused or failed");
}

std::string dumped(const Json& json) {
  return json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

// Eight hex digits a number: exact, and half the length of decimals.
std::string hex_of(const std::vector<float>& numbers) {
  constexpr const char* kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(8 * numbers.size());
  for (const float number : numbers) {
    const auto bits = std::bit_cast<std::uint32_t>(number);
    for (int shift = 28; shift >= 0; shift -= 4) text += kDigits[(bits >> shift) & 15];
  }
  return text;
}

std::vector<float> embedding_of(const std::string& hex) {
  std::vector<float> numbers;
  for (std::size_t at = 0; at < hex.size(); at += 8) {
    std::uint32_t bits = 0;
    const char *first = hex.data() + at, *last = hex.data() + std::min(hex.size(), at + 8);
    const auto [end, fault] = std::from_chars(first, last, bits, 16);
    numbers.push_back(std::bit_cast<float>(bits));
    if (fault != std::errc{} || end != first + 8 || !std::isfinite(numbers.back()))
      throw Error(Kind::data, "field 'embedding': expected finite numbers of 8 hex digits each");
  }
  return numbers;
}

Json valid_texts(const std::map<std::string, std::string>& texts) {
  Json json = Json::object();
  for (const auto& [name, text] : texts) json[valid_utf8(name)] = valid_utf8(text);
  return json;
}

}  // namespace

std::string json_of(const Prediction& p, std::string_view sample, const StoredMap& map) {
  Json json = {{"key", p.key}, {"sample", sample}, {"status", name_of(p.status)}};
  if (!p.text.empty()) json["text"] = valid_utf8(p.text);
  if (p.score) json["score"] = *p.score;
  if (!map.file.empty()) json["map"] = {{"file", map.file}, {"crc", map.crc}};
  if (!p.likelihoods.empty()) json["likelihoods"] = p.likelihoods;
  if (p.usage.input_tokens || p.usage.output_tokens)
    json["usage"] = {{"input_tokens", p.usage.input_tokens},
                     {"output_tokens", p.usage.output_tokens}};
  if (!p.embedding.empty()) json["embedding"] = hex_of(p.embedding);
  if (!p.facts.empty()) json["facts"] = valid_texts(p.facts);
  if (!p.error.empty()) json["error"] = valid_utf8(p.error);
  return dumped(json);
}

StoredPrediction prediction_of(std::string_view text) {
  const Json json = parsed_object(text, "prediction");
  StoredPrediction stored;
  Prediction& p = stored.prediction;
  p.key = field<std::string>(json, "key", "text");
  p.status = status_of(json);
  p.text = field_or<std::string>(json, "text", "", "text");
  p.score = maybe<double>(json, "score", "a number");
  p.likelihoods =
      field_or<std::map<std::string, double>>(json, "likelihoods", {}, "letters and numbers");
  p.error = field_or<std::string>(json, "error", "", "text");
  if (json.contains("usage")) {
    const Json& usage = json.at("usage");
    p.usage.input_tokens = field<std::int64_t>(usage, "input_tokens", "a whole number");
    p.usage.output_tokens = field<std::int64_t>(usage, "output_tokens", "a whole number");
  }
  if (json.contains("embedding"))
    p.embedding = embedding_of(field<std::string>(json, "embedding", "text"));
  p.facts = field_or<std::map<std::string, std::string>>(json, "facts", {}, "names and texts");
  stored.sample = field_or<std::string>(json, "sample", "", "text");
  if (json.contains("map")) {
    stored.map.file = field<std::string>(json.at("map"), "file", "text");
    stored.map.crc = field<std::uint32_t>(json.at("map"), "crc", "a CRC-32C");
  }
  return stored;
}

std::string json_of(const Outcome& o) {
  Json json = {{"task", o.task},
               {"sample", o.sample},
               {"category", o.category},
               {"status", name_of(o.status)}};
  if (!o.source.empty()) json["source"] = o.source;
  if (!o.error.empty()) json["error"] = valid_utf8(o.error);
  if (o.anomalous) json["anomalous"] = *o.anomalous;
  if (!o.defect.empty()) json["defect"] = o.defect;
  if (!o.image.empty()) json["image"] = o.image;
  if (o.region) json["region"] = {o.region->x, o.region->y, o.region->width, o.region->height};
  if (!o.map.empty()) json["map"] = o.map;
  if (!o.text.empty()) json["text"] = valid_utf8(o.text);
  for (const Answer& answer : o.answers)
    json["answers"].push_back({{"group", answer.group},
                               {"question", valid_utf8(answer.question)},
                               {"text", valid_utf8(answer.text)},
                               {"reference", valid_utf8(answer.reference)}});
  Json marks = Json::array();
  for (const Mark& mark : o.marks) {
    Json entry = {{"scorer", mark.scorer}};
    if (mark.score) entry["score"] = *mark.score;
    if (mark.decision) entry["decision"] = *mark.decision;
    if (!mark.values.empty()) entry["values"] = mark.values;
    for (const AnswerMark& answer : mark.answers) {
      Json one = Json::object();
      if (!answer.values.empty()) one["values"] = answer.values;
      if (!answer.unscored_because.empty()) one["unscored_because"] = answer.unscored_because;
      entry["answers"].push_back(std::move(one));
    }
    if (!mark.unscored_because.empty()) entry["unscored_because"] = mark.unscored_because;
    marks.push_back(std::move(entry));
  }
  json["marks"] = std::move(marks);
  return dumped(json);
}

Outcome outcome_of(std::string_view text) {
  const Json json = parsed_object(text, "outcome");
  Outcome o;
  o.task = field<std::string>(json, "task", "text");
  o.sample = field<std::string>(json, "sample", "text");
  o.category = field<std::string>(json, "category", "text");
  o.source = field_or<std::string>(json, "source", "", "text");
  o.status = status_of(json);
  o.error = field_or<std::string>(json, "error", "", "text");
  o.anomalous = maybe<bool>(json, "anomalous", "true or false");
  o.defect = field_or<std::string>(json, "defect", "", "text");
  o.image = field_or<std::string>(json, "image", "", "text");
  if (json.contains("region")) {
    const auto edges = field<std::vector<int>>(json, "region", "[x, y, width, height]");
    if (edges.size() != 4)
      throw Error(Kind::data, "field 'region': expected [x, y, width, height]");
    o.region = Region{edges[0], edges[1], edges[2], edges[3]};
  }
  o.map = field_or<std::string>(json, "map", "", "text");
  o.text = field_or<std::string>(json, "text", "", "text");
  for (const Json& answer : field_or<Json>(json, "answers", Json::array(), "a list"))
    o.answers.push_back({.group = field<std::string>(answer, "group", "text"),
                         .question = field<std::string>(answer, "question", "text"),
                         .text = field<std::string>(answer, "text", "text"),
                         .reference = field<std::string>(answer, "reference", "text")});
  for (const Json& entry : field<Json>(json, "marks", "a list")) {
    Mark mark;
    mark.scorer = field<std::string>(entry, "scorer", "text");
    mark.score = maybe<double>(entry, "score", "a number");
    mark.decision = maybe<bool>(entry, "decision", "true or false");
    mark.values = field_or<Values>(entry, "values", {}, "names and numbers");
    for (const Json& answer : field_or<Json>(entry, "answers", Json::array(), "a list"))
      mark.answers.push_back(
          {.values = field_or<Values>(answer, "values", {}, "names and numbers"),
           .unscored_because = field_or<std::string>(answer, "unscored_because", "", "text")});
    mark.unscored_because = field_or<std::string>(entry, "unscored_because", "", "text");
    o.marks.push_back(std::move(mark));
  }
  return o;
}

}  // namespace looktwice
