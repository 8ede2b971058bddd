// An anomaly map out of a file of any kind that models write: .npy, .npz, TIFF, PNG.
// Not here: which file belongs to which sample (adapters/predictions).
#pragma once

#include <filesystem>

#include "harness/core/sample.h"

namespace looktwice::imaging {

// One map; the format is told by the first bytes, not by the suffix. Kind::data names the file.
AnomalyMap map_of_file(const std::filesystem::path& file);

}  // namespace looktwice::imaging
