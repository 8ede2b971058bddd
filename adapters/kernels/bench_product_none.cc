// A build without LibTorch: no product of a library on the CPU.
#include "adapters/kernels/bench.h"

namespace looktwice::kernels::bench {

const char* const kCpuProduct = "";

std::unique_ptr<Product> cpu_product(Number, std::int64_t, std::int64_t, std::int64_t) {
  return nullptr;
}

}  // namespace looktwice::kernels::bench
