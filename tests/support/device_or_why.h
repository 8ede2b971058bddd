// Whether a device is here, for tests that run on each there is.
#pragma once

#include <string>

#include "adapters/nn/device.h"
#include "harness/core/error.h"

namespace looktwice::test {

// Empty when it is here; else why not, for a test that skips.
inline std::string why_no_device(const std::string& name) {
  try {
    nn::device_named(name);
    return {};
  } catch (const Error& error) {
    return std::string("needs ") + name + ": " + error.what();
  }
}

}  // namespace looktwice::test
