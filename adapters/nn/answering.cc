#include "adapters/nn/answering.h"

#include <algorithm>
#include <exception>
#include <new>
#include <utility>

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
  } catch (const std::bad_alloc&) {
    reply.error = "out of memory";
  } catch (const std::exception& error) {
    reply.error = error.what();
  }
  reply.status = Status::failed;
  return false;
}

void serve_texts(Inbox& inbox, Outbox& outbox, const Serving& serving) {
  for (;;) {
    const Writer* before = serving.writer();
    const bool idle = !before || before->idle();
    if (!idle && inbox.over()) return;  // being stopped
    std::vector<Request> taken = idle ? inbox.take(1) : std::vector<Request>{};
    if (idle && taken.empty()) return;
    Writer* writer = nullptr;
    do {
      for (const Request& request : taken) serving.begin(request);
      writer = serving.writer();
    } while (writer && writer->has_room() && !(taken = inbox.try_take(1)).empty());
    if (!writer) continue;
    for (WrittenText& done : writer->step()) outbox.push(serving.finished(std::move(done)));
  }
}

WritingTask writing_task(const Request& request, std::uint64_t tag, const Manner& manner) {
  const Decoding& decoding = request.question.decoding;
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
