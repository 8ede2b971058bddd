// A checkpoint of Qwen2.5-VL as published: vision model, language model, tokenizer, and what its
// JSON files say about pictures and generation. Not here: prompts, the adapter's loop.
#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <filesystem>

#include "adapters/imaging/normalise.h"
#include "adapters/imaging/smart_resize.h"
#include "adapters/nn/prompt.h"
#include "adapters/nn/qwen2.h"
#include "adapters/nn/qwen2_5_vl.h"
#include "adapters/nn/weights/checkpoint.h"
#include "adapters/tokenizers/qwen.h"

namespace looktwice::omniad {

// preprocessor_config.json.
struct Processor {
  imaging::PatchRule rule = {};
  imaging::Normalisation normalisation = imaging::kClip;
};

class Model {
 public:
  // Throws Kind::model: with everything that is missing, misshapen or unknown among the tensors in
  // one error.
  // device: of pictures and embeddings; map: of the decoder's layers, which are to hold
  // `cache_tokens`.
  Model(const std::filesystem::path& folder, at::Device device, at::ScalarType type,
        const nn::DeviceMap& map = {}, std::int64_t cache_tokens = 0);

  const tokenizers::QwenTokenizer& tokenizer() const { return tokenizer_; }
  const nn::Qwen2& decoder() const { return *decoder_; }
  const nn::Qwen25VlVision& vision() const { return *vision_; }
  const nn::GenerationConfig& generation() const { return generation_; }
  const Processor& processor() const { return processor_; }
  // What stands for a picture's token in the ids that the repetition penalty sees.
  std::int32_t image_token() const { return image_token_; }
  std::string hash() const { return checkpoint_.hash(); }

 private:
  weights::Checkpoint checkpoint_;
  tokenizers::QwenTokenizer tokenizer_;
  nn::GenerationConfig generation_;
  Processor processor_;
  std::int32_t image_token_ = 0;
  std::optional<nn::Qwen25VlVision> vision_;
  std::optional<nn::Qwen2> decoder_;
};

}  // namespace looktwice::omniad
