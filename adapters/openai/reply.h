// What a server of chat completions says, read strictly, and what its log-probabilities mean.
// Not here: HTTP states (attempt.h), streams (stream.h).
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/sample.h"

namespace looktwice::openai {

struct Chance {
  std::string token = {};
  double logprob = 0;
};

// One generated token and the likeliest tokens in its place (it may be among them).
struct Token {
  Chance chosen = {};
  std::vector<Chance> likeliest = {};
};

struct Reply {
  std::string text = {};
  std::string refusal = {};  // said instead of an answer
  std::string finish = {};   // "stop", "length", "content_filter", "tool_calls" ...
  std::string model = {}, fingerprint = {};
  bool tool_call = false;
  std::optional<Usage> usage = {};
  std::vector<Token> tokens = {};  // the first kTokensKept, where the server tells
};

inline constexpr std::size_t kTokensKept = 64;

// More than 100 levels of brackets: no server says that, and what copies or writes JSON recurses.
bool is_too_deep(std::string_view json);

// Reads the first choice. Unknown members are ignored. Throws Kind::data: no JSON, an `error` in
// place of choices, no choices, a member of the wrong type; the message quotes the beginning, made
// printable.
Reply reply_of(std::string_view json);
// The same as a minimal chat completion, so that reply_of() reads it back.
std::string json_of(const Reply& reply);

// P(yes) / (P(yes) + P(no)) where the answer says yes or no: at the first token that is one of the
// two words, else at the first that holds a letter. Alternatives count by their text, case and
// punctuation aside (" Yes", "yes", "**Yes"). Where only one of the two is listed, the other gets
// the most it can have: the least listed probability, or what is left of 1. Empty: neither is
// listed.
std::optional<double> yes_share(std::span<const Token> tokens);

// P(letter) among the letters of the options, at the first token that is one of them, else at the
// first that holds a letter; what is not listed gets 0. Empty: none is listed.
std::map<std::string, double> letter_likelihoods(std::span<const Token> tokens,
                                                 std::span<const Option> options);

}  // namespace looktwice::openai
