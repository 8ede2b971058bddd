#include "harness/core/adapter.h"

#include <exception>
#include <map>

#include "harness/core/error.h"

namespace looktwice {
namespace {

constexpr int kDefaultBatch = 16;

std::vector<Prediction> answers_or_failures(Adapter& adapter, std::span<const Request> batch) {
  try {
    std::vector<Prediction> replies = adapter.answer(batch);
    std::map<std::string, int> owed;
    for (const Request& request : batch) ++owed[request.key];
    for (const Prediction& reply : replies) --owed[reply.key];
    for (const auto& [key, count] : owed)
      if (count != 0) throw Error(Kind::internal, "the adapter must answer each request once");
    return replies;
  } catch (const Error& error) {
    // A wrong checkpoint or option is not the fault of one request.
    if (error.kind() != Kind::data && error.kind() != Kind::disk) throw;
    if (batch.size() == 1)
      return {{.key = batch[0].key, .status = Status::failed, .error = error.what()}};
  } catch (const std::bad_alloc&) {
    if (batch.size() == 1)
      return {{.key = batch[0].key, .status = Status::failed, .error = "out of memory"}};
  } catch (const std::exception& error) {
    if (batch.size() == 1)
      return {{.key = batch[0].key, .status = Status::failed, .error = error.what()}};
  }
  // One bad picture must not fail its neighbours: ask one by one.
  std::vector<Prediction> replies;
  for (const Request& request : batch)
    for (Prediction& reply : answers_or_failures(adapter, {&request, 1}))
      replies.push_back(std::move(reply));
  return replies;
}

}  // namespace

void Adapter::serve(Inbox& inbox, Outbox& outbox) {
  serve_in_batches(*this, 0, inbox, outbox);
}

std::vector<Prediction> Adapter::answer(std::span<const Request>) {
  throw Error(Kind::internal, "an adapter overrides serve() or answer()");
}

void serve_in_batches(Adapter& adapter, int batch_size, Inbox& inbox, Outbox& outbox) {
  const int most = batch_size > 0 ? batch_size : kDefaultBatch;
  for (std::vector<Request> batch; !(batch = inbox.take(most)).empty();)
    for (Prediction& reply : answers_or_failures(adapter, batch)) outbox.push(std::move(reply));
}

}  // namespace looktwice
