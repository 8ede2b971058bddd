// defects_config.json of MVTec LOCO: a list of {defect_name, pixel_value, saturation_threshold,
// relative_saturation}. Not here: the masks whose pixels hold those values.
#pragma once

#include <filesystem>
#include <map>
#include <memory>

#include "harness/core/sample.h"

namespace looktwice::datasets {

using SaturationTable = std::shared_ptr<const std::map<int, Saturation>>;  // by pixel value

// Kind::data names file, line and column: values outside 1..255 or twice, a relative threshold
// outside [0, 1], an absolute one that is no whole number of pixels.
SaturationTable read_defects_config(const std::filesystem::path& file);

}  // namespace looktwice::datasets
