// The tensors of a checkpoint by name, wherever they lie: one safetensors file, the shards that an
// index names, or a .pth file of PyTorch. Files stay mapped as long as any copy of this lives.
// Not here: what the names mean; converting, moving to a device (nn/loading.h).
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "adapters/nn/weights/safetensors.h"

namespace looktwice::weights {

class Checkpoint {
 public:
  Checkpoint() = default;
  // A folder with model.safetensors or model.safetensors.index.json. Throws Kind::model.
  static Checkpoint of_folder(const std::filesystem::path& folder);
  // A file: .safetensors, an index of shards (.json), or a zip file as torch.save writes it; told
  // by the first bytes.
  static Checkpoint of_file(const std::filesystem::path& file);

  const Tensors& tensors() const { return tensors_; }
  const TensorBytes* find(const std::string& name) const;  // nullptr: none
  const std::vector<std::filesystem::path>& files() const { return files_; }
  // SHA-256 over the SHA-256 of each file, in the order of their names.
  std::string hash() const;
  // Keeps the files mapped: hold it as long as bytes of a tensor are used.
  std::shared_ptr<const void> files_held() const { return held_; }

 private:
  struct Held;
  void add(const std::filesystem::path& file);
  std::shared_ptr<Held> held_;
  std::vector<std::filesystem::path> files_;
  Tensors tensors_;
};

}  // namespace looktwice::weights
