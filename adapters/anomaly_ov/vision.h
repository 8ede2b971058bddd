// What Anomaly-OneVision sees in a picture before any word is said: features of each tile, the
// significance map, anomaly tokens, the score; and these projected into the language model's space.
// Not here: prompts, the order of tokens in a sequence, the language model.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "adapters/anomaly_ov/checkpoint_folder.h"
#include "adapters/anomaly_ov/expert.h"
#include "adapters/anomaly_ov/tiles.h"
#include "adapters/nn/stage_clock.h"
#include "harness/core/sample.h"

namespace looktwice::anomaly_ov {

struct VisionOptions {
  at::Device device = at::Device(at::kCPU);
  at::ScalarType type = at::kFloat;
  std::vector<int> levels = {6, 12, 18, 24};  // numbers of blocks from 0
  ExpertOptions expert = {};
  // At once through the vision model, whatever pictures they are of; 0: as the device likes it,
  // 8 on a GPU, 5 on a CPU (a fifth faster than one, and more bring no more: docs/anomaly_ov.md), 1
  // where the CPU's library would round each tile by those beside it.
  int tiles_at_once = 0;
  // Frees memory that can be had again; false: there was none. Asked before fewer tiles go at once.
  std::function<bool()> give_back = {};
};

// What of the features is kept after the expert has seen them: nothing, the last ones (for words),
// or the levels as well.
enum class Keep : std::uint8_t { nothing, final, all };

// One picture, seen.
struct Sight {
  nn::SiglipFeatures features = {};  // final: [tiles][tokens][hidden], tile 0 the whole picture
  Expertise expertise = {};          // empty, and no score, without an expert
  double logit = 0, score = 0;       // score = sigmoid(logit), in double
  // preprocess, vision, ltfm, select: each the picture's share of the time, by its tiles; laid end
  // to end.
  std::vector<Span> spans = {};
};

class Vision {
 public:
  // Loads vision model, projector and expert; what else the checkpoint holds belongs to `rest`, the
  // language model, and is not looked at. Throws Kind::model.
  Vision(const CheckpointFolder& folder, const VisionOptions& options);
  ~Vision();
  Vision(Vision&&) noexcept;

  // Any number of pictures and tiles; what is seen in a picture has the same bits whatever pictures
  // are beside it. Out of memory makes fewer tiles go at once, from then on; thrown when one alone
  // does not fit. CUDA: waits until done.
  std::vector<Sight> look(std::span<const Tiles> pictures, Keep keep);
  Sight look(const Tiles& tiles, Keep keep = Keep::all);
  // As memory has allowed so far.
  int tiles_at_once() const;

  // [..., hidden] -> [..., language hidden]: Linear, GELU, Linear. For features, local and global
  // tokens alike.
  at::Tensor projected(const at::Tensor& tokens) const;
  const at::Tensor& newline() const;  // [language hidden], model.image_newline
  const nn::SiglipShape& shape() const;
  bool has_expert() const;
  // [images][3][edge][edge], float on the CPU: what look() gives the vision model.
  at::Tensor pixels(std::span<const Image* const> images) const;
  at::Tensor pixels(const Tiles& tiles) const;
  // For tests: steps of look() alone. expert(): where there is one.
  const nn::Siglip& siglip() const;
  const Expert& expert() const;

 private:
  struct Parts;
  struct Row;
  nn::SiglipFeatures features(const at::Tensor& pixels) const;
  nn::StageClock look_at(Row& row, std::int64_t first, std::int64_t count, Keep keep);

  std::unique_ptr<Parts> parts_;
};

// The tensors of the checkpoint that Vision takes, by prefix; all others are the language model's.
bool is_vision(const std::string& tensor);

}  // namespace looktwice::anomaly_ov
