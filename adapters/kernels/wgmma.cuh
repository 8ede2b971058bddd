// wgmma of sm_90a: 64 x 256 results += 64 x 16 features times 256 x 16 weights, both in shared memory
// with the number's index contiguous, results in registers as ltfm_fused_tiles.h lays them. In
// flight until wait_for_products() says that at most so many groups are. PTX ISA, "wgmma".
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

namespace looktwice::kernels {

__device__ __forceinline__ void fence_products() {
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
__device__ __forceinline__ void commit_products() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
template <int kInFlight>
__device__ __forceinline__ void wait_for_products() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kInFlight) : "memory");
}

// clang-format off
#define LOOKTWICE_WGMMA_PIECE(r, i) \
  "+f"((r)[i][0].value[0]), "+f"((r)[i][0].value[1]), "+f"((r)[i][0].value[2]), "+f"((r)[i][0].value[3])
#define LOOKTWICE_WGMMA_FOUR(r, i)                                      \
  LOOKTWICE_WGMMA_PIECE(r, i), LOOKTWICE_WGMMA_PIECE(r, (i) + 1), \
  LOOKTWICE_WGMMA_PIECE(r, (i) + 2), LOOKTWICE_WGMMA_PIECE(r, (i) + 3)
#define LOOKTWICE_WGMMA(type)                                                            \
  asm volatile(                                                                          \
      "{\n.reg .pred p;\nsetp.eq.b32 p, 0, 0;\n"                                         \
      "wgmma.mma_async.sync.aligned.m64n256k16.f32." type "." type " {"                  \
      "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, " \
      "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, " \
      "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, " \
      "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63, " \
      "%64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, " \
      "%80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, " \
      "%96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111, " \
      "%112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127" \
      "}, %128, %129, p, 1, 1, 0, 0;\n}\n"                                              \
      : LOOKTWICE_WGMMA_FOUR(results, 0), LOOKTWICE_WGMMA_FOUR(results, 4),              \
        LOOKTWICE_WGMMA_FOUR(results, 8), LOOKTWICE_WGMMA_FOUR(results, 12),             \
        LOOKTWICE_WGMMA_FOUR(results, 16), LOOKTWICE_WGMMA_FOUR(results, 20),            \
        LOOKTWICE_WGMMA_FOUR(results, 24), LOOKTWICE_WGMMA_FOUR(results, 28)             \
      : "l"(features), "l"(weights))

// results: [32] pieces of four numbers, One<Floats> each.
template <class Piece>
__device__ __forceinline__ void multiply_64x256(__nv_bfloat16, Piece (&results)[32], std::uint64_t features,
                                                std::uint64_t weights) {
  LOOKTWICE_WGMMA("bf16");
}
template <class Piece>
__device__ __forceinline__ void multiply_64x256(__half, Piece (&results)[32], std::uint64_t features,
                                                std::uint64_t weights) {
  LOOKTWICE_WGMMA("f16");
}
// clang-format on

}  // namespace looktwice::kernels
