// mma.sync with a pipeline of 16-byte cp.async copies, for sm_80 and everything after it; devices
// of compute capability 9.0 take ltfm_fused_sm90.cu for 16-bit numbers. The prompts' difference and
// the blocks' counters are made first, in one small launch. Has not run on a GPU yet: its tile
// arithmetic is walked on the host by tests/kernels/ltfm_fused_emulation_test.cc.
#include "adapters/kernels/cuda_check.cuh"
#include "adapters/kernels/fused_machine.cuh"
#include "adapters/kernels/ltfm_fused.h"
#include "adapters/kernels/ltfm_fused_launch.cuh"

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cub/block/block_reduce.cuh>

namespace looktwice::kernels {
namespace {
using namespace fused;

__device__ __forceinline__ std::uint32_t rounded_to_tf32(float x) {
  std::uint32_t bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
  return bits;
}

// 16-bit numbers go to the tensor cores as they lie; floats as a high and a low part.
template <class Element>
struct Fragment {
  Words words;
  __device__ __forceinline__ void take(const Words& loaded) { words = loaded; }
};
template <>
struct Fragment<float> {
  Words high, low;
  __device__ __forceinline__ void take(const Words& loaded) {
    LOOKTWICE_UNROLL
    for (int i = 0; i < 4; ++i) {
      const float x = __uint_as_float(loaded.word[i]);
      high.word[i] = rounded_to_tf32(x);
      low.word[i] = rounded_to_tf32(x - __uint_as_float(high.word[i]));
    }
  }
};

#define LOOKTWICE_MMA(shape, type)                                                              \
  asm volatile("mma.sync.aligned." shape ".row.col.f32." type "." type                          \
               ".f32 "                                                                          \
               "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"                \
               : "+f"(sum.value[0]), "+f"(sum.value[1]), "+f"(sum.value[2]), "+f"(sum.value[3]) \
               : "r"(left.word[0]), "r"(left.word[1]), "r"(left.word[2]), "r"(left.word[3]),    \
                 "r"(right.word[2 * half]), "r"(right.word[2 * half + 1]))

__device__ __forceinline__ void mma(__nv_bfloat16, Floats& sum, const Words& left,
                                    const Words& right, int half) {
  LOOKTWICE_MMA("m16n8k16", "bf16");
}
__device__ __forceinline__ void mma(__half, Floats& sum, const Words& left, const Words& right,
                                    int half) {
  LOOKTWICE_MMA("m16n8k16", "f16");
}
__device__ __forceinline__ void mma(float, Floats& sum, const Words& left, const Words& right,
                                    int half) {
  LOOKTWICE_MMA("m16n8k8", "tf32");
}

template <class Element>
class Mma : public ThreadOfBlock, public MmaLayout {
 public:
  static constexpr int kNumberBytes = sizeof(Element), kStages = 3;
  static constexpr bool kMultiplyLags = false;
  // Floats need twice the registers for what they multiply: more at once would not fit.
  static constexpr int kStepsAtOnce = kNumberBytes == 4 ? 1 : kSteps;
  using Own = OfWarp<Results<Mma, kDown, kAcross>>;
  using Left = Fragment<Element>;
  using Right = Fragment<Element>;

  __device__ explicit Mma(std::uint32_t stages) : stages_(stages) {}

  __device__ __forceinline__ void fetch(const Arguments& asked, const Place& place, int step,
                                        int steps) {
    if (step < steps) threads([&](int thread) { fetch_chunks(*this, asked, place, step, thread); });
    asm volatile("cp.async.commit_group;" ::: "memory");
  }
  __device__ __forceinline__ void copy(int to, const void* from, int bytes) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(stages_ + to), "l"(from),
                 "r"(bytes)
                 : "memory");
  }
  __device__ __forceinline__ void await(int) {
    asm volatile("cp.async.wait_group %0;" ::"n"(kStages - 2) : "memory");
  }
  __device__ __forceinline__ void multiply(int step, Own& results) {
    warps([&](int warp) { multiply_with_mma(*this, warp, step % kStages, results[warp]); });
  }
  __device__ __forceinline__ void finish_all_but_last(Own&) {}
  __device__ __forceinline__ void finish_all(Own&) {
    asm volatile("cp.async.wait_group 0;" ::: "memory");
  }

  __device__ __forceinline__ void load_left(Left& to, auto&& place) { to.take(loaded(place)); }
  __device__ __forceinline__ void load_right(Right& to, auto&& place) { to.take(loaded(place)); }
  __device__ __forceinline__ void multiply_add(One<Floats>& sum, const Left& left,
                                               const Right& right, int half) {
    if constexpr (sizeof(Element) == 4) {
      // The tensor core cuts what it adds; our own sum rounds. Small parts first.
      Floats part = {};
      mma(Element{}, part, left.low, right.high, half);
      mma(Element{}, part, left.high, right.low, half);
      mma(Element{}, part, left.high, right.high, half);
      LOOKTWICE_UNROLL
      for (int i = 0; i < 4; ++i) sum.value.value[i] += part.value[i];
    } else {
      mma(Element{}, sum.value, left.words, right.words, half);
    }
  }

 private:
  __device__ __forceinline__ Words loaded(auto&& place) {
    Words to;
    lanes([&](int lane) {
      asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                   : "=r"(to.word[0]), "=r"(to.word[1]), "=r"(to.word[2]), "=r"(to.word[3])
                   : "r"(stages_ + static_cast<std::uint32_t>(place(lane)))
                   : "memory");
    });
    return to;
  }

  std::uint32_t stages_;
};

template <class Element>
constexpr int kSharedBytes = Mma<Element>::kStages* kStageBytes + static_cast<int>(sizeof(Shared));

template <class Element>
__global__ void __launch_bounds__(kThreads, 1) fused_mma(const __grid_constant__ Arguments asked) {
  extern __shared__ __align__(128) unsigned char memory[];
  auto& shared = *reinterpret_cast<Shared*>(memory + Mma<Element>::kStages * kStageBytes);
  Mma<Element> machine(static_cast<std::uint32_t>(__cvta_generic_to_shared(memory)));
  typename Mma<Element>::Own results;
  block(machine, asked, place_of(asked, blockIdx.x, static_cast<int>(blockIdx.y)), results, shared);
}

// difference[level][dims] = scale * (other / |other| - selected / |selected|); counters to zero.
__global__ void __launch_bounds__(kThreads)
    prepare(int dims, int selected, float scale, const float* __restrict__ prompts,
            float* __restrict__ difference, unsigned* __restrict__ done, unsigned counters) {
  using Reduce = cub::BlockReduce<double, kThreads>;
  __shared__ typename Reduce::TempStorage storage;
  __shared__ double norms[2];
  for (unsigned i = blockIdx.x * kThreads + threadIdx.x; i < counters; i += gridDim.x * kThreads)
    done[i] = 0;
  prompts += static_cast<std::int64_t>(blockIdx.x) * 2 * dims;
  for (int p = 0; p < 2; ++p) {
    double sum = 0;
    for (int d = threadIdx.x; d < dims; d += kThreads) {
      const double value = prompts[static_cast<std::int64_t>(p) * dims + d];
      sum += value * value;
    }
    sum = Reduce(storage).Sum(sum);
    if (threadIdx.x == 0) norms[p] = sqrt(sum);
    __syncthreads();
  }
  const float* own = prompts + static_cast<std::int64_t>(selected) * dims;
  const float* other = prompts + static_cast<std::int64_t>(1 - selected) * dims;
  for (int d = threadIdx.x; d < dims; d += kThreads)
    difference[static_cast<std::int64_t>(blockIdx.x) * dims + d] = static_cast<float>(
        double{scale} * (other[d] / norms[1 - selected] - own[d] / norms[selected]));
}

template <class Element>
void launch(const Arguments& asked, dim3 grid, cudaStream_t stream) {
  cuda_check(cudaFuncSetAttribute(fused_mma<Element>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                  kSharedBytes<Element>),
             "ltfm_fused: shared memory");
  fused_mma<Element><<<grid, kThreads, kSharedBytes<Element>, stream>>>(asked);
  cuda_check(cudaGetLastError(), "ltfm_fused");
}

int attribute(cudaDeviceAttr name) {
  int device = 0, value = 0;
  cuda_check(cudaGetDevice(&device), "cudaGetDevice");
  cuda_check(cudaDeviceGetAttribute(&value, name, device), "cudaDeviceGetAttribute");
  return value;
}
}  // namespace

std::string ltfm_fused_device_refusal(Stream stream) {
  const DeviceOf device(stream);
  const int has = attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin);
  if (has >= kSharedBytes<float>) return {};
  return "it needs " + std::to_string(kSharedBytes<float>) +
         " bytes of shared memory a block, the device has " + std::to_string(has);
}

void ltfm_fused_cuda(const LtfmFused& shape, const void* const* features,
                     const void* const* weights, const float* const* biases, const float* prompts,
                     float* map, Stream handle) {
  const DeviceOf device(handle);
  const cudaStream_t stream = cuda_stream(handle);
  Arguments asked = {};
  for (int level = 0; level < shape.levels; ++level) {
    asked.features[level] = features[level];
    asked.weights[level] = weights[level];
    asked.biases[level] = biases ? biases[level] : nullptr;
  }
  asked.rows = static_cast<std::int64_t>(shape.tiles) * shape.tokens;
  asked.levels = shape.levels;
  asked.hidden = shape.hidden;
  asked.dims = shape.dims;
  asked.column_blocks = (shape.dims + kColumns - 1) / kColumns;
  asked.share = shape.share != 0 ? shape.share : 1.0f / static_cast<float>(shape.levels);
  asked.map = map;
  const std::int64_t row_blocks = (asked.rows + kRows - 1) / kRows;

  const std::int64_t sums = asked.rows * shape.levels * asked.column_blocks;
  const std::int64_t bytes =
      sums * static_cast<std::int64_t>(sizeof(Sums)) +
      4 * (static_cast<std::int64_t>(shape.levels) * shape.dims + row_blocks);
  void* memory = nullptr;
  cuda_check(cudaMallocAsync(&memory, static_cast<std::size_t>(bytes), stream),
             "ltfm_fused: memory");
  asked.partial = static_cast<Sums*>(memory);
  auto* difference = reinterpret_cast<float*>(asked.partial + sums);
  asked.difference = difference;
  asked.done = reinterpret_cast<unsigned*>(difference +
                                           static_cast<std::int64_t>(shape.levels) * shape.dims);
  prepare<<<static_cast<unsigned>(shape.levels), kThreads, 0, stream>>>(
      shape.dims, shape.selected, shape.scale, prompts, difference, asked.done,
      static_cast<unsigned>(row_blocks));
  cuda_check(cudaGetLastError(), "ltfm_fused: prompts");
  const dim3 grid(static_cast<unsigned>(row_blocks * asked.column_blocks),
                  static_cast<unsigned>(shape.levels));
  if (shape.number == Number::f32)
    launch<float>(asked, grid, stream);
  else if (attribute(cudaDevAttrComputeCapabilityMajor) == 9 &&
           attribute(cudaDevAttrComputeCapabilityMinor) == 0)
    ltfm_fused_sm90(asked, shape.number, grid, stream);
  else if (shape.number == Number::bf16)
    launch<__nv_bfloat16>(asked, grid, stream);
  else
    launch<__half>(asked, grid, stream);
  cuda_check(cudaFreeAsync(memory, stream), "ltfm_fused: memory");
}

}  // namespace looktwice::kernels
