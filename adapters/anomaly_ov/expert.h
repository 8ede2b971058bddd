// The anomaly expert of Anomaly-OneVision: from features of the vision model to a significance map
// per tile, four anomaly tokens per tile, one for the picture, and its score.
// Not here: the vision model (nn/siglip.h), the projector (vision.h), the language model.
// Source: arXiv 2502.07601, section 3; anomaly_expert.py of the released code, which differs from
// the paper: docs/anomaly_ov.md tells where.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "adapters/kernels/ltfm_rows.h"
#include "adapters/nn/layers.h"
#include "adapters/nn/loading.h"
#include "adapters/nn/panels.h"
#include "adapters/nn/siglip.h"

namespace looktwice::anomaly_ov {

enum class Variant { released, paper };

struct ExpertOptions {
  Variant variant = Variant::released;
  // Ablations of the paper's table 1.
  bool look_back = true;      // off: the class of the picture says nothing to the prompts
  bool split_prompts = true;  // off: no positive and negative embedding, the class alone
  bool q_former = true;       // off: the pooled tokens are taken as they are
  at::ScalarType score_type = at::kFloat;  // of the last two layers; the released code: the model's
};

// What the expert sees in one picture; floats, on the device of the model.
struct Expertise {
  at::Tensor map = {};     // [tiles][tokens], 0 to 1
  at::Tensor local = {};   // [tiles][4][hidden]: top left, top right, bottom left, bottom right
  at::Tensor global = {};  // [1][hidden]
  at::Tensor logit = {};   // [1]; the score is its sigmoid
  // Steps on the way, for tests and the curious.
  at::Tensor class_pool = {}, class_vector = {};  // [hidden], [class]
  at::Tensor prompts = {};                        // [levels][2][dims], up to a rotation on the CPU
  at::Tensor query = {}, pooled = {};             // [tiles][4][hidden], [tiles][4]
};

class Expert {
 public:
  // Not whole before loading.finish(); then call prepare().
  Expert(nn::Loading& loading, std::int64_t hidden, std::int64_t tokens, std::int64_t levels,
         ExpertOptions options);
  // Folds constant matrices. After loading.finish().
  void prepare();

  // Tile 0 is the whole picture; it gives the class.
  Expertise look(const nn::SiglipFeatures& features) const;

  // The same in steps, so that tiles of several pictures can be seen together and none of their
  // features be kept. Map, query, pooled and local of so many tiles, to be filled in.
  Expertise room(std::int64_t tiles) const;
  // Of room for many tiles that for some.
  static Expertise part(const Expertise& room, std::int64_t first, std::int64_t tiles);
  // Class and prompts. whole: [tokens][hidden], the last features of a picture's tile 0.
  void classify(const at::Tensor& whole, Expertise& seen) const;
  // The map of tiles of one picture, whose prompts `seen` has.
  void match(const nn::SiglipFeatures& features, Expertise& seen) const;
  // Query, pooled and local of tiles that have their map, of any pictures.
  void select(const at::Tensor& final, Expertise& seen) const;
  // Global token and logit of a picture whose tiles have been through the steps before.
  void conclude(Expertise& seen) const;
  // [levels][tiles][tokens], before they are averaged.
  at::Tensor level_maps(const nn::SiglipFeatures& features, const Expertise& seen) const;

 private:
  struct Level {
    nn::Linear adaptor, prompt;
    nn::Linear negative_prompt;   // variant paper, when the checkpoint has one
    kernels::LtfmRows rows = {};  // on a CPU instead of the adaptor, turned
    at::Tensor bias = {};         // [dims], on a GPU
  };
  at::Tensor turned(Level& level) const;
  at::Tensor prompts_for(const at::Tensor& class_vector) const;
  at::Tensor matched_at_once(const nn::SiglipFeatures& features, const at::Tensor& prompts) const;
  at::Tensor matched_in_rows(const nn::SiglipFeatures& features, const at::Tensor& prompts,
                             bool average) const;
  at::Tensor matched(const nn::SiglipFeatures& features, const at::Tensor& prompts,
                     bool average) const;

  ExpertOptions options_;
  std::int64_t hidden_ = 0, dims_ = 0, classes_ = 0, attention_ = 0;
  at::Tensor positive_, negative_;
  nn::Linear pooling_, class_in_, class_out_, query_, key_, score_in_, score_out_;
  nn::Panels query_panels_ = {};  // on a CPU instead of query_, folded
  std::vector<Level> levels_;
  // What of the prompts is the same for every picture, and what the class is multiplied with.
  at::Tensor constant_prompts_ = {}, class_prompts_ = {};  // [levels][2][dims], [.. dims][classes]
};

}  // namespace looktwice::anomaly_ov
