// The SigLIP vision transformer as LLaVA-OneVision uses it: no class token, no head, the last block
// never run and no norm after it; outputs of chosen blocks on the way.
// All is of the type asked for, but on a CPU without matrix units for it bf16 and fp16 save memory
// alone: weights stay so narrow and the arithmetic is fp32, faster there than what is narrow.
// Not here: pictures to pixels (imaging/anyres.h, imaging/normalise.h), the text side, training.
// Source: arXiv 2303.15343; llava siglip_encoder.py (548-611) of the released Anomaly-OneVision.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include "adapters/nn/layers.h"
#include "adapters/nn/loading.h"
#include "adapters/nn/many_rows.h"

namespace looktwice::nn {

struct SiglipShape {
  std::int64_t hidden = 1152, heads = 16, mlp = 4304;
  std::int64_t blocks = 27;  // in the configuration; the last one is not run
  std::int64_t image = 384, patch = 14;
  double eps = 1e-6;
  // Patches along one side: pixels that fill no patch are left out (384 = 27 * 14 + 6).
  std::int64_t grid() const { return image / patch; }
  std::int64_t tokens() const { return grid() * grid(); }
};

struct SiglipFeatures {
  at::Tensor final = {};                // [tiles][tokens][hidden], output of the last block run
  std::vector<at::Tensor> levels = {};  // the same of the blocks asked for
};

class Siglip {
 public:
  // prefix: "model.vision_tower.vision_tower.vision_model.". Not whole before loading.finish().
  Siglip(Loading& loading, const std::string& prefix, const SiglipShape& shape);

  // pixels[tiles][3][image][image], float, normalised. levels: numbers of blocks from 0, ascending.
  SiglipFeatures features(const at::Tensor& pixels, std::span<const int> levels) const;

  const SiglipShape& shape() const { return shape_; }
  // A tile has the same bits whatever tiles are beside it. Else the library's products of many rows
  // round by where a row is among them.
  bool tiles_apart() const { return by_rows_; }

 private:
  struct Block {
    LayerNorm norm1, norm2;
    Linear q, k, v, out, up, down;
  };
  struct Room {  // of what lives within a block, the same for all
    at::Tensor q, k, v, up;
  };
  void products(const at::Tensor& x, std::initializer_list<RowMatrix> matrices,
                Finish finish = {}) const;
  at::Tensor patches(const at::Tensor& pixels) const;
  void through_by_tensors(const Block& block, at::Tensor& x) const;
  void through_by_rows(const Block& block, at::Tensor& x, Room& room) const;

  SiglipShape shape_;
  at::ScalarType type_ = at::kFloat, compute_ = at::kFloat;  // asked for; of the arithmetic
  bool by_rows_ = false;
  Linear patch_;
  at::Tensor position_;
  std::vector<Block> blocks_;
};

}  // namespace looktwice::nn
