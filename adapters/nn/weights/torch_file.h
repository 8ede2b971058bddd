// The zip form of torch.save: a state_dict of plain tensors (dict or OrderedDict, name -> tensor),
// which is how the official Anomaly-OneVision expert comes ("pretrained_expert_7b.pth").
// A pickle is a program; this runs none of it: only OrderedDict, tensors and their storages are
// known, and whatever else it asks for is refused and named. Limits: pickle of 2 MiB (real ones:
// kilobytes), members stored without compression (as torch writes them), little endian, tensors in
// row order. Not here: the older tar and plain pickle forms, whole modules.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "adapters/nn/weights/safetensors.h"

namespace looktwice::weights {

struct TorchFile {
  std::vector<std::shared_ptr<const std::vector<std::byte>>> storages = {};
  Tensors tensors = {};  // point into the storages
};

// `name` begins every message; throws Kind::model.
TorchFile torch_file(std::span<const std::byte> file, const std::string& name);

}  // namespace looktwice::weights
