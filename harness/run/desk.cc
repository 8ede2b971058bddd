#include "harness/run/desk.h"

#include <algorithm>
#include <cmath>

#include "harness/core/error.h"
#include "harness/core/hash.h"
#include "harness/core/text.h"
#include "harness/run/map_file.h"

namespace looktwice::run {
namespace {

using namespace std::chrono_literals;

// Why this prediction cannot be kept as answered; empty: it can.
std::string flaw_of(const Prediction& p) {
  if (p.score && !std::isfinite(*p.score))
    return "the score is " + std::to_string(*p.score) + ", expected a finite number";
  if (!std::ranges::all_of(p.embedding, [](float v) { return std::isfinite(v); }))
    return "the embedding holds numbers that are not finite";
  if (!p.map) return {};
  const AnomalyMap& map = *p.map;
  if (map.width <= 0 || map.height <= 0 ||
      map.values.size() !=
          static_cast<std::size_t>(map.width) * static_cast<std::size_t>(map.height))
    return "the map has " + std::to_string(map.values.size()) + " values, expected " +
           std::to_string(map.height) + " x " + std::to_string(map.width);
  const auto bad = std::ranges::find_if_not(map.values, [](float v) { return std::isfinite(v); });
  if (bad != map.values.end())
    return "the map holds " + std::to_string(*bad) + " at index " +
           std::to_string(bad - map.values.begin()) + ", expected finite numbers";
  return {};
}

}  // namespace

Desk::Desk(std::span<const Task> tasks, std::unordered_map<std::string, StoredPrediction> known,
           std::shared_ptr<const ImageCodec> codec, const store::RunFolder& folder,
           store::Journal& journal, store::LineLog& timing, const PredictOptions& options)
    : tasks_(tasks),
      known_(std::move(known)),
      codec_(std::move(codec)),
      folder_(folder),
      journal_(journal),
      timing_(timing),
      options_(options) {
  for (const Task& task : tasks_)
    progress_.samples += static_cast<std::int64_t>(task.samples.size());
}

bool Desk::ask_next(Open& open) const {
  const Task& task = tasks_[open.task];
  std::optional<Question> question = task.suite->ask(task.samples[open.sample], open.turns);
  if (!question) return false;
  open.question = std::move(*question);
  return true;
}

std::optional<Desk::Open> Desk::next_sample() {
  while (task_ < tasks_.size()) {
    const Task& task = tasks_[task_];
    if (sample_ == task.samples.size()) {
      ++task_, sample_ = 0;
      continue;
    }
    Open open{.task = task_, .sample = sample_++};
    if (!task.samples[open.sample].flaw.empty()) {
      open.failed = true;
      close_sample(open);
      continue;
    }
    bool waiting = false;
    // Follow what the journal holds until a question is without an answer.
    while (!waiting && !open.refused && ask_next(open)) {
      const auto found =
          known_.find(request_key(task, task.samples[open.sample], open.turns.size()));
      waiting = found == known_.end() || found->second.prediction.status == Status::failed ||
                !map_is_intact(folder_, found->second.map);
      if (waiting) break;
      if (found->second.prediction.status == Status::refused) note_refusal(open);
      open.turns.push_back({.question = open.question.text,
                            .answer = std::move(found->second.prediction.text),
                            .parts = open.question.parts});
      known_.erase(found);
    }
    if (waiting) return open;
    ++progress_.resumed;
    close_sample(open);
  }
  return {};
}

Picture Desk::picture_of(const Task& task, const ImageFile& file, const PictureRule& rule) const {
  std::string name = neutral_name(task.root, file, rule);
  if (!options_.picture_salt.empty() && !name.empty())
    name.replace(0, std::min<std::size_t>(16, name.size()),
                 sha256(options_.picture_salt + name).substr(0, 16));
  return {std::move(name), file, codec_, rule};
}

Picture Desk::query_of(const Task& task, const Sample& sample, const PictureRule& rule) const {
  if (!options_.marks || sample.image.path.empty()) return picture_of(task, sample.image, rule);
  const auto change = options_.marks->change_of(task, sample, codec_);
  return {neutral_name(task.root, sample.image, rule, change->name()), sample.image, codec_, rule,
          change};
}

Request Desk::request_of(const Open& open) const {
  const Task& task = tasks_[open.task];
  const Sample& sample = task.samples[open.sample];
  Request request{.key = request_key(task, sample, open.turns.size()),
                  .category = sample.category,
                  .turn = static_cast<int>(open.turns.size()),
                  .question = open.question};
  if (!open.question.alone) request.dialogue = open.turns;
  if (open.question.blind) return request;
  if (options_.all_maps) request.question.wanted.map = true;
  request.image = query_of(task, sample, open.question.pictures);
  for (const ImageFile& reference : sample.references)
    request.references.push_back(picture_of(task, reference, open.question.pictures));
  return request;
}

bool Desk::is_over() const {
  if (failure_ || too_many_failed_ || (options_.stop && options_.stop->asked())) return true;
  return task_ >= tasks_.size() && ready_.empty() && in_flight_.empty();
}

bool Desk::over() const {
  const std::lock_guard hold(mutex_);
  return is_over();
}

std::vector<Request> Desk::gather(int most) {
  std::vector<Request> batch;
  if (is_over()) return batch;
  const int limit = options_.batch_size > 0 ? std::min(most, options_.batch_size) : most;
  const Clock::time_point now = Clock::now();
  while (static_cast<int>(batch.size()) < limit) {
    std::optional<Open> open;
    if (!ready_.empty()) {
      open = std::move(ready_.front());
      ready_.pop_front();
    } else if (static_cast<int>(in_flight_.size()) < options_.window) {
      open = next_sample();
    }
    if (!open) break;
    open->taken = now;
    Request request = request_of(*open);
    in_flight_.emplace(request.key, std::move(*open));
    batch.push_back(std::move(request));
  }
  return batch;
}

std::vector<Request> Desk::take(int most) {
  std::unique_lock hold(mutex_);
  try {
    for (;;) {
      std::vector<Request> batch = gather(most);
      if (!batch.empty() || is_over()) return batch;
      // A follow-up question needs the answer that another thread still owes. Woken by push; the
      // time-out is for signals.
      changed_.wait_for(hold, 100ms);
    }
  } catch (...) {
    failure_ = std::current_exception();
    changed_.notify_all();
    return {};
  }
}

std::vector<Request> Desk::try_take(int most) {
  const std::lock_guard hold(mutex_);
  try {
    return gather(most);
  } catch (...) {
    failure_ = std::current_exception();
    changed_.notify_all();
    return {};
  }
}

// A refusal ends a dialogue, but not a list of questions that are asked alone.
void Desk::note_refusal(Open& open) {
  open.refused = !open.question.alone;
}

void Desk::close_sample(const Open& open) {
  ++progress_.done;
  progress_.failed += open.failed;
  progress_.refused += open.refused;
  too_many_failed_ = options_.max_failed >= 0 && progress_.failed > options_.max_failed;
}

void Desk::record(const Open& open, Prediction& prediction) {
  const Clock::time_point pushed = Clock::now();
  if (const std::string flaw = flaw_of(prediction);
      prediction.status == Status::answered && !flaw.empty())
    prediction = {.key = prediction.key,
                  .status = Status::failed,
                  .spans = prediction.spans,
                  .error = flaw,
                  .paid = prediction.paid};
  StoredMap map;
  std::vector<std::filesystem::path> files;
  if (prediction.status == Status::answered && prediction.map) {
    map = write_map(folder_, prediction.key, *prediction.map, options_.half_maps);
    files.push_back(folder_.path() / map.file);
  }
  const Sample& sample = tasks_[open.task].samples[open.sample];
  journal_.append(json_of(prediction, sample.id, map), files, prediction.paid);
  const auto ns = [](auto time) {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(time).count();
  };
  const store::Timing timing{.key = prediction.key,
                             .taken_ns = ns(open.taken.time_since_epoch()),
                             .latency_ns = ns(pushed - open.taken),
                             .status = prediction.status,
                             .usage = prediction.usage,
                             .spans = prediction.spans};
  timing_.append(json_of(timing));
  if (options_.timed) {
    const std::lock_guard hold(mutex_);
    options_.timed(timing);
  }
}

void Desk::push(Prediction prediction) {
  try {
    Open open;
    {
      const std::lock_guard hold(mutex_);
      if (failure_) return;
      auto found = in_flight_.find(prediction.key);
      if (found == in_flight_.end() || found->second.answering)
        throw Error(Kind::internal, "the adapter answered '" + printable(prediction.key) +
                                        "', which it was not asked or has answered already");
      // Stays in in_flight_ until it is journalled, so that over() cannot come true too early.
      open = std::move(found->second);
      found->second.answering = true;
    }
    record(open, prediction);
    const std::lock_guard hold(mutex_);
    in_flight_.erase(prediction.key);
    open.failed = prediction.status == Status::failed;
    if (prediction.status == Status::refused) note_refusal(open);
    open.turns.push_back({.question = open.question.text,
                          .answer = std::move(prediction.text),
                          .parts = open.question.parts});
    if (!open.failed && !open.refused && ask_next(open))
      ready_.push_back(std::move(open));
    else
      close_sample(open);
    report_progress();
    changed_.notify_all();
  } catch (...) {
    const std::lock_guard hold(mutex_);
    if (!failure_) failure_ = std::current_exception();
    changed_.notify_all();
  }
}

void Desk::report_progress() {
  if (!options_.progress) return;
  const Clock::time_point now = Clock::now();
  if (now - last_report_ < 100ms && progress_.done < progress_.samples) return;
  last_report_ = now;
  options_.progress(progress_);
}

Progress Desk::progress() const {
  const std::lock_guard hold(mutex_);
  return progress_;
}

bool Desk::all_done() const {
  const std::lock_guard hold(mutex_);
  return progress_.done == progress_.samples;
}

std::exception_ptr Desk::failure() const {
  const std::lock_guard hold(mutex_);
  return failure_;
}

}  // namespace looktwice::run
