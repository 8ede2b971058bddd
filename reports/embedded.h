// Files that are part of the program: the published tables and the page templates. Written by
// cmake/Embed.cmake.
#pragma once

#include <span>

#include "harness/core/embedded.h"

namespace looktwice::reports {

std::span<const EmbeddedFile> published_files();  // published/*.json
std::span<const EmbeddedFile> template_files();   // reports/templates/*

}  // namespace looktwice::reports
