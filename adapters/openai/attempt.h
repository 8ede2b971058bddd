// What one HTTP exchange means: an answer, a refusal, something to try again, a failure of this
// request or of the whole run. Not here: when to try again (pace.h), sockets (transport.h).
#pragma once

#include <chrono>
#include <ctime>
#include <optional>
#include <string>

#include "adapters/openai/reply.h"
#include "adapters/openai/transport.h"

namespace looktwice::openai {

enum class Verdict {
  answered,  // `reply` holds it
  refused,   // the model or a filter would not; asking again is no use
  again,     // a passing fault: 408, 409, 425, 429, 5xx, transport
  failed,    // this request, for good
  hopeless,  // every other request would end the same way: key, quota, address
  redirect,  // to `target`, on the same host
};

struct Attempt {
  Verdict verdict = Verdict::failed;
  Reply reply = {};                                    // answered and refused
  std::string error = {};                              // all but answered
  std::string target = {};                             // redirect
  bool overloaded = false;                             // again: 429 or 503 or 529, so fewer at once
  std::optional<std::chrono::milliseconds> wait = {};  // again: what the server asks for
  bool perhaps_billed = false;  // the server had all of it, and nobody knows what it did
  std::size_t first_piece = 0;  // streams: see Streamed
};

// url: where the exchange went. now: for dates in Retry-After.
Attempt judged(const Exchange& exchange, const std::string& url, std::time_t now);

// "120", "1.5", "Fri, 31 Dec 1999 23:59:59 GMT", retry-after-ms first. The past is 0, nonsense is
// nothing.
std::optional<std::chrono::milliseconds> retry_after(const std::string& seconds_or_date,
                                                     const std::string& milliseconds,
                                                     std::time_t now);

}  // namespace looktwice::openai
