// The decoder of Qwen2, which LLaVA-OneVision and Qwen2.5-VL share: grouped-query attention with
// biases on q, k and v, rotary positions, RMSNorm, SwiGLU. Positions are an input: [n], or [3, n]
// (time, height, width) where `mrope_section` divides the frequencies among three axes.
// On the CPU all arithmetic is fp32, whatever type the weights have, and weights stay as narrow as
// they are stored when that is the same numbers; on a GPU all is of the type asked for.
// Layers may lie on several devices: weights, keys and values of a layer with it, hidden states
// cross once from each stretch of layers to the next.
// Not here: pictures, prompts, choosing tokens (sampling.h), batches over time (generate.h).
// Source: transformers 4.51, models/qwen2 and models/qwen2_5_vl, with exact fp32 rotary tables.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "adapters/nn/device_map.h"
#include "adapters/nn/loading.h"

namespace looktwice {
struct JsonValue;
}

namespace looktwice::nn {

struct Qwen2Config {
  std::int64_t hidden = 0, intermediate = 0, layers = 0, heads = 0, kv_heads = 0;
  double rms_eps = 1e-6, rope_theta = 1e6;
  // The head is the embedding. Not said: it is where the file has no other.
  std::optional<bool> tied = {};
  std::vector<std::int64_t> mrope_section = {};

  std::int64_t head_size() const { return hidden / heads; }
};
// config: config.json of a checkpoint; name: for messages. Throw Kind::data.
std::optional<bool> tied_head(const JsonValue& config, const std::string& name);
Qwen2Config qwen2_config(const JsonValue& config, const std::string& name);

// What a decoder takes of its devices. rows: of embedding and head each; tokens: that the caches
// are to hold; weight, number: bytes of a weight, and of a number in a cache.
DecoderBytes decoder_bytes(const Qwen2Config& config, std::int64_t rows, std::int64_t tokens,
                           std::int64_t weight, std::int64_t number);
// Where its layers go: by the map, from loading.device() on. owner: begins messages. Throws as
// stages_of.
std::vector<Stage> decoder_stages(const std::string& owner, const DeviceMap& map, Loading& loading,
                                  const Qwen2Config& config, std::int64_t tokens);

// Keys and values of the tokens that one text has so far, with room for more.
class KvCache {
 public:
  std::int64_t length() const { return length_; }
  // The position that the next decoded token takes.
  std::int64_t next_position() const { return next_position_; }
  // Where a layer's keys and values lie.
  at::Device device_of(std::int64_t layer) const {
    return keys_[static_cast<std::size_t>(layer)].device();
  }
  // A copy of the first `length` tokens, to go on from in another way; room: tokens it can hold
  // before it has to grow.
  KvCache fork(std::int64_t length, std::int64_t room) const;
  // Forgets all but the first `length` tokens. next_position: of the token to come, where the next
  // tokens are not prefilled with positions of their own.
  void truncate(std::int64_t length, std::int64_t next_position);

 private:
  friend class Qwen2;
  void reserve(std::int64_t room);

  std::vector<at::Tensor> keys_ = {}, values_ = {};  // [layer] of [kv_heads, room, head_size]
  std::int64_t length_ = 0, next_position_ = 0;
};

class Qwen2 {
 public:
  // Takes model.* and lm_head.* out of a checkpoint. used_rows: tokens that may be generated, at
  // most the rows of the head (0: all). stages: where the layers lie, of which the first also has
  // the embedding and the last the norm and an untied head; empty: all where `loading` puts it.
  // loading.finish() before the first use.
  Qwen2(Loading& loading, Qwen2Config config, std::int64_t used_rows = 0,
        std::vector<Stage> stages = {});
  ~Qwen2();
  Qwen2(Qwen2&&) noexcept;

  const Qwen2Config& config() const;
  std::int64_t used_rows() const;
  std::int64_t embedding_rows() const;  // tokens that a prompt may hold
  // Of the first stage, where embeddings are.
  at::ScalarType compute_type() const;
  std::span<const Stage> stages() const;
  std::string where() const;  // text_of them

  // [n, hidden]
  at::Tensor embedded(std::span<const std::int32_t> ids) const;
  KvCache cache(std::int64_t room) const;
  // Appends tokens to a text. embeds [n, hidden]; positions int64 [n] or [3, n], on the CPU.
  // Returns the final hidden state of the last token, [hidden], on the last stage's device.
  at::Tensor prefill(KvCache& cache, const at::Tensor& embeds, const at::Tensor& positions) const;
  // The same with positions counting on from the cache's next.
  at::Tensor prefill(KvCache& cache, const at::Tensor& embeds) const;
  // One more token each for several texts; hidden states [texts, hidden]. Every text's result is
  // the same to rounding whoever else is in the batch; on the CPU to the last bit.
  at::Tensor decode(std::span<KvCache* const> texts, std::span<const std::int32_t> ids) const;
  // Scores of the next token, fp32 on the CPU: [..., used_rows] for hidden states [..., hidden].
  at::Tensor logits(const at::Tensor& hidden) const;

  // After each layer's output, for tests: [n, hidden], on the layer's device.
  std::vector<at::Tensor> layer_outputs(const at::Tensor& embeds,
                                        const at::Tensor& positions) const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace looktwice::nn
