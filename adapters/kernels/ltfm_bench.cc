// Verifies against the reference, then times what ships: bytes/s are those read and written.
#include <benchmark/benchmark.h>

#include <cmath>
#include <vector>

#include "adapters/kernels/device.h"
#include "adapters/kernels/ltfm.h"
#include "adapters/kernels/ltfm_cases.h"

namespace looktwice::kernels {
namespace {

LtfmCase case_of(const benchmark::State& state, Number number) {
  LtfmCase own{.bias = true};
  own.shape = {.levels = 4, .tiles = static_cast<int>(state.range(0)), .tokens = 729, .dims = 512};
  own.shape.number = number;
  return own;
}

bool agree(const std::vector<float>& a, const std::vector<float>& b, float tolerance) {
  for (std::size_t i = 0; i < a.size(); ++i)
    if (!(std::abs(a[i] - b[i]) <= tolerance)) return false;
  return true;
}

template <Number number>
void on_cpu(benchmark::State& state) {
  const LtfmCase own = case_of(state, number);
  const LtfmProblem problem = problem_of(own);
  std::vector<float> expected(problem.rows), map(problem.rows);
  ltfm_ref(own.shape, problem.features.data(), problem.bias.data(), problem.prompts.data(),
           expected.data());
  const auto run = [&] {
    ltfm(own.shape, problem.features.data(), problem.bias.data(), problem.prompts.data(),
         map.data());
  };
  run();
  if (!agree(map, expected, tolerance_of(own)))
    return state.SkipWithError("differs from the reference");
  for (auto _ : state) {
    run();
    benchmark::DoNotOptimize(map.data());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) *
                          static_cast<std::int64_t>(problem.features.size() + 4 * map.size()));
}

template <Number number>
void on_cuda(benchmark::State& state) {
  const Devices devices = cuda_devices();
  if (devices.found.empty()) return state.SkipWithError(devices.why_none.c_str());
  if constexpr (kCudaBuilt) {
    const LtfmCase own = case_of(state, number);
    const LtfmProblem problem = problem_of(own);
    std::vector<float> expected(problem.rows), map(problem.rows);
    ltfm_ref(own.shape, problem.features.data(), problem.bias.data(), problem.prompts.data(),
             expected.data());
    DeviceMemory features(problem.features.size()), bias(problem.bias.size() * 4),
        prompts(problem.prompts.size() * 4), result(map.size() * 4);
    features.copy_from(problem.features.data(), problem.features.size());
    bias.copy_from(problem.bias.data(), problem.bias.size() * 4);
    prompts.copy_from(problem.prompts.data(), problem.prompts.size() * 4);
    const Stream stream{.device = Stream::Device::cuda};
    const auto run = [&] {
      ltfm(own.shape, features.as<void>(), bias.as<float>(), prompts.as<float>(),
           result.as<float>(), stream);
    };
    run();
    result.copy_to(map.data(), map.size() * 4);
    if (!agree(map, expected, tolerance_of(own)))
      return state.SkipWithError("differs from the reference");
    for (auto _ : state) {
      run();
      wait_for(stream);
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) *
                            static_cast<std::int64_t>(problem.features.size() + 4 * map.size()));
    state.counters["peak_bytes_per_s"] = devices.found[0].peak_bytes_per_s;
    state.SetLabel(devices.found[0].name);
  }
}

void shapes(benchmark::internal::Benchmark* bench) {
  bench->ArgName("tiles")->Arg(1)->Arg(5)->Arg(10)->Arg(37);
}
BENCHMARK(on_cpu<Number::f32>)->Name("ltfm/cpu/fp32")->Apply(shapes);
BENCHMARK(on_cpu<Number::bf16>)->Name("ltfm/cpu/bf16")->Apply(shapes);
BENCHMARK(on_cuda<Number::f32>)->Name("ltfm/cuda/fp32")->Apply(shapes)->UseRealTime();
BENCHMARK(on_cuda<Number::bf16>)->Name("ltfm/cuda/bf16")->Apply(shapes)->UseRealTime();

}  // namespace
}  // namespace looktwice::kernels
