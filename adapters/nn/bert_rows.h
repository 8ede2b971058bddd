// The encoder of BERT and MPNet on the CPU: some texts at a time go through all layers while they
// are in the second cache, one thread each; weights lie in panels, nothing is padded. A text's
// states are the same to the last bit for any number of threads and whatever texts are beside it.
// Not here: names in checkpoints, GPUs (bert.h, which uses this), tokens, pooling.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "adapters/nn/panels.h"
#include "adapters/nn/text_rows.h"

namespace looktwice::nn {

// fp32 weights as they lie in a checkpoint. Products are copied into panels; the rest is read where
// it is and must stay there.
struct BertWeights {
  struct Matrix {
    const float *weight = nullptr, *bias = nullptr;  // [out][in], [out]
  };
  struct Layer {
    Matrix qkv = {}, attention_out = {}, up = {}, down = {};
    Norm after_attention = {}, after_mlp = {};
  };
  std::int64_t hidden = 0, heads = 1, inner = 0, first_position = 0;
  const float *words = nullptr, *places = nullptr;  // [vocabulary][hidden], [positions][hidden]
  const float* first_type = nullptr;                // [hidden], or nullptr
  const float* relative = nullptr;                  // [buckets][heads], or nullptr
  std::int64_t (*bucket_of)(std::int64_t distance) = nullptr;  // of key - query
  Norm embedding_norm = {};
  std::vector<Layer> layers = {};
};

class BertRows {
 public:
  BertRows(const BertWeights& weights, Factors factors, Isa isa = best_isa());

  // ids[tokens] of all texts, lengths[texts]: their sum is tokens; states[tokens][hidden] after so
  // many layers, 0 being the embedding.
  void states(std::span<const std::int32_t> ids, std::span<const std::int64_t> lengths, int layers,
              float* states, int threads = 1) const;

 private:
  struct Layer {
    Panels qkv = {}, attention_out = {}, up = {}, down = {};
    Norm after_attention = {}, after_mlp = {};
  };
  struct Room;
  void embed(std::span<const std::int32_t> ids, std::span<const std::int64_t> lengths, float* x,
             std::int64_t step) const;
  void attend_all(std::span<const std::int64_t> lengths, Room& room) const;
  void compute(std::span<const std::int32_t> ids, std::span<const std::int64_t> lengths, int layers,
               float* states, Room& room) const;
  void spoil(std::span<const std::int64_t> lengths, Room& room) const;
  // Texts that left the range of fp16 once more, in bf16.
  void mend(std::span<const std::int32_t> ids, std::span<const std::int64_t> lengths, int layers,
            float* states) const;

  BertWeights weights_;
  std::vector<Layer> layers_ = {};
  Factors factors_;
  Isa isa_;
  mutable std::once_flag wider_once_;
  mutable std::unique_ptr<const BertRows> wider_;  // made when first needed
};

}  // namespace looktwice::nn
