// Waits for what has been asked of a device, so that a stopwatch beside it tells the truth.
// Not here: times of single stages (nn/stage_clock.h).
#pragma once

#include <c10/core/Device.h>
#include <c10/core/impl/VirtualGuardImpl.h>

namespace looktwice::benchmarks {

inline void wait_for(c10::Device device) {
  if (device.is_cuda()) c10::impl::VirtualGuardImpl(device.type()).getStream(device).synchronize();
}

}  // namespace looktwice::benchmarks
