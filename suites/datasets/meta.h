// meta.json of AnomalyCLIP and AdaCLIP: {"train": {class: [record]}, "test": {class: [record]}}, a
// record being {img_path, mask_path, cls_name, specie_name, anomaly}. Only "test" is evaluated.
#pragma once

#include <string>

#include "suites/datasets/layout.h"

namespace looktwice::datasets {
// Adds what the manifest `file` (relative to the root) lists; its paths are taken as
// Gathering::listed_file does.
void add_meta_json(Gathering& gathering, const std::string& file);
}  // namespace looktwice::datasets
