// What Anomaly-OneVision sees in a picture before any word is said: features of each tile, the
// significance map, anomaly tokens, the score; and these projected into the language model's space.
// Not here: prompts, the order of tokens in a sequence, the language model.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "adapters/anomaly_ov/checkpoint_folder.h"
#include "adapters/anomaly_ov/expert.h"
#include "adapters/anomaly_ov/tiles.h"
#include "harness/core/sample.h"

namespace looktwice::anomaly_ov {

struct VisionOptions {
  at::Device device = at::Device(at::kCPU);
  at::ScalarType type = at::kFloat;
  std::vector<int> levels = {6, 12, 18, 24};  // numbers of blocks from 0
  ExpertOptions expert = {};
};

// One picture, seen.
struct Sight {
  nn::SiglipFeatures features = {};  // final: [tiles][tokens][hidden], tile 0 the whole picture
  Expertise expertise = {};          // empty, and no score, without an expert
  double logit = 0, score = 0;       // score = sigmoid(logit), in double
  std::vector<Span> spans = {};      // preprocess, vision, ltfm, select
};

class Vision {
 public:
  // Loads vision model, projector and expert; what else the checkpoint holds belongs to `rest`, the
  // language model, and is not looked at. Throws Kind::model.
  Vision(const CheckpointFolder& folder, const VisionOptions& options);
  ~Vision();
  Vision(Vision&&) noexcept;

  // Any number of tiles. CUDA: waits until done.
  Sight look(const Tiles& tiles) const;

  // [..., hidden] -> [..., language hidden]: Linear, GELU, Linear. For features, local and global
  // tokens alike.
  at::Tensor projected(const at::Tensor& tokens) const;
  const at::Tensor& newline() const;  // [language hidden], model.image_newline
  const nn::SiglipShape& shape() const;
  bool has_expert() const;
  // [tiles][3][edge][edge], float on the CPU: what look() gives the vision model.
  at::Tensor pixels(const Tiles& tiles) const;
  // For tests: steps of look() alone. expert(): where there is one.
  const nn::Siglip& siglip() const;
  const Expert& expert() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

// The tensors of the checkpoint that Vision takes, by prefix; all others are the language model's.
bool is_vision(const std::string& tensor);

}  // namespace looktwice::anomaly_ov
