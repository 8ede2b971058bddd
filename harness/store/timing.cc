#include "harness/store/timing.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include "harness/core/error.h"
#include "harness/core/text.h"

namespace looktwice::store {
namespace {

constexpr std::size_t kMostSpans = 1000;  // of one request; a process may send what it likes

void append(std::string& line, const char* name, std::int64_t value) {
  line.append(",\"").append(name).append("\":").append(std::to_string(value));
}

bool read_line(const std::string& text, Timing& timing) try {
  const auto json = nlohmann::json::parse(text);
  timing.key = json.at("key").get<std::string>();
  timing.pass = json.value("pass", 0);
  timing.taken_ns = json.value("taken_ns", std::int64_t{0});
  timing.latency_ns = json.at("latency_ns").get<std::int64_t>();
  const auto status = status_named(json.value("status", std::string(name_of(Status::answered))));
  if (!status) return false;
  timing.status = *status;
  timing.usage = {.input_tokens = json.value("input_tokens", std::int64_t{0}),
                  .output_tokens = json.value("output_tokens", std::int64_t{0})};
  if (json.contains("spans"))
    for (const auto& span : json.at("spans")) {
      if (timing.spans.size() == kMostSpans) return false;
      timing.spans.push_back({.name = span.at("name").get<std::string>(),
                              .start_ns = span.at("start_ns").get<std::int64_t>(),
                              .duration_ns = span.at("duration_ns").get<std::int64_t>()});
    }
  return timing.pass >= 0;
} catch (const nlohmann::json::exception&) {
  return false;
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
