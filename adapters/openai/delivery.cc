#include "adapters/openai/delivery.h"

namespace looktwice::openai {

Delivery::Delivery(Outbox& outbox, AnswerStore* store, std::function<void()> delivered)
    : outbox_(outbox),
      store_(store),
      delivered_(std::move(delivered)),
      thread_([this](const std::stop_token& stop) { work(stop); }) {}

Delivery::~Delivery() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void Delivery::add(std::vector<Prediction> predictions, Rows rows) {
  if (predictions.empty() && rows.empty()) return;
  {
    const std::lock_guard hold(mutex_);
    if (failure_) return;
    waiting_ += predictions.size();
    predictions_.insert(predictions_.end(), std::make_move_iterator(predictions.begin()),
                        std::make_move_iterator(predictions.end()));
    rows_.insert(rows_.end(), std::make_move_iterator(rows.begin()),
                 std::make_move_iterator(rows.end()));
  }
  changed_.notify_all();
}

std::size_t Delivery::waiting() const {
  const std::lock_guard hold(mutex_);
  return waiting_;
}

void Delivery::wait_below(std::size_t most) {
  std::unique_lock hold(mutex_);
  changed_.wait(hold, [&] { return failure_ || waiting_ < most; });
}

bool Delivery::failed() const {
  const std::lock_guard hold(mutex_);
  return failure_ != nullptr;
}

void Delivery::finish() {
  std::unique_lock hold(mutex_);
  changed_.wait(hold, [this] { return failure_ || (waiting_ == 0 && rows_.empty()); });
  if (failure_) std::rethrow_exception(failure_);
}

void Delivery::work(const std::stop_token& stop) {
  for (;;) {
    std::vector<Prediction> group;
    Rows rows;
    {
      std::unique_lock hold(mutex_);
      changed_.wait(hold, stop, [this] { return !predictions_.empty() || !rows_.empty(); });
      if (predictions_.empty() && rows_.empty()) return;  // asked to stop, and nothing is left
      group.swap(predictions_);
      rows.swap(rows_);
    }
    const std::size_t count = group.size();
    std::exception_ptr failure;
    try {
      deliver(std::move(group), rows);
    } catch (...) {
      failure = std::current_exception();
    }
    {
      const std::lock_guard hold(mutex_);
      waiting_ -= count;
      if (failure) {
        failure_ = failure;
        predictions_.clear();
        rows_.clear();
        waiting_ = 0;
      }
    }
    changed_.notify_all();
    delivered_();
    if (failure) return;
  }
}

void Delivery::deliver(std::vector<Prediction> group, const Rows& rows) {
  if (store_ && !rows.empty()) store_->put(rows);
  // Synced together: the last paid one takes the others along.
  bool later = false;
  for (auto at = group.rbegin(); at != group.rend(); ++at) {
    const bool paid = at->paid;
    at->paid = paid && !later;
    later = later || paid;
  }
  for (Prediction& prediction : group) outbox_.push(std::move(prediction));
}

}  // namespace looktwice::openai
