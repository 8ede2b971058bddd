// An answer that comes in pieces: server-sent events (WHATWG HTML, 9.2) and the chunks of a chat
// completion in them. Not here: the connection.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "adapters/openai/reply.h"

namespace looktwice::openai {

// The data of each event; lines end in LF, CRLF or CR, comments and other fields are skipped, data
// lines of one event are joined by LF. What follows the last empty line is no event.
class Events {
 public:
  explicit Events(std::string_view stream);
  // Empty: no further event.
  std::optional<std::string> next();
  std::size_t position() const { return at_; }  // bytes read so far

 private:
  std::optional<std::string_view> line();

  std::string_view stream_;
  std::size_t at_ = 0;
};

struct Streamed {
  Reply reply = {};
  // Bytes up to the end of the event that brought the first piece of the answer; 0: none came.
  std::size_t first_piece = 0;
  bool done = false;  // "[DONE]" was there, after which nothing of value comes
};

// The whole stream. Throws Kind::data: an event that is no chunk, an `error` in one, no
// finish_reason before the stream ends: a stream that was cut is never an answer.
Streamed streamed(std::string_view stream);

}  // namespace looktwice::openai
