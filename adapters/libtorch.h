// Whether this build has the native models, and on which LibTorch.
#pragma once

#include <string>

namespace looktwice::adapters {

std::string libtorch_version();  // "2.11.0"; empty: built without

}  // namespace looktwice::adapters
