#include "adapters/nn/answering.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "adapters/nn/device.h"
#include "harness/core/hash.h"

namespace looktwice::nn {

int texts_at_once(const Setting& setting, at::Device device) {
  if (setting.batch_size > 0) return setting.batch_size;
  return device.is_cpu() ? 4 : 16;
}

bool attempted(Prediction& reply, const std::function<void()>& work) {
  try {
    work();
    return true;
  } catch (const std::exception& error) {
    reply.error = is_out_of_memory(error) ? kOutOfMemory : error.what();
  }
  reply.status = Status::failed;
  return false;
}

namespace {

void step(Writer& writer, Outbox& outbox, const Serving& serving) {
  for (WrittenText& done : writer.step()) outbox.push(serving.finished(std::move(done)));
}

// Frees memory for a request that lacks it; false: nothing is left to free.
bool makes_room(Inbox& inbox, Outbox& outbox, const Serving& serving) {
  if (serving.give_back && serving.give_back()) return true;
  Writer* const writer = serving.writer();
  if (!writer || writer->idle()) return false;
  writer->take_no_more();
  for (const std::size_t before = writer->texts(); writer->texts() == before && !inbox.over();)
    step(*writer, outbox, serving);
  return true;
}

}  // namespace

void serve_texts(Inbox& inbox, Outbox& outbox, const Serving& serving) {
  for (;;) {
    const Writer* before = serving.writer();
    const bool idle = !before || before->idle();
    if (!idle && inbox.over()) return;  // being stopped
    std::vector<Request> taken =
        idle ? inbox.take(before ? std::min(serving.most, before->most()) : serving.most)
             : std::vector<Request>{};
    if (idle && taken.empty()) return;
    Writer* writer = nullptr;
    do {
      if (serving.together && taken.size() > 1)
        for (Prediction& reply : serving.together(taken)) outbox.push(std::move(reply));
      for (const Request& request : taken) {
        std::optional<Prediction> reply = serving.begin(request);
        while (reply && reply->error == kOutOfMemory && makes_room(inbox, outbox, serving)) {
          if (inbox.over()) return;
          reply = serving.begin(request);
        }
        if (reply) outbox.push(std::move(*reply));
      }
      writer = serving.writer();
    } while (writer && writer->has_room() && !(taken = inbox.try_take(1)).empty());
    if (writer) step(*writer, outbox, serving);
  }
}

WritingTask writing_task(const Request& request, std::uint64_t tag, const Manner& manner) {
  const Decoding decoding = manner.decoding.applied_to(request.question.decoding, manner.run_seed);
  const int most = manner.max_new_tokens > 0
                       ? std::min(manner.max_new_tokens, decoding.max_new_tokens)
                       : decoding.max_new_tokens;
  return {.tag = tag,
          .sampling = {.temperature = static_cast<float>(decoding.temperature),
                       .top_p = static_cast<float>(decoding.top_p),
                       .repetition_penalty = manner.repetition_penalty,
                       .seed = decoding.seed},
          .stream = std::stoull(sha256(request.key).substr(0, 16), nullptr, 16),
          .stop_ids = manner.stop_ids,
          .most_tokens = std::max(1, most)};
}

Prediction reply_of(OpenText open, const WrittenText& done,
                    const std::function<std::string(std::span<const std::int32_t>)>& decode) {
  Prediction reply{.key = std::move(open.key), .spans = std::move(open.spans)};
  if (!done.error.empty()) {
    reply.status = Status::failed;
    reply.error = done.error;
    return reply;
  }
  std::string text = decode(done.ids);
  for (const std::string& stop : open.decoding.stop)
    if (!stop.empty()) text.resize(std::min(text.find(stop), text.size()));
  reply.text = std::move(text);
  reply.usage = {.input_tokens = done.prompt_tokens,
                 .output_tokens = static_cast<std::int64_t>(done.ids.size())};
  if (!done.stopped) reply.facts["finish"] = "length";
  return reply;
}

void add_texts_at_once(std::map<std::string, std::string>& facts, const Writer& writer,
                       int wanted) {
  if (writer.most() < wanted)
    facts["texts at once"] = std::to_string(writer.most()) + " (out of memory with more)";
}

}  // namespace looktwice::nn
