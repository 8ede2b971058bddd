// All datasets of this build; generated from the list in CMakeLists.txt.
#pragma once

#include <vector>

#include "harness/core/dataset.h"

namespace looktwice::datasets {
std::vector<DatasetEntry> dataset_catalogue();
}  // namespace looktwice::datasets
