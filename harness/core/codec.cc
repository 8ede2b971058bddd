#include "harness/core/codec.h"

#include <nlohmann/json.hpp>

#include "harness/core/error.h"
#include "harness/core/text.h"

namespace looktwice {
namespace {

using Json = nlohmann::ordered_json;

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

}  // namespace

std::string json_of(const Prediction& p, std::string_view sample, const StoredMap& map) {
  Json json = {{"key", p.key}, {"sample", sample}, {"status", name_of(p.status)}};
  if (!p.text.empty()) json["text"] = valid_utf8(p.text);
  if (p.score) json["score"] = *p.score;
  if (!map.file.empty()) json["map"] = {{"file", map.file}, {"crc", map.crc}};
  if (p.usage.input_tokens || p.usage.output_tokens)
    json["usage"] = {{"input_tokens", p.usage.input_tokens},
                     {"output_tokens", p.usage.output_tokens}};
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
  p.error = field_or<std::string>(json, "error", "", "text");
  if (json.contains("usage")) {
    const Json& usage = json.at("usage");
    p.usage.input_tokens = field<std::int64_t>(usage, "input_tokens", "a whole number");
    p.usage.output_tokens = field<std::int64_t>(usage, "output_tokens", "a whole number");
  }
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
  if (!o.error.empty()) json["error"] = valid_utf8(o.error);
  if (o.anomalous) json["anomalous"] = *o.anomalous;
  if (!o.defect.empty()) json["defect"] = o.defect;
  if (!o.image.empty()) json["image"] = o.image;
  if (o.region) json["region"] = {o.region->x, o.region->y, o.region->width, o.region->height};
  if (!o.map.empty()) json["map"] = o.map;
  if (!o.text.empty()) json["text"] = valid_utf8(o.text);
  Json marks = Json::array();
  for (const Mark& mark : o.marks) {
    Json entry = {{"scorer", mark.scorer}};
    if (mark.score) entry["score"] = *mark.score;
    if (mark.decision) entry["decision"] = *mark.decision;
    if (!mark.values.empty()) entry["values"] = mark.values;
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
  for (const Json& entry : field<Json>(json, "marks", "a list")) {
    Mark mark;
    mark.scorer = field<std::string>(entry, "scorer", "text");
    mark.score = maybe<double>(entry, "score", "a number");
    mark.decision = maybe<bool>(entry, "decision", "true or false");
    mark.values = field_or<std::map<std::string, double>>(entry, "values", {}, "names and numbers");
    mark.unscored_because = field_or<std::string>(entry, "unscored_because", "", "text");
    o.marks.push_back(std::move(mark));
  }
  return o;
}

}  // namespace looktwice
