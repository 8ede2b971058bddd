// --device of the pixel metrics: the processors, or a GPU that counts to the same bits.
#pragma once

#include <string>

#include "metrics/pixel/pixel_engine.h"

namespace looktwice::cli {

// "cpu": nothing, so the processors count. "cuda:N" (or "cuda", the first): an engine on that
// device. Kind::usage says why there is none.
metrics::MakePixelEngine pixel_engine_on(const std::string& device);

}  // namespace looktwice::cli
