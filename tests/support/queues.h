// An inbox over a fixed list and an outbox that keeps what it gets: enough to run any adapter
// without a runner.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "harness/core/adapter.h"

namespace looktwice::testing {

class ListInbox final : public Inbox {
 public:
  explicit ListInbox(std::vector<Request> requests) : requests_(std::move(requests)) {}

  std::vector<Request> take(int most) override { return try_take(most); }

  std::vector<Request> try_take(int most) override {
    const std::lock_guard lock(mutex_);
    const std::size_t count = std::min(requests_.size() - next_, static_cast<std::size_t>(most));
    const auto from = requests_.begin() + static_cast<std::ptrdiff_t>(next_);
    next_ += count;
    return {from, from + static_cast<std::ptrdiff_t>(count)};
  }

  bool over() const override {
    const std::lock_guard lock(mutex_);
    return stopped_ || next_ == requests_.size();
  }

  // The run is being stopped: nothing more is handed out.
  void stop() {
    const std::lock_guard lock(mutex_);
    next_ = requests_.size();
    stopped_ = true;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Request> requests_;
  std::size_t next_ = 0;
  bool stopped_ = false;
};

class KeepingOutbox final : public Outbox {
 public:
  void push(Prediction prediction) override {
    const std::lock_guard lock(mutex_);
    kept_.push_back(std::move(prediction));
  }

  // In the order of arrival; read it when serve() has returned.
  const std::vector<Prediction>& kept() const { return kept_; }

  std::map<std::string, Prediction> by_key() const {
    std::map<std::string, Prediction> found;
    for (const Prediction& prediction : kept_) found[prediction.key] = prediction;
    return found;
  }

 private:
  std::mutex mutex_;
  std::vector<Prediction> kept_;
};

// What the adapter replies to these requests, in the order of arrival.
inline std::vector<Prediction> served(Adapter& adapter, std::vector<Request> requests) {
  ListInbox inbox(std::move(requests));
  KeepingOutbox outbox;
  adapter.serve(inbox, outbox);
  return outbox.kept();
}

}  // namespace looktwice::testing
