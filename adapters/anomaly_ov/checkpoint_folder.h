// A checkpoint folder of Anomaly-OneVision: which files hold what, and the sizes of the vision
// model. Layout: LLaVA-OneVision's (config.json, model.safetensors or shards), the expert beside it
// as anomaly_expert.safetensors or the official pretrained_expert_*.pth.
// Not here: sizes of the language model.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "adapters/nn/siglip.h"
#include "adapters/nn/weights/checkpoint.h"

namespace looktwice::anomaly_ov {

struct FolderOptions {
  std::filesystem::path checkpoint = {};
  // Empty: looked for in the checkpoint. A .safetensors or .pth file, or a folder with one; "none":
  // the base model alone.
  std::filesystem::path expert = {};
  // Empty: part of the checkpoint. Else the folder of a SigLIP model of its own.
  std::filesystem::path vision = {};
};

struct CheckpointFolder {
  // expert: empty when there is to be none; vision: when it is part of model.
  weights::Checkpoint model = {}, expert = {}, vision = {};
  std::string vision_prefix = {};  // of its tensors' names
  nn::SiglipShape vision_shape = {};
  bool has_expert() const { return !expert.files().empty(); }
  std::int64_t language_hidden = 0;  // what the projector's output must have
};

// Throws Kind::usage or Kind::model with the file and what was expected.
CheckpointFolder checkpoint_folder(const FolderOptions& options);

}  // namespace looktwice::anomaly_ov
