#include "adapters/kernels/device.h"

namespace looktwice::kernels {

Devices cuda_devices_of_driver();  // device_cuda.cu

Devices cuda_devices() {
  if constexpr (kCudaBuilt)
    return cuda_devices_of_driver();
  else
    return {.why_none = "built without CUDA kernels (cmake --workflow --preset cuda builds them)"};
}

}  // namespace looktwice::kernels
