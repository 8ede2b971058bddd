#include "adapters/kernels/device.h"

#include "adapters/kernels/cuda_check.cuh"

namespace looktwice::kernels {
namespace {
int attribute(cudaDeviceAttr name, int device) {
  int value = 0;
  return cudaDeviceGetAttribute(&value, name, device) == cudaSuccess ? value : 0;
}
}  // namespace

Devices cuda_devices_of_driver() {
  Devices devices;
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess || count == 0) {
    cudaGetLastError();  // or the next launch would report it as its own
    devices.why_none = status != cudaSuccess ? cudaGetErrorString(status) : "no CUDA device";
    return devices;
  }
  for (int number = 0; number < count; ++number) {
    cudaDeviceProp properties;
    cuda_check(cudaGetDeviceProperties(&properties, number), "cudaGetDeviceProperties");
    Device device;
    device.number = number;
    device.name = properties.name;
    device.major = properties.major;
    device.minor = properties.minor;
    device.memory_bytes = static_cast<std::int64_t>(properties.totalGlobalMem);
    // kHz, two transfers a clock; bits.
    device.peak_bytes_per_s = 2e3 * attribute(cudaDevAttrMemoryClockRate, number) *
                              attribute(cudaDevAttrGlobalMemoryBusWidth, number) / 8;
    devices.found.push_back(device);
  }
  return devices;
}

DeviceMemory::DeviceMemory(std::size_t bytes) {
  cuda_check(cudaMalloc(&data_, bytes > 0 ? bytes : 1), "cudaMalloc");
}
DeviceMemory::~DeviceMemory() {
  cudaFree(data_);
}

void DeviceMemory::copy_from(const void* host, std::size_t bytes) {
  cuda_check(cudaMemcpy(data_, host, bytes, cudaMemcpyHostToDevice), "copy to the device");
}
void DeviceMemory::copy_to(void* host, std::size_t bytes) const {
  cuda_check(cudaMemcpy(host, data_, bytes, cudaMemcpyDeviceToHost), "copy from the device");
}

void copy_on_device(void* to, const void* from, std::size_t bytes, Stream stream) {
  cuda_check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, cuda_stream(stream)),
             "copy on the device");
}

void wait_for(Stream stream) {
  cuda_check(cudaStreamSynchronize(cuda_stream(stream)), "cudaStreamSynchronize");
}

}  // namespace looktwice::kernels
