#include "adapters/openai/stream.h"

#include <nlohmann/json.hpp>

#include "harness/core/error.h"
#include "harness/core/text.h"

namespace looktwice::openai {
namespace {

using Json = nlohmann::ordered_json;

[[noreturn]] void refuse(const std::string& why, std::string_view text) {
  throw Error(Kind::data, why + ": '" + printable(text, 160) + "'");
}

const Json* member(const Json& json, const char* name) {
  if (!json.is_object()) return nullptr;
  const auto found = json.find(name);
  return found == json.end() || found->is_null() ? nullptr : &*found;
}

// A chunk turned into a whole completion, so that one reader serves both: `delta` is `message`.
Reply piece_of(Json chunk, const std::string& data) {
  Json& choice = chunk["choices"][0];
  if (const Json* delta = member(choice, "delta")) {
    Json moved = *delta;
    choice["message"] = std::move(moved);
  } else {
    choice["message"] = Json::object();
  }
  try {
    return reply_of(chunk.dump(-1, ' ', false, Json::error_handler_t::replace));
  } catch (const Error&) {
    refuse("an event of the stream is no chunk of an answer", data);
  }
}

void add(Reply& whole, Reply&& piece) {
  whole.text += piece.text;
  whole.refusal += piece.refusal;
  if (!piece.finish.empty()) whole.finish = std::move(piece.finish);
  whole.tool_call = whole.tool_call || piece.tool_call;
  for (Token& token : piece.tokens)
    if (whole.tokens.size() < kTokensKept) whole.tokens.push_back(std::move(token));
}

}  // namespace

Events::Events(std::string_view stream) : stream_(stream) {
  constexpr std::string_view kMark = "\xef\xbb\xbf";
  if (stream_.starts_with(kMark)) at_ = kMark.size();
}

// Empty: the stream ends before the line does.
std::optional<std::string_view> Events::line() {
  const std::size_t end = stream_.find_first_of("\r\n", at_);
  if (end == std::string_view::npos) return {};
  const std::string_view found = stream_.substr(at_, end - at_);
  at_ = end + 1;
  if (stream_[end] == '\r' && at_ < stream_.size() && stream_[at_] == '\n') ++at_;
  return found;
}

std::optional<std::string> Events::next() {
  std::optional<std::string> data;
  while (const auto text = line()) {
    if (text->empty()) {
      if (data) return data;
      continue;
    }
    if (!text->starts_with("data")) continue;
    std::string_view value = text->substr(4);
    if (!value.empty() && value.front() != ':') continue;  // another field, "database"
    if (!value.empty()) value.remove_prefix(1);
    if (value.starts_with(' ')) value.remove_prefix(1);
    data = data ? *data + "\n" + std::string(value) : std::string(value);
  }
  at_ = stream_.size();
  return {};
}

Streamed streamed(std::string_view stream) {
  Streamed found;
  Reply& reply = found.reply;
  Events events(stream);
  while (const auto data = events.next()) {
    if (*data == "[DONE]") {
      found.done = true;
      break;
    }
    if (is_too_deep(*data)) refuse("an event of too many levels", *data);
    Json chunk = Json::parse(*data, nullptr, /*allow_exceptions=*/false);
    if (!chunk.is_object()) refuse("an event of the stream is no JSON object", *data);
    if (member(chunk, "error")) refuse("an error within the stream", *data);
    if (const Json* model = member(chunk, "model"); model && model->is_string())
      reply.model = model->get<std::string>();
    if (const Json* print = member(chunk, "system_fingerprint"); print && print->is_string())
      reply.fingerprint = print->get<std::string>();
    const Json* choices = member(chunk, "choices");
    const bool has_choice =
        choices && choices->is_array() && !choices->empty() && choices->front().is_object();
    if (choices && !choices->is_array()) refuse("'choices' is no list", *data);
    if (!has_choice) chunk["choices"] = Json::array({Json::object()});  // the event with the usage
    Reply piece = piece_of(std::move(chunk), *data);
    if (piece.usage) reply.usage = piece.usage;
    if (!has_choice) continue;
    if (found.first_piece == 0 && (!piece.text.empty() || !piece.refusal.empty()))
      found.first_piece = events.position();
    add(reply, std::move(piece));
  }
  if (reply.finish.empty())
    refuse("the stream ended before its answer did",
           stream.substr(stream.size() - std::min<std::size_t>(stream.size(), 120)));
  return found;
}

}  // namespace looktwice::openai
