// The words in which a block of a GPU kernel is written once for the GPU and for the host that
// walks it in tests: a Machine (thread_of_block.cuh there, tests/kernels/host_block.h here) calls
// threads(f), warps(f) and lanes(f) for the one that runs, or for each in turn; OfLane<Value> is
// one value there and 32 here; sync() is the block's barrier. Not here: any arithmetic.
#pragma once

#if defined(__CUDACC__)
#define LOOKTWICE_TILE __device__ __forceinline__
#define LOOKTWICE_UNROLL _Pragma("unroll")
#define LOOKTWICE_UNROLL_BY(times) LOOKTWICE_PRAGMA(unroll times)
#define LOOKTWICE_PRAGMA(words) _Pragma(#words)
#else
#define LOOKTWICE_TILE inline
#define LOOKTWICE_UNROLL
#define LOOKTWICE_UNROLL_BY(times)
#endif

namespace looktwice::kernels::blocks {

inline constexpr int kThreads = 256, kWarp = 32, kWarps = kThreads / kWarp;

// Numbers of a lane that are summed over its warp together, in halves: 16, 8, 4, 2, 1 lanes apart.
template <int kCount>
struct Numbers {
  float at[kCount] = {};
};

}  // namespace looktwice::kernels::blocks
