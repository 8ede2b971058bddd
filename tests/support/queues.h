// An inbox over a fixed list and an outbox that keeps what it gets: enough to run any adapter
// without a runner.
#pragma once

#include <algorithm>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "harness/core/adapter.h"

namespace looktwice::testing {

// Over when every request is answered, or stopped, as that of the runner.
class ListDesk final : public Inbox, public Outbox {
 public:
  explicit ListDesk(std::vector<Request> requests) : requests_(std::move(requests)) {}

  // One thread is enough here: what is not there now will never be.
  std::vector<Request> take(int most) override { return try_take(most); }

  std::vector<Request> try_take(int most) override {
    const std::lock_guard lock(mutex_);
    const std::size_t left = stopped_ ? 0 : requests_.size() - next_;
    const std::size_t count = std::min(left, static_cast<std::size_t>(most));
    const auto from = requests_.begin() + static_cast<std::ptrdiff_t>(next_);
    next_ += count;
    return {from, from + static_cast<std::ptrdiff_t>(count)};
  }

  bool over() const override {
    const std::lock_guard lock(mutex_);
    return stopped_ || (next_ == requests_.size() && kept_.size() >= next_);
  }

  void push(Prediction prediction) override {
    const std::lock_guard lock(mutex_);
    kept_.push_back(std::move(prediction));
    if (stop_after_ > 0 && kept_.size() >= stop_after_) stopped_ = true;
  }

  // As if the user stopped the run once so many answers are there.
  void stop_after(std::size_t answers) { stop_after_ = answers; }

  // In the order of arrival; read it when serve() has returned.
  const std::vector<Prediction>& kept() const { return kept_; }

  std::map<std::string, Prediction> by_key() const {
    std::map<std::string, Prediction> found;
    for (const Prediction& prediction : kept_) found[prediction.key] = prediction;
    return found;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Request> requests_;
  std::vector<Prediction> kept_;
  std::size_t next_ = 0, stop_after_ = 0;
  bool stopped_ = false;
};

// What the adapter replies to these requests, in the order of arrival.
inline std::vector<Prediction> served(Adapter& adapter, std::vector<Request> requests) {
  ListDesk desk(std::move(requests));
  adapter.serve(desk, desk);
  return desk.kept();
}

}  // namespace looktwice::testing
