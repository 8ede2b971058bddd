// Where a kernel runs and in which queue. Not here: making queues (device.h).
#pragma once

namespace looktwice::kernels {

// The CPU, where a kernel has finished when it returns; or a CUDA queue, where it has only been
// asked for, pointers are device pointers and `handle` is a cudaStream_t (null: the default queue
// of the current device).
struct Stream {
  enum class Device { cpu, cuda };
  Device device = Device::cpu;
  void* handle = nullptr;
  int number = -1;  // of the CUDA device whose queue it is; -1: the current one
};

}  // namespace looktwice::kernels
