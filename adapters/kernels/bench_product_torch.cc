// The CPU's product by LibTorch (oneMKL, oneDNN), on one thread as the kernels are.
#include <ATen/Parallel.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/mm.h>
#include <c10/core/InferenceMode.h>

#include "adapters/kernels/bench.h"

namespace looktwice::kernels::bench {
namespace {

class OnCpu final : public Product {
 public:
  OnCpu(Number number, std::int64_t rows, std::int64_t hidden, std::int64_t dims)
      : rows_(rows), hidden_(hidden), dims_(dims) {
    at::set_num_threads(1);
    type_ = number == Number::f32 ? at::kFloat : number == Number::bf16 ? at::kBFloat16 : at::kHalf;
  }
  void run(const void* x, const void* w, void* y) override {
    const c10::InferenceMode guard;
    const auto matrix = [&](const void* data, std::int64_t rows, std::int64_t columns) {
      return at::from_blob(const_cast<void*>(data), {rows, columns}, type_);
    };
    at::Tensor result = matrix(y, rows_, dims_);
    at::mm_out(result, matrix(x, rows_, hidden_), matrix(w, dims_, hidden_).t());
  }

 private:
  std::int64_t rows_, hidden_, dims_;
  at::ScalarType type_;
};

}  // namespace

const char* const kCpuProduct = "LibTorch at::mm, one thread";

std::unique_ptr<Product> cpu_product(Number number, std::int64_t rows, std::int64_t hidden,
                                     std::int64_t dims) {
  return std::make_unique<OnCpu>(number, rows, hidden, dims);
}

}  // namespace looktwice::kernels::bench
