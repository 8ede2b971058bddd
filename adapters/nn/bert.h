// The encoder of BERT, and of MPNet, which differs in its names, its positions and a bias of
// relative positions on the attention: token ids in, states out. Texts lie one after another,
// without padding. On the CPU fp32 and bf16 are computed by BertRows; GPUs, and fp16, by LibTorch's
// operations. Not here: tokens, pooling.
// Sources: Devlin et al. 2018; Song et al. 2020; the layout is that of Hugging Face's BertModel and
// MPNetModel.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "adapters/nn/bert_rows.h"
#include "adapters/nn/layers.h"
#include "adapters/nn/weights/checkpoint.h"
#include "adapters/nn/weights/config.h"

namespace looktwice::nn {

class Bert {
 public:
  // Throws Kind::model: another architecture, or weights that do not fit the configuration.
  Bert(const weights::Config& config, const weights::Checkpoint& checkpoint, at::Device device,
       at::ScalarType type);

  // ids[tokens] of all texts on the processor, lengths[texts] of each, their sum is tokens; equal
  // lengths side by side are computed together. The states [tokens][hidden] after the first
  // `layers` layers (-1: all), 0 being the embedding.
  at::Tensor last_state(std::span<const std::int32_t> ids, std::span<const std::int64_t> lengths,
                        int layers = -1) const;
  // After the embedding and after each layer, by LibTorch's operations everywhere: what the test
  // holds last_state() against.
  std::vector<at::Tensor> states(std::span<const std::int32_t> ids,
                                 std::span<const std::int64_t> lengths) const;

  int layers() const { return static_cast<int>(layers_.size()); }
  std::int64_t hidden() const { return hidden_; }
  // Of one text.
  std::int64_t most_tokens() const { return positions_ - first_position_; }
  std::int64_t vocabulary() const { return words_.size(0); }

 private:
  struct Layer {
    Linear qkv = {}, attention_out = {}, up = {}, down = {};
    LayerNorm after_attention = {}, after_mlp = {};
  };
  at::Tensor embedding(std::span<const std::int32_t> ids,
                       std::span<const std::int64_t> lengths) const;
  at::Tensor attention(const at::Tensor& qkv, std::span<const std::int64_t> lengths) const;
  at::Tensor relative_bias(std::int64_t length) const;
  at::Tensor next(const Layer& layer, const at::Tensor& state,
                  std::span<const std::int64_t> lengths) const;

  BertWeights borrowed() const;

  std::int64_t hidden_ = 0, heads_ = 0, positions_ = 0, first_position_ = 0;
  at::Device device_;
  at::Tensor words_ = {}, places_ = {}, first_type_ = {};
  at::Tensor relative_ = {};  // MPNet: [buckets][heads]
  LayerNorm embedding_norm_ = {};
  std::vector<Layer> layers_ = {};
  std::shared_ptr<const BertRows> rows_ = {};  // of tensors above
};

}  // namespace looktwice::nn
