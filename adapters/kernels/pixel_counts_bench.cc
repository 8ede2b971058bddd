// Verifies against the reference, then times what ships: bytes are scores and masks, read once.
// `pixel_counts/cuda` counts one chunk that lies on the device; `pixel_counter`
// streams from the host's memory, sort of the anomalous scores and copies included.
#include <algorithm>
#include <vector>

#include "adapters/kernels/bench.h"
#include "adapters/kernels/device.h"
#include "adapters/kernels/pixel_counter.h"
#include "adapters/kernels/pixel_counts_cases.h"

namespace looktwice::kernels {
namespace {
constexpr std::int64_t kBytes = sizeof(float) + 1;  // of a pixel

struct Problem {
  PixelData data = {};
  std::vector<std::uint64_t> sorted = {};
  std::vector<std::uint32_t> keys = {};
  std::vector<std::uint64_t> above = {}, equal = {};  // expected
  PixelCounts shape = {};
};

Problem problem(const benchmark::State& state) {
  Problem own;
  own.data = data_of({.pixels = state.range(0)});
  own.sorted = own.data.entries;
  own.keys.resize(own.sorted.size());
  own.shape.pixels = state.range(0);
  sort_entries_ref(static_cast<std::int64_t>(own.sorted.size()), own.sorted.data(), own.keys.data(),
                   &own.shape.distinct);
  own.keys.resize(static_cast<std::size_t>(own.shape.distinct));
  own.above.resize(own.keys.size());
  own.equal.resize(own.keys.size());
  pixel_counts_ref(own.shape, own.data.score.data(), own.data.mask.data(), own.keys.data(),
                   own.above.data(), own.equal.data());
  return own;
}

bench::Work work_of(const benchmark::State& state) {
  return {.bytes = double(state.range(0) * kBytes)};
}

void counts_on_cpu(benchmark::State& state) {
  Problem own = problem(state);
  bench::time(state, bench::Where::cpu, work_of(state), [&] {
    pixel_counts_ref(own.shape, own.data.score.data(), own.data.mask.data(), own.keys.data(),
                     own.above.data(), own.equal.data());
  });
}

void counts_on_cuda(benchmark::State& state) {
  const Devices devices = cuda_devices();
  if (devices.found.empty()) return state.SkipWithError(devices.why_none.c_str());
  if constexpr (kCudaBuilt) {
    const Problem own = problem(state);
    const Stream stream{.device = Stream::Device::cuda};
    const std::size_t count_bytes = own.keys.size() * sizeof(std::uint64_t);
    DeviceMemory score(own.data.score.size() * sizeof(float)), mask(own.data.mask.size());
    DeviceMemory keys(own.keys.size() * sizeof(std::uint32_t)), above(count_bytes);
    DeviceMemory equal(count_bytes), work(pixel_counts_bytes(own.shape.pixels));
    score.copy_from(own.data.score.data(), own.data.score.size() * sizeof(float));
    mask.copy_from(own.data.mask.data(), own.data.mask.size());
    keys.copy_from(own.keys.data(), own.keys.size() * sizeof(std::uint32_t));
    std::vector<std::uint64_t> result(own.keys.size(), 0);
    above.copy_from(result.data(), count_bytes);
    equal.copy_from(result.data(), count_bytes);
    const auto count = [&] {
      pixel_counts_cuda(own.shape, score.as<float>(), mask.as<std::uint8_t>(),
                        keys.as<std::uint32_t>(), above.as<std::uint64_t>(),
                        equal.as<std::uint64_t>(), work.as<void>(), stream);
    };
    count();
    wait_for(stream);
    above.copy_to(result.data(), count_bytes);
    if (result != own.above) return state.SkipWithError("differs from the reference");
    equal.copy_to(result.data(), count_bytes);
    if (result != own.equal) return state.SkipWithError("differs from the reference");
    bench::time(state, bench::Where::cuda, work_of(state), count);
  }
}

void counter_on_cuda(benchmark::State& state) {
  const Devices devices = cuda_devices();
  if (devices.found.empty()) return state.SkipWithError(devices.why_none.c_str());
  const Problem own = problem(state);
  const auto counted = [&] {
    PixelCounter counter(own.data.entries, {.device = Stream::Device::cuda});
    // Maps of 256 x 256, as they come.
    constexpr std::int64_t kMap = 65536;
    for (std::int64_t at = 0; at < own.shape.pixels; at += kMap)
      counter.add(own.data.score.data() + at, own.data.mask.data() + at,
                  std::min(kMap, own.shape.pixels - at));
    return counter.finish();
  };
  const PixelCounterResult result = counted();
  if (result.above != own.above || result.equal != own.equal || result.entries != own.sorted)
    return state.SkipWithError("differs from the reference");
  bench::time(state, bench::Where::cuda, work_of(state),
              [&] { benchmark::DoNotOptimize(counted()); });
}

// 5.4 M pixels are one class of MVTec at 256 x 256, 141.7 M all of VisA's test part.
BENCHMARK(counts_on_cpu)->Name("pixel_counts/ref")->ArgName("pixels")->Arg(5439488);
BENCHMARK(counts_on_cuda)
    ->Name("pixel_counts/cuda")
    ->ArgName("pixels")
    ->Arg(1 << 23)
    ->UseManualTime();
BENCHMARK(counter_on_cuda)
    ->Name("pixel_counter/cuda")
    ->ArgName("pixels")
    ->Arg(5439488)
    ->Arg(141688832)
    ->UseManualTime();
}  // namespace
}  // namespace looktwice::kernels
