// What all native models that answer in words do alike: requests are taken while the writer has
// room, a failure becomes a failed answer, a request's decoding becomes a writing task, and a
// written text becomes the answer. Not here: prompts, pictures, tokenizers, memory of prefixes.
#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "adapters/nn/writer.h"
#include "harness/core/adapter.h"
#include "harness/core/decoding.h"

namespace looktwice::nn {

// As asked, else by the device: each text more costs a CPU little until its arithmetic, not its
// memory, is the limit.
int texts_at_once(const Setting& setting, at::Device device);

// The reason of an answer that failed for lack of memory.
inline constexpr const char* kOutOfMemory = "out of memory";

// Work for one request that may fail, so that the run goes on: false, and why in `reply`.
bool attempted(Prediction& reply, const std::function<void()>& work);

struct Serving {
  // nullptr: not there yet; begin() may make it.
  std::function<Writer*()> writer = {};
  // Answers at once, or adds a task to the writer and returns nothing. Asked again where the answer
  // is kOutOfMemory and memory can be had: what give_back() frees, then that of texts which end.
  std::function<std::optional<Prediction>(const Request&)> begin = {};
  std::function<Prediction(WrittenText)> finished = {};
  std::function<bool()> give_back = {};  // as the writer's
  // Answers those of the requests that want no words, several at once, and takes them out; what
  // it leaves is begun one by one, as is all that fails. None: all are.
  std::function<std::vector<Prediction>(std::vector<Request>& taken)> together = {};
  int most = 1;  // requests taken at once where nothing is being written
};
// Until the inbox is over. Waits for requests only while nothing is being written.
void serve_texts(Inbox& inbox, Outbox& outbox, const Serving& serving);

// What a checkpoint and the user's options say about every text.
struct Manner {
  float repetition_penalty = 1;
  std::vector<std::int32_t> stop_ids = {};
  int max_new_tokens = 0;  // no text is longer; 0: as the request says
  DecodingOptions decoding = {};
  std::uint64_t run_seed = 0;  // of --seed
};
// Sampling, stream of draws, end and length of the text; prompt, start and the rest are the
// caller's.
WritingTask writing_task(const Request& request, std::uint64_t tag, const Manner& manner);

// What is known of a request while its text is being written.
struct OpenText {
  std::string key = {};
  Decoding decoding = {};
  std::vector<Span> spans = {};
};
// Status, text up to the first stop string, usage, "finish"; of the spans, those in `open` alone.
Prediction reply_of(OpenText open, const WrittenText& done,
                    const std::function<std::string(std::span<const std::int32_t>)>& decode);

// "texts at once", where memory did not suffice for `wanted`.
void add_texts_at_once(std::map<std::string, std::string>& facts, const Writer& writer, int wanted);

}  // namespace looktwice::nn
