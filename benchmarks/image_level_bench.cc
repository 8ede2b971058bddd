// Image-level metrics and the bootstrap of the AUROC. Peers and the table:
// benchmarks/peers/image_level.py, which hands over its scores in the folder LOOKTWICE_BENCH_DATA,
// so that both work on the same numbers.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "metrics/binary/ranked_scores.h"
#include "metrics/catalogue.h"
#include "metrics/stats/bootstrap.h"
#include "metrics/stats/delong.h"
#include "metrics/stats/distributions.h"

namespace looktwice::metrics {
namespace {

struct Data {
  std::vector<float> scores = {};
  std::vector<std::uint8_t> positive = {};
};

template <class Number>
std::vector<Number> numbers(const std::string& path, std::size_t n) {
  std::vector<Number> read(n);
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char*>(read.data()), static_cast<std::streamsize>(n * sizeof(Number)));
  if (!file) throw std::runtime_error("cannot read " + path);
  return read;
}

const Data& data(std::size_t n) {
  static std::map<std::size_t, Data> kept;
  if (const auto found = kept.find(n); found != kept.end()) return found->second;
  Data made;
  if (const char* folder = std::getenv("LOOKTWICE_BENCH_DATA")) {
    const std::string stem = std::string(folder) + "/" + std::to_string(n);
    made = {numbers<float>(stem + ".scores", n), numbers<std::uint8_t>(stem + ".labels", n)};
  } else {
    RandomStream random({.seed = n}, 0);
    for (std::size_t i = 0; i < n; ++i) {
      made.positive.push_back(random.below(2) == 0);
      made.scores.push_back(
          static_cast<float>(normal_quantile(0x1p-54 + random.uniform()) + made.positive.back()));
    }
  }
  return kept[n] = std::move(made);
}

void ranking_values(benchmark::State& state) {
  const Data& d = data(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(RankedScores(d.scores, d.positive).values());
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(ranking_values)->Arg(2000)->Arg(1000000)->Unit(benchmark::kMillisecond);

// Doubles that no float holds: all 64 bits are sorted.
void ranking_values_of_doubles(benchmark::State& state) {
  const Data& d = data(static_cast<std::size_t>(state.range(0)));
  std::vector<double> scores;
  for (const float s : d.scores) scores.push_back(static_cast<double>(s) / 3);
  for (auto _ : state) benchmark::DoNotOptimize(RankedScores(scores, d.positive).values());
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(ranking_values_of_doubles)->Arg(1000000)->Unit(benchmark::kMillisecond);

void auroc_bootstrap(benchmark::State& state) {
  const Data& d = data(2000);
  for (auto _ : state)
    benchmark::DoNotOptimize(percentile_interval(auroc_replicates(
        RankedScores(d.scores, d.positive),
        {.resamples = 10000, .key = {.seed = 1}, .threads = static_cast<int>(state.range(0))})));
}
BENCHMARK(auroc_bootstrap)
    ->ArgName("threads")
    ->Arg(1)
    ->Arg(2)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

void delong_interval(benchmark::State& state) {
  const Data& d = data(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state)
    benchmark::DoNotOptimize(auroc_interval(*delong(RankedScores(d.scores, d.positive))));
}
BENCHMARK(delong_interval)->Arg(2000)->Arg(1000000)->Unit(benchmark::kMillisecond);

// All that one class of a report costs: three metrics, DeLong, 1,000 resamples of AP and F1-max.
void ranking_family(benchmark::State& state) {
  const Data& d = data(2000);
  std::unique_ptr<Metric> metric;
  for (const MetricEntry& entry : metric_catalogue())
    if (entry.name == "ranking") metric = entry.make({});
  for (std::size_t i = 0; i < d.scores.size(); ++i)
    metric->add({.id = "sample", .positive = d.positive[i] != 0, .score = d.scores[i]});
  for (auto _ : state) benchmark::DoNotOptimize(metric->values());
}
BENCHMARK(ranking_family)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace looktwice::metrics
