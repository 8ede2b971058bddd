// looktwice_bench: every kernel, every number, every device of this build. As any program of Google
// Benchmark: --benchmark_filter=ltfm/cpu, --benchmark_repetitions=10, --benchmark_out=FILE. Two
// such files are compared by `looktwice bench compare`.
#include "adapters/kernels/bench.h"

int main(int count, char** words) {
  benchmark::Initialize(&count, words);
  if (benchmark::ReportUnrecognizedArguments(count, words)) return 2;
  namespace bench = looktwice::kernels::bench;
  bench::add_ltfm();
  bench::add_ltfm_fused();
  bench::add_token_select();
  bench::add_context();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
