#include "harness/store/timing.h"

#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "harness/core/error.h"
#include "harness/core/text.h"

namespace looktwice::store {
namespace {

constexpr std::size_t kMostSpans = 1000;  // of one request; a process may send what it likes

void append(std::string& line, const char* name, std::int64_t value) {
  line.append(",\"").append(name).append("\":").append(std::to_string(value));
}

// Far beyond any clock, and the sum of two is still a number.
constexpr std::int64_t kFarthest = std::int64_t{1} << 61;

// A whole number; what is missing is `otherwise`, where that is allowed.
bool read_number(const nlohmann::json& object, const char* name, std::int64_t& value,
                 std::optional<std::int64_t> otherwise = {}) {
  const auto found = object.find(name);
  if (found == object.end()) {
    if (otherwise) value = *otherwise;
    return otherwise.has_value();
  }
  if (!found->is_number_integer() ||
      (found->is_number_unsigned() && found->get<std::uint64_t>() > std::uint64_t{kFarthest}))
    return false;
  value = found->get<std::int64_t>();
  return value >= -kFarthest && value <= kFarthest;
}

bool read_text(const nlohmann::json& object, const char* name, std::string& value) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return false;
  value = found->get<std::string>();
  return true;
}

bool read_spans(const nlohmann::json& spans, std::vector<Span>& made) {
  if (!spans.is_array() || spans.size() > kMostSpans) return false;
  for (const auto& one : spans) {
    Span span;
    if (!one.is_object() || !read_text(one, "name", span.name) ||
        !read_number(one, "start_ns", span.start_ns) ||
        !read_number(one, "duration_ns", span.duration_ns))
      return false;
    made.push_back(std::move(span));
  }
  return true;
}

bool read_line(const std::string& text, Timing& timing) {
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return false;
  std::int64_t pass = 0;
  std::string status = name_of(Status::answered);
  if (json.contains("status") && !read_text(json, "status", status)) return false;
  const std::optional<Status> known = status_named(status);
  if (!known || !read_text(json, "key", timing.key) || !read_number(json, "pass", pass, 0) ||
      pass < 0 || pass > std::numeric_limits<int>::max() ||
      !read_number(json, "taken_ns", timing.taken_ns, 0) ||
      !read_number(json, "latency_ns", timing.latency_ns) || timing.latency_ns < 0 ||
      !read_number(json, "input_tokens", timing.usage.input_tokens, 0) ||
      !read_number(json, "output_tokens", timing.usage.output_tokens, 0))
    return false;
  timing.pass = static_cast<int>(pass);
  timing.status = *known;
  return !json.contains("spans") || read_spans(json.at("spans"), timing.spans);
}

}  // namespace

std::string json_of(const Timing& timing) {
  std::string line = R"({"key":")" + timing.key + "\"";
  if (timing.pass > 0) append(line, "pass", timing.pass);
  append(line, "taken_ns", timing.taken_ns);
  append(line, "latency_ns", timing.latency_ns);
  if (timing.status != Status::answered)
    line.append(R"(,"status":")").append(name_of(timing.status)).append("\"");
  if (timing.usage.input_tokens) append(line, "input_tokens", timing.usage.input_tokens);
  if (timing.usage.output_tokens) append(line, "output_tokens", timing.usage.output_tokens);
  if (!timing.spans.empty()) {
    line += R"(,"spans":[)";
    for (const Span& span : timing.spans) {
      if (line.back() == '}') line += ',';
      line += R"({"name":")";
      for (const char c : span.name)
        line += (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : '_';
      line += "\"";
      append(line, "start_ns", span.start_ns);
      append(line, "duration_ns", span.duration_ns);
      line += '}';
    }
    line += ']';
  }
  return line + '}';
}

Timings read_timings(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::string line;
  if (!in || !std::getline(in, line))
    throw Error(Kind::data, printable(file.string()) +
                                ": missing or empty; a run folder with timing.jsonl, or a folder "
                                "that `looktwice profile` wrote, was expected");
  const auto header = nlohmann::json::parse(line, nullptr, false);
  if (!header.is_object() || !header.contains("kind") || header["kind"] != "timing" ||
      !header.contains("schema") || header["schema"] != 1)
    throw Error(Kind::data, printable(file.string()) +
                                ": line 1: expected {\"schema\":1,\"kind\":\"timing\",...}");
  Timings made;
  while (std::getline(in, line)) {
    Timing timing;
    if (read_line(line, timing))
      made.lines.push_back(std::move(timing));
    else
      ++made.damaged;
  }
  return made;
}

}  // namespace looktwice::store
