// What CUDA reports becomes an exception that names the call.
#pragma once

#include <cuda_runtime.h>

#include <stdexcept>
#include <string>

#include "adapters/kernels/stream.h"

namespace looktwice::kernels {

inline void cuda_check(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // or the next launch would report it as its own
  throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(status));
}

// A launch goes to the current device, and a queue of another one is an error there: that of the
// queue is made current, and the one before it again at the end.
class DeviceOf {
 public:
  explicit DeviceOf(Stream stream) {
    if (stream.number < 0) return;
    cuda_check(cudaGetDevice(&before_), "cudaGetDevice");
    if (before_ == stream.number)
      before_ = -1;
    else
      cuda_check(cudaSetDevice(stream.number), "cudaSetDevice");
  }
  ~DeviceOf() {
    if (before_ >= 0) cudaSetDevice(before_);
  }
  DeviceOf(const DeviceOf&) = delete;
  DeviceOf& operator=(const DeviceOf&) = delete;

 private:
  int before_ = -1;
};

inline cudaStream_t cuda_stream(Stream stream) {
  return static_cast<cudaStream_t>(stream.handle);
}

}  // namespace looktwice::kernels
