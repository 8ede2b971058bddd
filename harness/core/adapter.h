// What answers: a model, a server, a file of recorded predictions, a program behind a pipe.
// Not here: questions, marking, journals. An adapter never sees a path, an id or a truth.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "harness/core/options.h"
#include "harness/core/sample.h"

namespace looktwice {

// Where an adapter finds work. Thread-safe: several threads may take.
class Inbox {
 public:
  virtual ~Inbox() = default;
  // Blocks until at least one request is there or all work is over (then: empty). At most `most`
  // requests. A thread that still owes answers must not block here, since the next turn of a
  // dialogue waits for them: use try_take.
  virtual std::vector<Request> take(int most) = 0;
  // As take, but returns at once; empty: nothing now.
  virtual std::vector<Request> try_take(int most) = 0;
  // No request will come any more: all are answered, or the run is being stopped. So an adapter
  // that still owes answers when this comes true drops them and returns; a resumed run asks again.
  virtual bool over() const = 0;
};

// Where answers go, in any order, as soon as they are there. Thread-safe. Returns after the answer
// is in the journal.
class Outbox {
 public:
  virtual ~Outbox() = default;
  virtual void push(Prediction prediction) = 0;
};

// What answering has cost so far, since the adapter was made.
struct Spending {
  bool priced = false;  // the price of the model is known
  double dollars = 0;
};

class Adapter {
 public:
  virtual ~Adapter() = default;

  // Answers until the inbox is over; requests not answered by then are asked again on resume.
  // Default: serve_in_batches over answer().
  virtual void serve(Inbox& inbox, Outbox& outbox);
  // A simple adapter is this one function: one prediction per request, same keys.
  virtual std::vector<Prediction> answer(std::span<const Request> batch);
  // Facts for run.json: weights hash, version of the peer, device used ...
  virtual std::map<std::string, std::string> facts() const { return {}; }
  // For the progress line; also while serve() runs, in the thread that pushes.
  virtual Spending spending() const { return {}; }
};

// The cache of paid answers.
struct AnswerCache {
  enum class Mode { off, read, write };  // write reads, too
  Mode mode = Mode::off;
  std::filesystem::path file = {};
};

// How serve() is to be run; the same for every adapter.
struct Setting {
  int batch_size = 0;  // 0: the adapter chooses
  int threads = 1;
  std::uint64_t seed = 0;
  std::string device = "cpu";
  AnswerCache cache = {};
  double max_cost = 0;  // dollars that this start may spend; 0: no bound
  // Only for adapters that look answers up by name (recorded = true): request key -> sample id.
  // Empty for all others.
  std::function<std::string(const std::string& key)> sample_of = {};
  // For the same adapters: the ids of all samples of the run, so that a record that fits two of
  // them is found out before any answer is given.
  std::vector<std::string> samples = {};
};

// take, answer(), push until the inbox is over. An exception of answer() fails each request of that
// batch, not the run.
void serve_in_batches(Adapter& adapter, int batch_size, Inbox& inbox, Outbox& outbox);

struct AdapterEntry {
  std::string name = {}, summary = {};
  std::vector<OptionInfo> options = {};
  bool recorded = false;  // looks answers up by sample id and so is told the ids
  // Options that change how answers are got, but never an answer (time-outs, connections): a run
  // that is gone on with may have others.
  std::vector<std::string> incidental = {};
  std::function<std::unique_ptr<Adapter>(const Arguments&, const Setting&)> make = {};
  std::function<Arguments(const Arguments&)> as_used = {};
};

template <class Type, class Options>
AdapterEntry entry(std::string name, std::string summary) {
  AdapterEntry made{.name = name, .summary = std::move(summary), .options = option_list<Options>()};
  made.make = [name](const Arguments& given, const Setting& setting) -> std::unique_ptr<Adapter> {
    if constexpr (std::is_constructible_v<Type, Options, Setting>)
      return std::make_unique<Type>(parsed<Options>("model " + name, given), setting);
    else
      return std::make_unique<Type>(parsed<Options>("model " + name, given));
  };
  made.as_used = [name](const Arguments& given) {
    return as_used(parsed<Options>("model " + name, given));
  };
  return made;
}

}  // namespace looktwice
