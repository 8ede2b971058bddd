// A request as the JSON of chat completions. Not here: pictures (data_url.h), sending.
#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "harness/core/sample.h"

namespace looktwice::openai {

struct BodyOptions {
  std::string model = {};
  bool stream = false;
  int top_logprobs = 0;  // alternatives per token that are asked for; 0: no log-probabilities
  std::string length_field = "max_tokens";  // or "max_completion_tokens"
  std::set<std::string> omit = {};  // names of members that are left out: "temperature", "seed" ...
  std::string extra = {};           // members of the user, as JSON, without braces; empty: none
  std::uint64_t seed = 0;           // where the question has none of its own
};

// data_urls: the references of the request, then its image; empty: no picture is shown. They stand
// before the first question, or, in turns that come in parts, where those say. A turn without any
// picture is sent as one text, since servers join several in ways of their own. The order of the
// members is fixed: equal requests give equal bytes. Text that is no UTF-8 is repaired.
std::string chat_body(const Request& request, std::span<const std::string_view> data_urls,
                      const BodyOptions& options);

// The members of a JSON object without its braces, for BodyOptions::extra; names that the body has
// anyway must be in `omit`. Kind::usage names `where`.
std::string members_of(const std::string& json, const std::set<std::string>& omit,
                       const std::string& where);

}  // namespace looktwice::openai
