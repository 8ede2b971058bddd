// Where requests come from and predictions go to while an adapter serves: inbox and outbox over one
// set of open samples. No thread of its own: questions are asked when the adapter takes, answers
// are journalled when it pushes.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <span>
#include <unordered_map>

#include "harness/core/adapter.h"
#include "harness/core/codec.h"
#include "harness/run/predict.h"
#include "harness/store/journal.h"
#include "harness/store/line_log.h"

namespace looktwice::run {

class Desk final : public Inbox, public Outbox {
 public:
  // known: what the journal holds already, by key.
  Desk(std::span<const Task> tasks, std::unordered_map<std::string, StoredPrediction> known,
       std::shared_ptr<const ImageCodec> codec, const store::RunFolder& folder,
       store::Journal& journal, store::LineLog& timing, const PredictOptions& options);

  std::vector<Request> take(int most) override;
  std::vector<Request> try_take(int most) override;
  bool over() const override;
  // Never throws: what goes wrong here ends the run, not the adapter's thread; see failure().
  void push(Prediction prediction) override;

  Progress progress() const;
  bool all_done() const;               // every sample has its last answer
  std::exception_ptr failure() const;  // of the disk or of a confused adapter

 private:
  using Clock = std::chrono::steady_clock;
  // A dialogue that is not over.
  struct Open {
    std::size_t task = 0, sample = 0;
    std::vector<Turn> turns = {};
    Question question = {};  // the next one, or the one in flight
    bool failed = false, refused = false, answering = false;
    Clock::time_point taken = {};
  };

  std::vector<Request> gather(int most);  // under the lock
  // The next sample of the list that still has a question; nothing when the list is at its end.
  std::optional<Open> next_sample();
  // Asks the suite for the next question; nothing: the dialogue is over.
  bool ask_next(Open& open) const;
  Picture picture_of(const Task& task, const ImageFile& file, const PictureRule& rule) const;
  // The sample's own picture, with marks where the run draws some.
  Picture query_of(const Task& task, const Sample& sample, const PictureRule& rule) const;
  Request request_of(const Open& open) const;
  static void note_refusal(Open& open);
  void close_sample(const Open& open);
  void record(const Open& open, Prediction& prediction);
  void report_progress();
  bool is_over() const;  // under the lock

  const std::span<const Task> tasks_;
  std::unordered_map<std::string, StoredPrediction> known_;
  const std::shared_ptr<const ImageCodec> codec_;
  const store::RunFolder& folder_;
  store::Journal& journal_;
  store::LineLog& timing_;
  const PredictOptions& options_;
  const Clock::time_point start_ = Clock::now();

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t task_ = 0, sample_ = 0;                // next in the list
  std::deque<Open> ready_;                           // with a question, not taken yet
  std::unordered_map<std::string, Open> in_flight_;  // by key
  Progress progress_;
  Clock::time_point last_report_ = {};
  bool too_many_failed_ = false;
  std::exception_ptr failure_;
};

}  // namespace looktwice::run
