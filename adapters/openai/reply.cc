#include "adapters/openai/reply.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>

#include "harness/core/error.h"
#include "harness/core/text.h"

namespace looktwice::openai {
namespace {

using Json = nlohmann::ordered_json;

[[noreturn]] void refuse(const std::string& why, std::string_view body) {
  throw Error(Kind::data, why + ": '" + printable(body, 160) + "'");
}

const Json* member(const Json& json, const char* name) {
  if (!json.is_object()) return nullptr;
  const auto found = json.find(name);
  return found == json.end() || found->is_null() ? nullptr : &*found;
}

std::string text_in(const Json& json, const char* name) {
  const Json* value = member(json, name);
  return value && value->is_string() ? value->get<std::string>() : std::string();
}

std::optional<double> logprob_in(const Json& json) {
  if (!json.is_number()) return {};
  const double value = json.get<double>();
  return std::isfinite(value) && value <= 1e-6 ? std::optional(std::min(value, 0.0)) : std::nullopt;
}

// OpenAI's shape: {"content":[{"token":..,"logprob":..,"top_logprobs":[{...}]}]}.
std::vector<Token> tokens_of_chat(const Json& list) {
  std::vector<Token> tokens;
  for (const Json& entry : list) {
    if (tokens.size() == kTokensKept || !entry.is_object()) break;
    const Json* logprob = member(entry, "logprob");
    const auto value = logprob ? logprob_in(*logprob) : std::nullopt;
    if (!value) break;
    Token token{.chosen = {text_in(entry, "token"), *value}};
    if (const Json* top = member(entry, "top_logprobs"); top && top->is_array())
      for (const Json& other : *top) {
        const Json* number = member(other, "logprob");
        if (const auto chance = number ? logprob_in(*number) : std::nullopt)
          token.likeliest.push_back({text_in(other, "token"), *chance});
      }
    tokens.push_back(std::move(token));
  }
  return tokens;
}

// The older shape of completions, which llama-cpp-python gives for chats, too:
// {"tokens":[..],"token_logprobs":[..],"top_logprobs":[{"Yes":-0.1,...}]}.
std::vector<Token> tokens_of_completion(const Json& logprobs) {
  const Json* texts = member(logprobs, "tokens");
  const Json* values = member(logprobs, "token_logprobs");
  const Json* top = member(logprobs, "top_logprobs");
  std::vector<Token> tokens;
  if (!texts || !values || !texts->is_array() || !values->is_array()) return tokens;
  for (std::size_t i = 0; i < std::min({texts->size(), values->size(), kTokensKept}); ++i) {
    const auto value = logprob_in((*values)[i]);
    if (!value || !(*texts)[i].is_string()) break;
    Token token{.chosen = {(*texts)[i].get<std::string>(), *value}};
    if (top && top->is_array() && i < top->size() && (*top)[i].is_object())
      for (const auto& [text, number] : (*top)[i].items())
        if (const auto chance = logprob_in(number)) token.likeliest.push_back({text, *chance});
    tokens.push_back(std::move(token));
  }
  return tokens;
}

std::string content_of(const Json& message, std::string_view body) {
  const Json* content = member(message, "content");
  if (!content) return {};
  if (content->is_string()) return content->get<std::string>();
  if (!content->is_array()) refuse("'content' is neither a text nor a list of parts", body);
  std::string text;
  for (const Json& part : *content) text += text_in(part, "text");
  return text;
}

std::optional<Usage> usage_of(const Json& json) {
  const Json* usage = member(json, "usage");
  if (!usage) return {};
  const auto count = [&](const char* name) -> std::optional<std::int64_t> {
    const Json* value = member(*usage, name);
    constexpr std::int64_t kMost = std::int64_t{1} << 50;
    if (!value || !value->is_number_integer() || *value < 0 || *value > kMost) return {};
    return value->get<std::int64_t>();
  };
  const auto input = count("prompt_tokens");
  if (!input) return {};
  return Usage{*input, count("completion_tokens").value_or(0)};
}

// "**Yes.", " yes", "▁Yes" -> "Yes": only ASCII letters and digits of the ends count.
std::string bare(std::string_view token) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  while (!token.empty() && !plain(token.front())) token.remove_prefix(1);
  while (!token.empty() && !plain(token.back())) token.remove_suffix(1);
  return std::string(token);
}

// The token that the answer hangs on: the first whose bare text is wanted, else the first with any.
const Token* deciding(std::span<const Token> tokens,
                      const std::function<bool(const std::string&)>& wanted) {
  for (const Token& token : tokens)
    if (wanted(bare(token.chosen.token))) return &token;
  for (const Token& token : tokens)
    if (!bare(token.chosen.token).empty()) return &token;
  return nullptr;
}

std::vector<Chance> alternatives(const Token& token) {
  std::vector<Chance> all = token.likeliest;
  if (std::ranges::find(all, token.chosen.token, &Chance::token) == all.end())
    all.push_back(token.chosen);
  return all;
}

}  // namespace

bool is_too_deep(std::string_view json) {
  constexpr int kMost = 100;
  int depth = 0;
  bool inside = false;  // of a text
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (inside) {
      if (c == '\\') ++i;
      inside = c != '"';
    } else if (c == '"') {
      inside = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kMost) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

Reply reply_of(std::string_view body) {
  if (is_too_deep(body)) refuse("JSON of too many levels", body);
  const Json json = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) refuse("no JSON object", body);
  const Json* choices = member(json, "choices");
  if (!choices) {
    refuse(member(json, "error") ? "an error in place of an answer" : "no 'choices' in it", body);
  }
  if (!choices->is_array() || choices->empty()) refuse("'choices' is empty", body);
  const Json& choice = choices->front();
  const Json* message = member(choice, "message");
  if (!message || !message->is_object()) refuse("no 'message' in the choice", body);
  Reply reply{.text = content_of(*message, body),
              .refusal = text_in(*message, "refusal"),
              .finish = text_in(choice, "finish_reason"),
              .model = text_in(json, "model"),
              .fingerprint = text_in(json, "system_fingerprint")};
  if (const Json* calls = member(*message, "tool_calls"))
    reply.tool_call = calls->is_array() && !calls->empty();
  reply.tool_call = reply.tool_call || member(*message, "function_call") != nullptr;
  reply.usage = usage_of(json);
  if (const Json* logprobs = member(choice, "logprobs")) {
    const Json* content = member(*logprobs, "content");
    reply.tokens =
        content && content->is_array() ? tokens_of_chat(*content) : tokens_of_completion(*logprobs);
  }
  return reply;
}

std::string json_of(const Reply& reply) {
  Json message = {{"role", "assistant"}, {"content", reply.text}};
  if (!reply.refusal.empty()) message["refusal"] = reply.refusal;
  if (reply.tool_call) message["tool_calls"] = {{{"type", "function"}}};
  Json choice = {{"message", std::move(message)}};
  if (!reply.finish.empty()) choice["finish_reason"] = reply.finish;
  for (const Token& token : reply.tokens) {
    Json entry = {{"token", token.chosen.token}, {"logprob", token.chosen.logprob}};
    for (const Chance& chance : token.likeliest)
      entry["top_logprobs"].push_back({{"token", chance.token}, {"logprob", chance.logprob}});
    choice["logprobs"]["content"].push_back(std::move(entry));
  }
  Json json;
  if (!reply.model.empty()) json["model"] = reply.model;
  if (!reply.fingerprint.empty()) json["system_fingerprint"] = reply.fingerprint;
  json["choices"].push_back(std::move(choice));
  if (reply.usage)
    json["usage"] = {{"prompt_tokens", reply.usage->input_tokens},
                     {"completion_tokens", reply.usage->output_tokens}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<double> yes_share(std::span<const Token> tokens) {
  const Token* token = deciding(tokens, [](const std::string& word) {
    const std::string lower = lower_ascii(word);
    return lower == "yes" || lower == "no";
  });
  if (!token) return {};
  double yes = 0, no = 0, listed = 0, least = 1;
  for (const Chance& chance : alternatives(*token)) {
    const double p = std::exp(chance.logprob);
    const std::string word = lower_ascii(bare(chance.token));
    if (word == "yes") yes += p;
    if (word == "no") no += p;
    listed += p;
    least = std::min(least, p);
  }
  if (yes == 0 && no == 0) return {};
  const double most = std::min(least, std::max(0.0, 1 - listed));
  if (yes == 0) yes = most;
  if (no == 0) no = most;
  return yes / (yes + no);
}

std::map<std::string, double> letter_likelihoods(std::span<const Token> tokens,
                                                 std::span<const Option> options) {
  const auto is_letter = [&](const std::string& word) {
    return std::ranges::find(options, word, &Option::letter) != options.end();
  };
  const Token* token = deciding(tokens, is_letter);
  if (!token) return {};
  std::map<std::string, double> found;
  double sum = 0;
  for (const Option& option : options) found[option.letter] = 0;
  for (const Chance& chance : alternatives(*token)) {
    const std::string word = bare(chance.token);
    if (!is_letter(word)) continue;
    found[word] += std::exp(chance.logprob);
    sum += std::exp(chance.logprob);
  }
  if (sum == 0) return {};
  for (auto& [letter, p] : found) p /= sum;
  return found;
}

}  // namespace looktwice::openai
