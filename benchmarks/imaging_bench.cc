// One picture from its encoded bytes to normalised values of 384 x 384, on one thread, as a model
// adapter does it. benchmarks/imaging.sh runs this beside Pillow on the same files and checks that
// the values are the same bytes.
//
//   imaging_bench FOLDER [--benchmark_...]    every file in FOLDER/SET/ is a picture of that SET
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "adapters/imaging/codec.h"
#include "adapters/imaging/normalise.h"
#include "harness/core/hash.h"
#include "harness/core/image.h"

namespace {

using looktwice::Image;
using looktwice::imaging::Filter;
using looktwice::imaging::prepare;
using looktwice::imaging::resized;

constexpr int kEdge = 384;
using Files = std::vector<std::vector<std::byte>>;

Files files_in(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  Files files;
  for (const auto& path : paths) files.push_back(looktwice::file_bytes(path));
  return files;
}

// SHA-256 over the values of all pictures, in the order of their names: what the peer must get too.
std::string fingerprint(const Files& files) {
  looktwice::Sha256 sum;
  std::vector<float> values(3 * kEdge * kEdge);
  for (const auto& file : files) {
    prepare(file, {}, values);
    sum.add(std::as_bytes(std::span<const float>(values)));
  }
  return sum.hex();
}

void set_rate(benchmark::State& state) {
  state.counters["images/s"] =
      benchmark::Counter(static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}

void prepare_files(benchmark::State& state, const Files& files) {
  std::vector<float> values(3 * kEdge * kEdge);
  std::size_t next = 0;
  for (auto _ : state) {
    prepare(files[next], {}, values);
    benchmark::DoNotOptimize(values.data());
    next = (next + 1) % files.size();
  }
  set_rate(state);
  state.SetLabel(fingerprint(files));
}

void decode_files(benchmark::State& state, const Files& files) {
  const auto codec = looktwice::imaging::make_codec();
  std::size_t next = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(codec->decode(files[next]));
    next = (next + 1) % files.size();
  }
  set_rate(state);
}

void resize_only(benchmark::State& state) {
  const int in = static_cast<int>(state.range(0)), out = static_cast<int>(state.range(1));
  const int channels = static_cast<int>(state.range(2));
  Image image{.width = in, .height = in, .channels = channels};
  for (int i = 0; i < in * in * channels; ++i)
    image.pixels.push_back(
        static_cast<std::uint8_t>(static_cast<std::uint32_t>(i) * 2654435761u >> 24));
  for (auto _ : state) benchmark::DoNotOptimize(resized(image, out, out, Filter::bicubic));
  set_rate(state);
}
BENCHMARK(resize_only)
    ->ArgNames({"from", "to", "channels"})
    ->Args({1000, 384, 3})
    ->Args({518, 384, 3})
    ->Args({384, 518, 3})
    ->Args({300, 384, 3})
    ->Args({300, 384, 1})
    ->Unit(benchmark::kMillisecond);

}  // namespace

int main(int count, char** arguments) {
  benchmark::Initialize(&count, arguments);
  std::map<std::string, Files> sets;
  if (count > 1)
    for (const auto& entry : std::filesystem::directory_iterator(arguments[1]))
      if (entry.is_directory()) sets[entry.path().filename()] = files_in(entry.path());
  for (const auto& [name, files] : sets) {
    benchmark::RegisterBenchmark(("prepare/" + name).c_str(), prepare_files, files)
        ->Unit(benchmark::kMillisecond);
    benchmark::RegisterBenchmark(("decode/" + name).c_str(), decode_files, files)
        ->Unit(benchmark::kMillisecond);
  }
  benchmark::RunSpecifiedBenchmarks();
}
