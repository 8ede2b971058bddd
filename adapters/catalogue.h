// All adapters of this build; generated from the list in CMakeLists.txt.
#pragma once

#include <vector>

#include "harness/core/adapter.h"

namespace looktwice::adapters {
std::vector<AdapterEntry> adapter_catalogue();
}  // namespace looktwice::adapters
