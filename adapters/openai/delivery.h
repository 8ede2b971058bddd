// Answers on their way out, on a thread of their own: into the store, then into the journal, which
// syncs them to the disk. Whatever has gathered meanwhile is synced together, so that no connection
// is idle while a disk works. Not here: what is worth keeping; the journal itself (harness/run).
#pragma once

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "adapters/openai/answer_cache.h"
#include "harness/core/adapter.h"

namespace looktwice::openai {

class Delivery {
 public:
  using Rows = std::vector<std::pair<std::string, std::string>>;

  // store: null for none. delivered: called on that thread after each group.
  Delivery(Outbox& outbox, AnswerStore* store, std::function<void()> delivered);
  ~Delivery();  // what was added is delivered
  Delivery(const Delivery&) = delete;
  Delivery& operator=(const Delivery&) = delete;

  // rows are in the store before the predictions are in the journal.
  void add(std::vector<Prediction> predictions, Rows rows);
  std::size_t waiting() const;        // predictions that were added and are not out yet
  void wait_below(std::size_t most);  // until fewer are waiting, or it has failed
  bool failed() const;                // nothing more is delivered; finish() says why
  // Waits until all is out; throws what the outbox or the store threw, after which nothing more was
  // delivered.
  void finish();

 private:
  void work(const std::stop_token& stop);
  void deliver(std::vector<Prediction> group, const Rows& rows);

  Outbox& outbox_;
  AnswerStore* store_;
  const std::function<void()> delivered_;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable_any changed_;
  std::vector<Prediction> predictions_;
  Rows rows_;
  std::size_t waiting_ = 0;
  std::exception_ptr failure_;
  std::jthread thread_;  // last: ends first
};

}  // namespace looktwice::openai
