#include "harness/run/profile.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>

#include "harness/core/codec.h"
#include "harness/core/error.h"
#include "harness/core/hash.h"
#include "harness/run/desk.h"
#include "harness/run/machine.h"
#include "harness/store/frame.h"
#include "harness/store/journal.h"
#include "harness/store/line_log.h"

namespace looktwice::run {
namespace {

namespace fs = std::filesystem;

constexpr const char* kJournal = "predictions";
constexpr int kAsItLikes = 256;  // samples open at once

// What an answer says, without what a server tells beside it.
std::string digest(const StoredPrediction& stored) {
  const Prediction& answer = stored.prediction;
  Prediction bare{.status = answer.status, .text = answer.text, .score = answer.score};
  bare.embedding = answer.embedding;
  return sha256(
      json_of(bare, "", {.file = stored.map.file.empty() ? "" : "map", .crc = stored.map.crc}));
}

using Digests = std::map<std::string, std::string>;  // by key

// One walk over all requests.
class Pass {
 public:
  Pass(std::span<const Task> tasks, const std::shared_ptr<const ImageCodec>& codec,
       const store::RunFolder& folder, const std::string& run, PredictOptions options)
      : folder_(folder),
        run_(run),
        options_(std::move(options)),
        journal_(folder.journal(kJournal), kJournal, run, [](std::string_view) {}),
        log_(folder.timing(), store::file_header("timing", run)),
        desk_(tasks, {}, codec, folder, journal_, log_, options_) {}

  Desk& desk() { return desk_; }

  // After its last answer. kept: the journal stays, in order and on the disk.
  Digests answers(bool kept) {
    if (kept) {
      journal_.sync();
      journal_.compact(
          [](std::string_view object) { return prediction_of(object).prediction.key; });
    }
    Digests digests;
    store::for_each_record(folder_.journal(kJournal), kJournal, run_,
                           [&](std::string_view object, std::uint64_t, std::uint64_t) {
                             const StoredPrediction stored = prediction_of(object);
                             digests[stored.prediction.key] = digest(stored);
                           });
    return digests;
  }

 private:
  const store::RunFolder& folder_;
  const std::string run_;
  const PredictOptions options_;
  store::Journal journal_;
  store::LineLog log_;
  Desk desk_;
};

// Inbox and outbox of all passes. The next pass begins when the one before has its last answer.
class Passes final : public Inbox, public Outbox {
 public:
  Passes(std::span<const Task> tasks, const std::shared_ptr<const ImageCodec>& codec,
         const store::RunFolder& folder, std::string run, const ProfileOptions& options)
      : tasks_(tasks), codec_(codec), folder_(folder), run_(std::move(run)), options_(options) {
    begin();
  }
  ~Passes() override {
    current_.reset();
    std::error_code ignored;
    fs::remove_all(work_path(), ignored);
  }

  std::vector<Request> take(int most) override {
    while (const auto pass = current()) {
      std::vector<Request> batch = pass->desk().take(most);
      if (!batch.empty() || !go_on(pass)) return batch;
    }
    return {};
  }
  std::vector<Request> try_take(int most) override {
    const auto pass = current();
    return pass ? pass->desk().try_take(most) : std::vector<Request>{};
  }
  bool over() const override {
    const auto pass = current();
    return !pass || (pass->desk().over() && !const_cast<Passes*>(this)->go_on(pass));
  }
  void push(Prediction prediction) override {
    if (const auto pass = current()) pass->desk().push(std::move(prediction));
  }

  std::exception_ptr failure() const {
    const std::lock_guard hold(mutex_);
    return failure_;
  }
  // What was measured. After serve().
  Profiled result() && {
    made_.profile.answers = all_of(expected_);
    std::string keys;
    for (const auto& [key, ignored] : expected_) keys += key + "\n";
    made_.profile.requests = sha256(keys);
    made_.profile.machine = machine_.facts(before_, after_);
    return std::move(made_);
  }

 private:
  fs::path work_path() const { return folder_.path() / "work"; }
  bool measures() const { return passes_ > options_.warm_up_passes; }

  std::shared_ptr<Pass> current() const {
    const std::lock_guard hold(mutex_);
    return current_;
  }

  static std::string all_of(const Digests& digests) {
    std::string text;
    for (const auto& [key, one] : digests) text += key + " " + one + "\n";
    return sha256(text);
  }

  void begin() {
    ++passes_;
    const bool first = passes_ == 1;
    if (!first) {
      work_.reset();
      fs::remove_all(work_path());
      work_.emplace(store::RunFolder::locked(work_path()));
    }
    const store::RunFolder& folder = first ? folder_ : *work_;
    fs::create_directories(folder.maps());
    const int number = passes_ - options_.warm_up_passes;
    if (number == 1) before_ = machine_.snapshot();
    PredictOptions options{.batch_size = options_.batch_size,
                           .window = options_.at_once > 0 ? options_.at_once : kAsItLikes,
                           .stop = options_.stop,
                           .picture_salt = first ? "" : "pass " + std::to_string(passes_)};
    options.timed = [this, number](const store::Timing& timing) {
      store::Timing kept = timing;
      kept.pass = std::max(0, number);
      latest_.push_back(std::move(kept));
    };
    if (options_.progress)
      options.progress = [this, number](const Progress&) {
        const auto now = requests_ + static_cast<std::int64_t>(latest_.size());
        options_.progress(number, number > 0 ? now : 0, options_.least_requests);
      };
    current_ = std::make_shared<Pass>(tasks_, codec_, folder, run_, std::move(options));
  }

  // Ends this pass, once, and begins the next; false: there is none.
  bool go_on(const std::shared_ptr<Pass>& pass) {
    const std::lock_guard hold(mutex_);
    if (current_ != pass) return current_ != nullptr;
    try {
      if (pass->desk().failure()) std::rethrow_exception(pass->desk().failure());
      if (!pass->desk().over()) return true;
      if (!pass->desk().all_done()) {
        made_.profile.stopped = "stopped within a pass";
        current_.reset();
        return false;
      }
      close(*pass);
      current_.reset();
      if (is_enough()) {
        after_ = machine_.snapshot();
        return false;
      }
      begin();
      return true;
    } catch (...) {
      failure_ = std::current_exception();
      current_.reset();
      return false;
    }
  }

  void close(Pass& pass) {
    store::PassFacts facts{.mhz = machine_.mhz()};
    std::int64_t end = 0;
    for (const store::Timing& timing : latest_) {
      if (facts.requests++ == 0) facts.start_ns = timing.taken_ns;
      facts.start_ns = std::min(facts.start_ns, timing.taken_ns);
      end = std::max(end, timing.taken_ns + timing.latency_ns);
      facts.failed += timing.status == Status::failed;
      facts.refused += timing.status == Status::refused;
    }
    facts.duration_ns = std::max<std::int64_t>(0, end - facts.start_ns);
    const Digests answers = pass.answers(passes_ == 1);
    if (passes_ == 1) {
      expected_ = answers;
    } else {
      for (const auto& [key, one] : answers) {
        const auto found = expected_.find(key);
        facts.other_answers += found == expected_.end() || found->second != one;
      }
      for (const auto& [key, one] : expected_) facts.other_answers += !answers.contains(key);
    }
    if (!measures()) {
      made_.profile.warm_up = facts;
    } else {
      made_.profile.passes.push_back(facts);
      requests_ += facts.requests;
      seconds_ += static_cast<double>(facts.duration_ns) / 1e9;
      std::ranges::move(latest_, std::back_inserter(made_.timings));
    }
    latest_.clear();
  }

  bool is_enough() {
    if (options_.stop && options_.stop->asked()) {
      made_.profile.stopped = "stopped by a signal";
      return true;
    }
    if (!measures()) return false;
    const auto passes = static_cast<int>(made_.profile.passes.size());
    if (requests_ >= options_.least_requests && seconds_ >= options_.least_seconds &&
        passes >= options_.least_passes)
      return true;
    return requests_ == 0 || seconds_ >= options_.most_seconds;
  }

  const std::span<const Task> tasks_;
  const std::shared_ptr<const ImageCodec> codec_;
  const store::RunFolder& folder_;
  const std::string run_;
  const ProfileOptions& options_;
  const Machine machine_;

  mutable std::mutex mutex_;  // never held while a desk waits
  std::optional<store::RunFolder> work_;
  std::shared_ptr<Pass> current_;
  int passes_ = 0;  // begun, warm-up among them
  std::vector<store::Timing> latest_;
  Digests expected_;
  std::int64_t requests_ = 0;
  double seconds_ = 0;
  Snapshot before_, after_;
  Profiled made_;
  std::exception_ptr failure_;
};

}  // namespace

Profiled profile(std::span<const Task> tasks, Adapter& adapter,
                 const std::shared_ptr<const ImageCodec>& codec, const store::RunFolder& folder,
                 const std::string& run, const ProfileOptions& options) {
  LOOKTWICE_CHECK(options.warm_up_passes >= 1 && options.least_passes >= 1);
  Passes passes(tasks, codec, folder, run, options);
  std::exception_ptr failure;
  try {
    adapter.serve(passes, passes);
  } catch (...) {
    failure = std::current_exception();
  }
  if (passes.failure()) std::rethrow_exception(passes.failure());
  if (failure) std::rethrow_exception(failure);
  const bool stopped = options.stop && options.stop->asked();
  if (!passes.over() && !stopped)
    throw Error(Kind::model, "the adapter stopped before all requests were answered");
  Profiled made = std::move(passes).result();
  made.profile.at_once = options.at_once;
  made.profile.least_requests = options.least_requests;
  made.profile.least_seconds = options.least_seconds;
  return made;
}

}  // namespace looktwice::run
