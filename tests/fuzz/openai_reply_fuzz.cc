// Whatever a server sends is an answer, a refusal, a failure or a reason to try again; a score made
// of it is a probability, and what would go into the cache reads back as it was.
#include <cmath>

#include "adapters/openai/attempt.h"
#include "adapters/openai/stream.h"
#include "harness/core/error.h"
#include "harness/core/text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace looktwice::openai;
  if (size == 0) return 0;
  const std::string body(reinterpret_cast<const char*>(data) + 1, size - 1);
  Exchange exchange{.status = data[0] < 128 ? 200 : 300 + data[0], .body = body, .framed = true};
  for (const char* type : {"application/json", "text/event-stream"}) {
    exchange.content_type = type;
    const Attempt attempt = judged(exchange, "https://host/v1/chat/completions", 0);
    LOOKTWICE_CHECK(attempt.verdict == Verdict::answered || !attempt.error.empty() ||
                    !attempt.target.empty());
    LOOKTWICE_CHECK(looktwice::is_valid_utf8(attempt.error));
    if (attempt.verdict != Verdict::answered) continue;
    const Reply& reply = attempt.reply;
    LOOKTWICE_CHECK(reply.tokens.size() <= kTokensKept);
    if (const auto share = yes_share(reply.tokens)) LOOKTWICE_CHECK(*share >= 0 && *share <= 1);
    const std::vector<looktwice::Option> options = {{"A", "yes"}, {"B", "no"}};
    double sum = 0;
    const auto letters = letter_likelihoods(reply.tokens, options);
    for (const auto& [letter, p] : letters) sum += p;
    LOOKTWICE_CHECK(letters.empty() || std::abs(sum - 1) < 1e-9);
    const Reply again = reply_of(json_of(reply));
    LOOKTWICE_CHECK(again.text == reply.text && again.tokens.size() == reply.tokens.size());
  }
  return 0;
}
