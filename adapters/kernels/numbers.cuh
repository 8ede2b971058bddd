// Stored numbers as floats, sixteen bytes at a time.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstring>

namespace looktwice::kernels {

__device__ inline float float_of(float x) {
  return x;
}
__device__ inline float float_of(__nv_bfloat16 x) {
  return __bfloat162float(x);
}
__device__ inline float float_of(__half x) {
  return __half2float(x);
}

// `from` lies at a multiple of sixteen bytes.
template <class Element>
struct Pack {
  static constexpr int kSize = 16 / static_cast<int>(sizeof(Element));
  __device__ static void load(const Element* from, float* to) {
    const uint4 raw = *reinterpret_cast<const uint4*>(from);
    Element elements[kSize];
    memcpy(elements, &raw, sizeof raw);
    for (int i = 0; i < kSize; ++i) to[i] = float_of(elements[i]);
  }
};

}  // namespace looktwice::kernels
