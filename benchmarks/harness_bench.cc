// What the harness itself costs: a model that answers at once, no pictures decoded. Bound: one JSON
// line and one write(2) per sample.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "harness/run/predict.h"
#include "tests/harness/run/fake_suite.h"
#include "tests/support/pictures.h"

namespace looktwice::run {
namespace {

using Clock = std::chrono::steady_clock;

// Answers one request at a time and stamps how long the harness takes between an answer and the
// next request: the latency it adds.
class Stamping final : public Adapter {
 public:
  explicit Stamping(int batch) : batch_(batch) {}
  void serve(Inbox& inbox, Outbox& outbox) override {
    Clock::time_point answered = Clock::now();
    for (std::vector<Request> batch; !(batch = inbox.take(batch_)).empty();)
      for (const Request& request : batch) {
        added_ns.push_back((Clock::now() - answered).count());
        answered = Clock::now();
        outbox.push({.key = request.key, .score = 0.5});
      }
  }
  std::vector<std::int64_t> added_ns;

 private:
  const int batch_;
};

void predict_null(benchmark::State& state) {
  const auto samples = static_cast<int>(state.range(0));
  const Task task = testing::fake_task(samples);
  std::vector<std::int64_t> added;
  for (auto _ : state) {
    state.PauseTiming();
    const testing::TemporaryFolder temporary;
    const store::RunFolder folder = store::RunFolder::locked(temporary.path() / "run");
    std::filesystem::create_directories(folder.maps());
    Stamping adapter(static_cast<int>(state.range(1)));
    state.ResumeTiming();
    benchmark::DoNotOptimize(predict({&task, 1}, adapter, nullptr, folder, "0123456789abcdef", {}));
    state.PauseTiming();
    added.insert(added.end(), adapter.added_ns.begin(), adapter.added_ns.end());
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * samples);
  std::ranges::sort(added);
  const auto at = [&](double q) {
    return static_cast<double>(
               added[static_cast<std::size_t>(q * static_cast<double>(added.size() - 1))]) /
           1000;
  };
  state.counters["added_p50_us"] = at(0.5);
  state.counters["added_p99_us"] = at(0.99);
}
BENCHMARK(predict_null)
    ->ArgNames({"samples", "batch"})
    ->Args({40000, 1})
    ->Args({40000, 16})
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime();

}  // namespace
}  // namespace looktwice::run
