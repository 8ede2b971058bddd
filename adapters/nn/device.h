// Where a native model computes, and in which numbers. A GPU costs nothing until one is asked for:
// libtorch_cuda is loaded then, from beside libtorch_cpu, and nothing is linked to it.
// Not here: choosing a device for the user.
#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <exception>
#include <string>
#include <vector>

#include "adapters/kernels/stream.h"

namespace looktwice::nn {

// "cpu", "cuda" (the first one), "cuda:1". Throws Kind::usage for another word, Kind::model when
// this LibTorch or this machine has no such device, with the reason. TF32 is off: parity needs
// fp32.
at::Device device_named(const std::string& name);

// All that the driver shows, from cuda:0 on. Throws Kind::model, beginning with `what`, where this
// LibTorch has no CUDA.
std::vector<at::Device> cuda_devices(const std::string& what);
// Memory that a CUDA device has left now. Throws Kind::model when it does not tell.
std::int64_t free_bytes(at::Device device);
// LibTorch says in three ways that there is no more memory: on a GPU, on the CPU, and where the C++
// library does.
bool is_out_of_memory(const std::exception& error);

// "fp32", "bf16", "fp16". Throws Kind::usage.
at::ScalarType number_type_named(const std::string& name);
const char* name_of(at::ScalarType type);

// The queue into which LibTorch puts its own work for this device and thread now, for kernels of
// adapters/kernels between two of its operations.
kernels::Stream stream_of(at::Device device);

// For the whole process: threads of one operation on the CPU; and up to 256 MB of memory that
// tensors no longer need stay for the next ones. Else most are given back to the system and come
// again page by page, which is a sixth of a long prompt's time.
void use_threads(int threads);

}  // namespace looktwice::nn
