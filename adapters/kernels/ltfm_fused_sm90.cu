// wgmma fed by TMA, for H100 and H200. One thread asks for a stage's two boxes, everybody waits for
// their bytes at the stage's barrier, two groups of four warps multiply 64 x 256 each while the
// next step is being asked for. Compiled for sm_90a alone. Has not run on a GPU yet: its tile
// arithmetic is walked on the host by tests/kernels/ltfm_fused_emulation_test.cc.
#include "adapters/kernels/cuda_check.cuh"
#include "adapters/kernels/fused_machine.cuh"
#include "adapters/kernels/ltfm_fused_launch.cuh"
#include "adapters/kernels/wgmma.cuh"

#include <cuda.h>
#include <cudaTypedefs.h>

namespace looktwice::kernels {
namespace {
using namespace fused;

struct Tensors {
  CUtensorMap features[kMostFusedLevels], weights[kMostFusedLevels];
};

template <class Element>
class Wgmma : public ThreadOfBlock, public WgmmaLayout {
 public:
  static constexpr int kNumberBytes = sizeof(Element), kStages = 4;
  static constexpr bool kMultiplyLags = true;
  using Own = OfWarp<Results<Wgmma, kDown, kAcross>>;

  // stages: a multiple of 1,024; barriers: one of eight bytes a stage.
  __device__ Wgmma(std::uint32_t stages, std::uint32_t barriers, const Tensors& tensors)
      : stages_(stages), barriers_(barriers), tensors_(tensors) {
    if (threadIdx.x == 0) {
      for (int stage = 0; stage < kStages; ++stage)
        asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" ::"r"(barrier(stage)) : "memory");
      asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
      asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
    }
    __syncthreads();
  }

  __device__ __forceinline__ void fetch(const Arguments&, const Place& place, int step, int steps) {
    if (threadIdx.x == 0 && step < steps) fetch_boxes(*this, place, step);
  }
  __device__ __forceinline__ void expect(int stage, int bytes) {
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier(stage)),
                 "r"(bytes)
                 : "memory");
  }
  __device__ __forceinline__ void load_features(int level, int column, std::int64_t row, int to,
                                                int stage) {
    load(tensors_.features[level], column, static_cast<int>(row), to, stage);
  }
  __device__ __forceinline__ void load_weights(int level, int column, int row, int to, int stage) {
    load(tensors_.weights[level], column, row, to, stage);
  }
  __device__ __forceinline__ void await(int step) {
    asm volatile(
        "{\n.reg .pred done;\n"
        "again:\n"
        "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
        "@!done bra again;\n}\n" ::"r"(barrier(step % kStages)),
        "r"(parity_of(step, kStages))
        : "memory");
  }

  __device__ __forceinline__ void multiply(int step, Own& results) {
    fence_products();
    multiply_with_wgmma(*this, static_cast<int>(threadIdx.x) / (4 * kWarp), stages_, step % kStages,
                        results);
    commit_products();
  }
  __device__ __forceinline__ void multiply_add(int, Own& results, std::uint64_t features,
                                               std::uint64_t weights) {
    multiply_64x256(Element{}, results.value.at[0], features, weights);
  }
  __device__ __forceinline__ void finish_all_but_last(Own&) { wait_for_products<1>(); }
  __device__ __forceinline__ void finish_all(Own&) { wait_for_products<0>(); }

 private:
  __device__ __forceinline__ std::uint32_t barrier(int stage) const {
    return barriers_ + 8 * static_cast<std::uint32_t>(stage);
  }
  __device__ __forceinline__ void load(const CUtensorMap& tensor, int column, int row, int to,
                                       int stage) {
    asm volatile(
        "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes "
        "[%0], [%1, {%2, %3}], [%4];" ::"r"(stages_ + static_cast<std::uint32_t>(to)),
        "l"(reinterpret_cast<std::uint64_t>(&tensor)), "r"(column), "r"(row), "r"(barrier(stage))
        : "memory");
  }

  std::uint32_t stages_, barriers_;
  const Tensors& tensors_;
};

struct Behind {
  Shared shared;
  alignas(8) std::uint64_t barriers[Wgmma<__half>::kStages];
};
constexpr int kAlign = 1024;
constexpr int kSharedBytes =
    kAlign + Wgmma<__half>::kStages * kStageBytes + static_cast<int>(sizeof(Behind));

template <class Element>
__global__ void __launch_bounds__(kThreads, 1)
    fused_wgmma(const __grid_constant__ Arguments asked, const __grid_constant__ Tensors tensors) {
  extern __shared__ __align__(128) unsigned char memory[];
  const auto begin = static_cast<std::uint32_t>(__cvta_generic_to_shared(memory));
  const std::uint32_t stages = (begin + kAlign - 1) / kAlign * kAlign;
  auto& behind =
      *reinterpret_cast<Behind*>(memory + (stages - begin) + Wgmma<Element>::kStages * kStageBytes);
  Wgmma<Element> machine(
      stages, static_cast<std::uint32_t>(__cvta_generic_to_shared(behind.barriers)), tensors);
  typename Wgmma<Element>::Own results;
  block(machine, asked, place_of(asked, blockIdx.x, static_cast<int>(blockIdx.y)), results,
        behind.shared);
}

// The driver's own function, found when it runs: nothing is linked to libcuda.
PFN_cuTensorMapEncodeTiled_v12000 encoder() {
  void* found = nullptr;
  cudaDriverEntryPointQueryResult result = {};
#if CUDART_VERSION >= 12050
  cuda_check(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &found, 12000,
                                              cudaEnableDefault, &result),
             "cuTensorMapEncodeTiled");
#else
  cuda_check(cudaGetDriverEntryPoint("cuTensorMapEncodeTiled", &found, cudaEnableDefault, &result),
             "cuTensorMapEncodeTiled");
#endif
  if (!found || result != cudaDriverEntryPointSuccess)
    throw std::runtime_error("ltfm_fused: the driver has no cuTensorMapEncodeTiled (12.0 has)");
  return reinterpret_cast<PFN_cuTensorMapEncodeTiled_v12000>(found);
}

CUtensorMap tensor_of(const void* data, Number number, std::int64_t rows, int width, int box_rows) {
  static const auto encode = encoder();
  CUtensorMap map;
  const cuuint64_t sizes[] = {static_cast<cuuint64_t>(width), static_cast<cuuint64_t>(rows)};
  const cuuint64_t stride[] = {static_cast<cuuint64_t>(width) * 2};
  const cuuint32_t box[] = {kRowBytes / 2, static_cast<cuuint32_t>(box_rows)};
  const cuuint32_t steps[] = {1, 1};
  const CUresult status = encode(
      &map,
      number == Number::bf16 ? CU_TENSOR_MAP_DATA_TYPE_BFLOAT16 : CU_TENSOR_MAP_DATA_TYPE_FLOAT16,
      2, const_cast<void*>(data), sizes, stride, box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE,
      CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
      CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (status != CUDA_SUCCESS)
    throw std::runtime_error("ltfm_fused: cuTensorMapEncodeTiled: error " +
                             std::to_string(static_cast<int>(status)));
  return map;
}

template <class Element>
void launch(const Arguments& asked, const Tensors& tensors, dim3 grid, cudaStream_t stream) {
  cuda_check(cudaFuncSetAttribute(fused_wgmma<Element>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                  kSharedBytes),
             "ltfm_fused: shared memory");
  fused_wgmma<Element><<<grid, kThreads, kSharedBytes, stream>>>(asked, tensors);
  cuda_check(cudaGetLastError(), "ltfm_fused");
}
}  // namespace

void ltfm_fused_sm90(const Arguments& asked, Number number, dim3 grid, cudaStream_t stream) {
  Tensors tensors;
  for (int level = 0; level < asked.levels; ++level) {
    tensors.features[level] =
        tensor_of(asked.features[level], number, asked.rows, asked.hidden, kRows);
    tensors.weights[level] =
        tensor_of(asked.weights[level], number, asked.dims, asked.hidden, kColumns);
  }
  if (number == Number::bf16)
    launch<__nv_bfloat16>(asked, tensors, grid, stream);
  else
    launch<__half>(asked, tensors, grid, stream);
}

}  // namespace looktwice::kernels
