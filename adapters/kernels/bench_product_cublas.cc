// The GPU's product by cuBLASLt: the bare product that ltfm_fused is measured by. fp32 without
// TF32, as the models run. y' = w x' in cuBLAS's columns is y = x w' in ours.
#include <cublasLt.h>

#include <stdexcept>
#include <string>

#include "adapters/kernels/bench.h"
#include "adapters/kernels/device.h"

namespace looktwice::kernels::bench {
namespace {

void check(cublasStatus_t status, const char* what) {
  if (status != CUBLAS_STATUS_SUCCESS)
    throw std::runtime_error(std::string(what) + ": cuBLASLt error " + std::to_string(status));
}

class OnCuda final : public Product {
 public:
  static constexpr std::size_t kWorkspace = std::size_t{32} << 20;

  OnCuda(Number number, std::int64_t rows, std::int64_t hidden, std::int64_t dims)
      : workspace_(kWorkspace) {
    const cudaDataType_t type = number == Number::f32    ? CUDA_R_32F
                                : number == Number::bf16 ? CUDA_R_16BF
                                                         : CUDA_R_16F;
    check(cublasLtCreate(&handle_), "cublasLtCreate");
    check(cublasLtMatmulDescCreate(&product_, CUBLAS_COMPUTE_32F, CUDA_R_32F), "description");
    const cublasOperation_t turned = CUBLAS_OP_T;
    check(cublasLtMatmulDescSetAttribute(product_, CUBLASLT_MATMUL_DESC_TRANSA, &turned,
                                         sizeof turned),
          "transposition");
    const auto wide = static_cast<std::uint64_t>(hidden), out = static_cast<std::uint64_t>(dims),
               long_ = static_cast<std::uint64_t>(rows);
    check(cublasLtMatrixLayoutCreate(&w_, type, wide, out, hidden), "layout");
    check(cublasLtMatrixLayoutCreate(&x_, type, wide, long_, hidden), "layout");
    check(cublasLtMatrixLayoutCreate(&y_, type, out, long_, dims), "layout");
    check(cublasLtMatmulPreferenceCreate(&preference_), "preference");
    const std::size_t room = kWorkspace;
    check(cublasLtMatmulPreferenceSetAttribute(
              preference_, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &room, sizeof room),
          "workspace");
    int found = 0;
    check(cublasLtMatmulAlgoGetHeuristic(handle_, product_, w_, x_, y_, y_, preference_, 1, &best_,
                                         &found),
          "heuristic");
    if (found == 0) throw std::runtime_error("cuBLASLt has no algorithm for this product");
  }
  ~OnCuda() override {
    cublasLtMatmulPreferenceDestroy(preference_);
    for (cublasLtMatrixLayout_t layout : {w_, x_, y_}) cublasLtMatrixLayoutDestroy(layout);
    cublasLtMatmulDescDestroy(product_);
    cublasLtDestroy(handle_);
  }
  void run(const void* x, const void* w, void* y) override {
    const float one = 1, zero = 0;
    check(cublasLtMatmul(handle_, product_, &one, w, w_, x, x_, &zero, y, y_, y, y_, &best_.algo,
                         workspace_.as<void>(), kWorkspace, nullptr),
          "cublasLtMatmul");
  }

 private:
  cublasLtHandle_t handle_ = nullptr;
  cublasLtMatmulDesc_t product_ = nullptr;
  cublasLtMatrixLayout_t w_ = nullptr, x_ = nullptr, y_ = nullptr;
  cublasLtMatmulPreference_t preference_ = nullptr;
  cublasLtMatmulHeuristicResult_t best_ = {};
  DeviceMemory workspace_;
};

}  // namespace

const char* const kCudaProduct = "cuBLASLt";

std::unique_ptr<Product> cuda_product(Number number, std::int64_t rows, std::int64_t hidden,
                                      std::int64_t dims) {
  return std::make_unique<OnCuda>(number, rows, hidden, dims);
}

}  // namespace looktwice::kernels::bench
