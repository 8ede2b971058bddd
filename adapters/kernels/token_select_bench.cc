// Verifies against the reference, then times what ships: bytes/s count the features once a step.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "adapters/kernels/device.h"
#include "adapters/kernels/token_select.h"
#include "adapters/kernels/token_select_cases.h"

namespace looktwice::kernels {
namespace {

TokenSelectCase case_of(const benchmark::State& state, Number number) {
  TokenSelectCase own;
  own.shape = {
      .tiles = static_cast<int>(state.range(0)), .grid = 27, .dims = 1152, .number = number};
  own.shape.scale = 1 / std::sqrt(512.0f);
  return own;
}

struct Results {
  explicit Results(const TokenSelect& shape)
      : query(static_cast<std::size_t>(shape.tiles) * kWindows *
              static_cast<std::size_t>(shape.dims)),
        pooled(static_cast<std::size_t>(shape.tiles) * kWindows),
        token(query.size()) {}
  std::vector<float> query, pooled, token;
};

bool agree(const std::vector<float>& a, const std::vector<float>& b, float tolerance) {
  for (std::size_t i = 0; i < a.size(); ++i)
    if (!(std::abs(a[i] - b[i]) <= tolerance * std::max(1.0f, std::abs(b[i])))) return false;
  return true;
}

Results expected_of(const TokenSelectCase& own, const TokenSelectProblem& problem) {
  Results expected(own.shape);
  token_pool_ref(own.shape, problem.features.data(), problem.map.data(), expected.query.data(),
                 expected.pooled.data());
  token_attend_ref(own.shape, problem.features.data(), problem.query.data(), expected.token.data());
  return expected;
}

template <Number number>
void on_cpu(benchmark::State& state) {
  const TokenSelectCase own = case_of(state, number);
  const TokenSelectProblem problem = problem_of(own);
  const Results expected = expected_of(own, problem);
  Results got(own.shape);
  const auto run = [&] {
    token_pool(own.shape, problem.features.data(), problem.map.data(), got.query.data(),
               got.pooled.data());
    token_attend(own.shape, problem.features.data(), problem.query.data(), got.token.data());
  };
  run();
  if (!agree(got.query, expected.query, tolerance_of(own)) ||
      !agree(got.token, expected.token, tolerance_of(own)))
    return state.SkipWithError("differs from the reference");
  for (auto _ : state) {
    run();
    benchmark::DoNotOptimize(got.token.data());
  }
  state.SetBytesProcessed(2 * static_cast<std::int64_t>(state.iterations()) *
                          static_cast<std::int64_t>(problem.features.size()));
}

template <Number number>
void on_cuda(benchmark::State& state) {
  const Devices devices = cuda_devices();
  if (devices.found.empty()) return state.SkipWithError(devices.why_none.c_str());
  if constexpr (kCudaBuilt) {
    const TokenSelectCase own = case_of(state, number);
    const TokenSelectProblem problem = problem_of(own);
    const Results expected = expected_of(own, problem);
    Results got(own.shape);
    const Stream stream{.device = Stream::Device::cuda};
    DeviceMemory features(problem.features.size()), map(problem.map.size() * 4),
        query(problem.query.size() * 4), query_out(got.query.size() * 4),
        pooled(got.pooled.size() * 4), token(got.token.size() * 4);
    features.copy_from(problem.features.data(), problem.features.size());
    map.copy_from(problem.map.data(), problem.map.size() * 4);
    query.copy_from(problem.query.data(), problem.query.size() * 4);
    const auto run = [&] {
      token_pool(own.shape, features.as<void>(), map.as<float>(), query_out.as<float>(),
                 pooled.as<float>(), stream);
      token_attend(own.shape, features.as<void>(), query.as<float>(), token.as<float>(), stream);
    };
    run();
    query_out.copy_to(got.query.data(), got.query.size() * 4);
    token.copy_to(got.token.data(), got.token.size() * 4);
    if (!agree(got.query, expected.query, tolerance_of(own)) ||
        !agree(got.token, expected.token, tolerance_of(own)))
      return state.SkipWithError("differs from the reference");
    for (auto _ : state) {
      run();
      wait_for(stream);
    }
    state.SetBytesProcessed(2 * static_cast<std::int64_t>(state.iterations()) *
                            static_cast<std::int64_t>(problem.features.size()));
    state.counters["peak_bytes_per_s"] = devices.found[0].peak_bytes_per_s;
    state.SetLabel(devices.found[0].name);
  }
}

void shapes(benchmark::internal::Benchmark* bench) {
  bench->ArgName("tiles")->Arg(1)->Arg(5)->Arg(10)->Arg(37);
}
BENCHMARK(on_cpu<Number::f32>)->Name("token_select/cpu/fp32")->Apply(shapes);
BENCHMARK(on_cpu<Number::bf16>)->Name("token_select/cpu/bf16")->Apply(shapes);
BENCHMARK(on_cuda<Number::f32>)->Name("token_select/cuda/fp32")->Apply(shapes)->UseRealTime();
BENCHMARK(on_cuda<Number::bf16>)->Name("token_select/cuda/bf16")->Apply(shapes)->UseRealTime();

}  // namespace
}  // namespace looktwice::kernels
