#include "harness/run/predict.h"

#include <memory>
#include <unordered_map>

#include "harness/core/codec.h"
#include "harness/core/error.h"
#include "harness/run/desk.h"
#include "harness/store/journal.h"
#include "harness/store/line_log.h"

namespace looktwice::run {

PredictResult predict(std::span<const Task> tasks, Adapter& adapter,
                      const std::shared_ptr<const ImageCodec>& codec,
                      const store::RunFolder& folder, const std::string& run,
                      const PredictOptions& options) {
  std::unordered_map<std::string, StoredPrediction> known;
  store::Journal journal(folder.journal(options.journal), options.journal, run,
                         [&](std::string_view object) {
                           StoredPrediction stored = prediction_of(object);
                           known[stored.prediction.key] = std::move(stored);
                         });
  store::LineLog timing(folder.timing(options.journal), store::file_header("timing", run));
  Desk desk(tasks, std::move(known), codec, folder, journal, timing, options);
  std::exception_ptr failure;
  try {
    adapter.serve(desk, desk);
  } catch (...) {
    failure = std::current_exception();
  }
  // What is answered stays answered, whatever else went wrong.
  journal.sync();
  timing.flush();
  if (desk.failure()) std::rethrow_exception(desk.failure());
  if (failure) {
    try {
      std::rethrow_exception(failure);
    } catch (const Error& error) {
      if (error.kind() != Kind::incomplete) throw;
      return {.progress = desk.progress(),
              .dropped_records = journal.recovered().damaged + journal.recovered().foreign,
              .stopped_because = error.what()};
    }
  }
  const bool complete = desk.all_done();
  if (complete)
    journal.compact([](std::string_view object) { return prediction_of(object).prediction.key; });
  const bool stopped = options.stop && options.stop->asked();
  const Progress progress = desk.progress();
  const bool gave_up = options.max_failed >= 0 && progress.failed > options.max_failed;
  if (!complete && !stopped && !gave_up)
    throw Error(Kind::model,
                "the adapter stopped with " + std::to_string(progress.samples - progress.done) +
                    " samples not answered; what is answered is kept, the same command goes on");
  return {.progress = progress,
          .dropped_records = journal.recovered().damaged + journal.recovered().foreign,
          .complete = complete};
}

std::function<std::string(const std::string&)> sample_lookup(std::span<const Task> tasks) {
  auto ids = std::make_shared<std::unordered_map<std::string, std::string>>();
  for (const Task& task : tasks)
    for (const Sample& sample : task.samples) {
      const std::string key = request_key(task, sample, 0);
      (*ids)[key.substr(0, key.rfind('/'))] = sample.id;
    }
  return [ids](const std::string& key) {
    const auto found = ids->find(key.substr(0, key.rfind('/')));
    if (found == ids->end()) throw Error(Kind::internal, "no sample has the key " + key);
    return found->second;
  };
}

}  // namespace looktwice::run
