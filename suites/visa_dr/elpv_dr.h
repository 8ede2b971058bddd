// The list of elpv_dr.reasoning, part of the program. Private to this folder.
#pragma once

#include <span>

#include "harness/core/embedded.h"

namespace looktwice::suites {
std::span<const EmbeddedFile> elpv_dr_files();
}  // namespace looktwice::suites
