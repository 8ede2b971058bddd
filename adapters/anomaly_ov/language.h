// The language part of Anomaly-OneVision: tokenizer, decoder, prompts with pictures in them, and
// the memory of what earlier turns about a picture have computed. Not here: seeing (vision.h), the
// adapter's loop (anomaly_ov.cc).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "adapters/anomaly_ov/vision.h"
#include "adapters/nn/qwen2.h"
#include "adapters/nn/writer.h"
#include "adapters/tokenizers/qwen.h"

namespace looktwice::anomaly_ov {

// generation_config.json and the parts of config.json that shape the prompt.
struct LanguageConfig {
  float repetition_penalty = 1;  // over generated ids: the prompt is given as embeddings
  std::vector<std::int32_t> stop_ids = {};
  int most_tiles = 9;  // "anyres_max_9"; 0: no limit
};

class Language {
 public:
  // folder: the checkpoint's, for its JSON and tokenizer files; model: its tensors. Throws
  // Kind::model. device: of pictures and embeddings; map: of the layers, which are to hold
  // `cache_tokens`.
  Language(const std::filesystem::path& folder, const weights::Checkpoint& model, at::Device device,
           at::ScalarType type, const nn::DeviceMap& map = {}, std::int64_t cache_tokens = 0);

  const tokenizers::QwenTokenizer& tokenizer() const { return tokenizer_; }
  const nn::Qwen2& decoder() const { return decoder_; }
  const LanguageConfig& config() const { return config_; }

  // [tokens][hidden]
  at::Tensor picture(const Vision& vision, const Tiles& tiles, const Sight& sight) const;
  // ids with kPicture in them; as many pictures.
  at::Tensor sequence(const std::vector<std::int32_t>& ids,
                      const std::vector<at::Tensor>& pictures) const;

 private:
  tokenizers::QwenTokenizer tokenizer_;
  nn::Qwen2 decoder_;
  LanguageConfig config_;
};

// What is kept of one picture between the turns of its dialogue.
struct Memory {
  std::string picture = {};          // Picture::name
  std::optional<double> score = {};  // no expert: neither score nor map
  std::optional<AnomalyMap> map = {};
  at::Tensor tokens = {};              // [n][hidden]
  std::vector<std::int32_t> ids = {};  // of the prompt and the answer that the cache holds
  std::optional<nn::KvCache> cache = {};
};

// Takes the cache out of `memory`, cut to what the new prompt begins with: at most all but its last
// token. Empty when nothing is shared.
std::optional<nn::KvCache> shared_prefix(Memory& memory, const std::vector<std::int32_t>& ids);

}  // namespace looktwice::anomaly_ov
