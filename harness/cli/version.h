// Which LookTwice this is.
#pragma once

#include <string>

namespace looktwice::cli {
std::string version();
std::string commit();  // of the sources that were built, "-dirty" behind it if they had changes;
                       // "unknown" outside a checkout
}  // namespace looktwice::cli
