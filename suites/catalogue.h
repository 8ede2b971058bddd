// All suites of this build; generated from the list in CMakeLists.txt.
#pragma once

#include <vector>

#include "harness/core/suite.h"

namespace looktwice::suites {
std::vector<SuiteEntry> suite_catalogue();
}  // namespace looktwice::suites
