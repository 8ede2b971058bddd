// Verifies against the reference, then times what ships: bytes are weights read and places written.
#include <string>
#include <vector>

#include "adapters/kernels/bench.h"
#include "adapters/kernels/device.h"
#include "adapters/kernels/topk_tokens.h"
#include "adapters/kernels/topk_tokens_cases.h"

namespace looktwice::kernels {
namespace {
struct Problem {
  TopkCase own = {};
  std::vector<float> weight = {};
  std::vector<std::int32_t> expected = {};
  std::int64_t bytes() const {
    return static_cast<std::int64_t>(weight.size() * sizeof(float) +
                                     expected.size() * sizeof(std::int32_t));
  }
};

Problem problem(const benchmark::State& state) {
  Problem result;
  result.own.shape = {.images = static_cast<int>(state.range(0)),
                      .tokens = static_cast<int>(state.range(1)),
                      .k = static_cast<int>(state.range(2))};
  result.weight = weights_of(result.own);
  result.expected.resize(static_cast<std::size_t>(result.own.shape.images) *
                         static_cast<std::size_t>(result.own.shape.k));
  topk_tokens_ref(result.own.shape, result.weight.data(), result.expected.data());
  return result;
}

template <auto kernel>
void on_cpu(benchmark::State& state) {
  const Problem own = problem(state);
  std::vector<std::int32_t> kept(own.expected.size());
  kernel(own.own.shape, own.weight.data(), kept.data());
  if (kept != own.expected) return state.SkipWithError("differs from the reference");
  bench::time(state, bench::Where::cpu, {.bytes = double(own.bytes())},
              [&] { kernel(own.own.shape, own.weight.data(), kept.data()); });
}

void on_cuda(benchmark::State& state) {
  const Devices devices = cuda_devices();
  if (devices.found.empty()) return state.SkipWithError(devices.why_none.c_str());
  if constexpr (kCudaBuilt) {
    const Problem own = problem(state);
    const std::size_t weight_bytes = own.weight.size() * sizeof(float);
    const std::size_t kept_bytes = own.expected.size() * sizeof(std::int32_t);
    const Stream stream{.device = Stream::Device::cuda};
    DeviceMemory weight(weight_bytes);
    DeviceMemory kept(kept_bytes);
    weight.copy_from(own.weight.data(), weight_bytes);
    topk_tokens(own.own.shape, weight.as<float>(), kept.as<std::int32_t>(), stream);
    std::vector<std::int32_t> result(own.expected.size());
    kept.copy_to(result.data(), kept_bytes);
    if (result != own.expected) return state.SkipWithError("differs from the reference");
    bench::time(state, bench::Where::cuda, {.bytes = double(own.bytes())}, [&] {
      topk_tokens(own.own.shape, weight.as<float>(), kept.as<std::int32_t>(), stream);
    });
  }
}

void shapes(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"images", "tokens", "k"})
      ->Args({5, 729, 256})
      ->Args({64, 729, 256})
      ->Args({1, 65536, 4096});
}
BENCHMARK(on_cpu<topk_tokens_ref>)->Name("topk_tokens/ref")->Apply(shapes);
BENCHMARK(on_cpu<topk_tokens_cpu>)->Name("topk_tokens/cpu")->Apply(shapes);
BENCHMARK(on_cuda)->Name("topk_tokens/cuda")->Apply(shapes)->UseManualTime();
}  // namespace
}  // namespace looktwice::kernels
