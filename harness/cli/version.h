// Which LookTwice this is.
#pragma once

#include <string>

namespace looktwice::cli {
inline constexpr const char* kVersion = LOOKTWICE_VERSION;
std::string commit();  // of the sources that were built; "unknown" outside a checkout
}  // namespace looktwice::cli
