// The CUDA devices of this machine, or why there are none; memory and queues on them for tests,
// benches and models that bring no allocator of their own. Not here: choosing a device for the
// user.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "adapters/kernels/stream.h"

namespace looktwice::kernels {

// Decided by CMake (LOOKTWICE_CUDA). What is declared "CUDA build only" has no definition without
// it: call it inside `if constexpr (kCudaBuilt)`.
inline constexpr bool kCudaBuilt = LOOKTWICE_CUDA != 0;

struct Device {
  int number = 0;  // as in "cuda:0"
  std::string name = {};
  int major = 0, minor = 0;  // compute capability
  std::int64_t memory_bytes = 0;
  double peak_bytes_per_s = 0;  // memory clock x bus width; 0 when the driver does not tell
};

struct Devices {
  std::vector<Device> found = {};
  std::string why_none = {};  // empty when some were found
};

// Never throws for lack of a driver: that is an answer.
Devices cuda_devices();

// CUDA build only. Bytes on the current device; copies wait until they are done. Throws
// std::runtime_error with CUDA's own words.
class DeviceMemory {
 public:
  explicit DeviceMemory(std::size_t bytes);
  ~DeviceMemory();
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  template <typename T>
  T* as() {
    return static_cast<T*>(data_);
  }
  void copy_from(const void* host, std::size_t bytes);
  void copy_to(void* host, std::size_t bytes) const;

 private:
  void* data_ = nullptr;
};

// CUDA build only. Asks for a copy within the device's memory.
void copy_on_device(void* to, const void* from, std::size_t bytes, Stream stream);

// CUDA build only. Waits for everything asked of the queue; throws what went wrong in it.
void wait_for(Stream stream);

}  // namespace looktwice::kernels
