#include "adapters/openai/body.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "harness/core/error.h"
#include "harness/core/options.h"
#include "harness/core/text.h"

namespace looktwice::openai {
namespace {

constexpr std::string_view kOwnMembers[] = {
    "model", "messages", "max_tokens",   "temperature", "top_p",          "seed",
    "stop",  "logprobs", "top_logprobs", "stream",      "stream_options", "max_completion_tokens"};

std::string quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', /*ensure_ascii=*/false,
                                   nlohmann::json::error_handler_t::replace);
}

// Puts ',' where one is needed.
class Members {
 public:
  Members(std::string& text, const std::set<std::string>& omit) : text_(text), omit_(omit) {}

  // False: this member is to be left out.
  bool begin(const char* name) {
    if (omit_.contains(name)) return false;
    if (text_.back() != '{') text_ += ',';
    text_.append("\"").append(name).append("\":");
    return true;
  }
  void add(const char* name, const std::string& json) {
    if (begin(name)) text_ += json;
  }

 private:
  std::string& text_;
  const std::set<std::string>& omit_;
};

using Urls = std::span<const std::string_view>;

void append_text(std::string& text, const char* role, const std::string& content) {
  text.append(R"({"role":")").append(role).append(R"(","content":)");
  text.append(quoted(content)).append("}");
}

// What one piece shows; empty: a text.
std::string_view picture_in(const QuestionPart& part, Urls urls) {
  if (part.kind == QuestionPart::Kind::text) return {};
  if (part.kind == QuestionPart::Kind::image) return urls.back();
  LOOKTWICE_CHECK(part.reference >= 0 &&
                  static_cast<std::size_t>(part.reference) + 1 < urls.size());
  return urls[static_cast<std::size_t>(part.reference)];
}

void append_part(std::string& text, const QuestionPart& part, Urls urls,
                 const std::string& detail) {
  if (!text.ends_with('[')) text += ',';
  const std::string_view url = picture_in(part, urls);
  if (url.empty()) {
    text.append(R"({"type":"text","text":)").append(quoted(part.text)).append("}");
    return;
  }
  // Base64 and media types hold nothing that JSON escapes.
  text.append(R"({"type":"image_url","image_url":{"url":")").append(url).append("\"");
  if (!detail.empty()) text.append(R"(,"detail":)").append(quoted(detail));
  text.append("}}");
}

// References, picture, text: a first turn whose order the protocol does not set.
std::vector<QuestionPart> usual_parts(const std::string& asked, std::size_t pictures) {
  std::vector<QuestionPart> parts;
  for (std::size_t i = 0; i + 1 < pictures; ++i)
    parts.push_back({.kind = QuestionPart::Kind::reference, .reference = static_cast<int>(i)});
  parts.push_back({.kind = QuestionPart::Kind::image});
  parts.push_back({.text = asked});
  return parts;
}

void append_user(std::string& text, const std::string& asked, std::vector<QuestionPart> parts,
                 bool first, Urls urls, const std::string& detail) {
  if (parts.empty() && first && !urls.empty()) parts = usual_parts(asked, urls.size());
  if (urls.empty())
    std::erase_if(parts, [](const auto& part) { return part.kind != QuestionPart::Kind::text; });
  const bool shows = std::ranges::any_of(
      parts, [](const auto& part) { return part.kind != QuestionPart::Kind::text; });
  if (!shows) {
    std::string joined;
    for (const QuestionPart& part : parts) joined += part.text;
    append_text(text, "user", parts.empty() ? asked : joined);
    return;
  }
  text += R"({"role":"user","content":[)";
  for (const QuestionPart& part : parts) append_part(text, part, urls, detail);
  text += "]}";
}

void append_messages(std::string& text, const Request& request, Urls urls) {
  const Question& question = request.question;
  text += '[';
  if (!question.system.empty()) {
    append_text(text, "system", question.system);
    text += ',';
  }
  bool first = true;
  for (const Turn& turn : request.dialogue) {
    append_user(text, turn.question, turn.parts, first, urls, question.sent.detail);
    text += ',';
    append_text(text, "assistant", turn.answer);
    text += ',';
    first = false;
  }
  append_user(text, question.text, question.parts, first, urls, question.sent.detail);
  text += ']';
}

}  // namespace

std::string chat_body(const Request& request, std::span<const std::string_view> data_urls,
                      const BodyOptions& options) {
  const Question& question = request.question;
  const Decoding& decoding = question.decoding;
  std::string text;
  std::size_t size = 1024 + question.text.size();
  for (const std::string_view url : data_urls) size += url.size() + 80;
  text.reserve(size);
  text += '{';
  Members members(text, options.omit);
  members.add("model", quoted(options.model));
  if (members.begin("messages")) append_messages(text, request, data_urls);
  members.add(options.length_field.c_str(), std::to_string(decoding.max_new_tokens));
  members.add("temperature", option_text(decoding.temperature));
  if (decoding.top_p != 1) members.add("top_p", option_text(decoding.top_p));
  members.add("seed", std::to_string(decoding.seed != 0 ? decoding.seed : options.seed));
  if (!decoding.stop.empty() && members.begin("stop")) {
    text += '[';
    for (const std::string& stop : decoding.stop)
      text.append(text.back() == '[' ? "" : ",").append(quoted(stop));
    text += ']';
  }
  if (options.top_logprobs > 0 && (question.wanted.score || !question.options.empty())) {
    members.add("logprobs", "true");
    members.add("top_logprobs", std::to_string(options.top_logprobs));
  }
  if (options.stream) {
    members.add("stream", "true");
    members.add("stream_options", R"({"include_usage":true})");
  }
  if (!options.extra.empty()) text.append(text.back() == '{' ? "" : ",").append(options.extra);
  text += '}';
  return text;
}

std::string members_of(const std::string& json, const std::set<std::string>& omit,
                       const std::string& where) {
  const auto object = nlohmann::ordered_json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) throw Error(Kind::usage, where + ": expected one JSON object");
  for (const auto& [name, value] : object.items())
    for (const std::string_view own : kOwnMembers)
      if (name == own && !omit.contains(name))
        throw Error(Kind::usage,
                    where + ": '" + name +
                        "' comes from the question; to set it here, also give omit=" + name);
  std::string text = object.dump();
  return text.substr(1, text.size() - 2);
}

}  // namespace looktwice::openai
