// Prompts with things in them that are no tokens of text, such as pictures: their sequence of
// embeddings, and how much of an earlier prompt's keys and values serves a later one.
// Not here: words, tokenizers, what the pictures are.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "adapters/nn/qwen2.h"
#include "harness/core/json_value.h"

namespace looktwice::nn {

// Ids of a prompt: tokens of text, and negative ones, each of which stands for all rows of one
// thing. Equal negative ids mean equal rows; the caller numbers them.
using PromptIds = std::vector<std::int32_t>;

// [tokens][hidden]. rows: of a negative id.
at::Tensor embedded_prompt(const Qwen2& model, std::span<const std::int32_t> ids,
                           const std::function<at::Tensor(std::int32_t id)>& rows);

// Of the tokens that a cache holds for `held`, how many begin `wanted` too: all but its last
// token at most. length_of: rows of a negative id. cached: tokens in the cache, which may be fewer
// than `held` has.
std::int64_t shared_tokens(std::span<const std::int32_t> held, std::span<const std::int32_t> wanted,
                           std::int64_t cached,
                           const std::function<std::int64_t(std::int32_t id)>& length_of);

// What a checkpoint's generation_config.json, and config.json where that is silent, say.
struct GenerationConfig {
  float repetition_penalty = 1;
  std::vector<std::int32_t> stop_ids = {};
};
// Throws Kind::model.
GenerationConfig generation_config(const std::filesystem::path& folder);

// value: of `field` in `file`. Throws Kind::model unless it is a whole number from 0 to 2^31 - 1.
std::int32_t token_id(const JsonValue& value, const std::filesystem::path& file,
                      const std::string& field);

// Layers of the language model, by config.json. Throws Kind::model.
std::int64_t decoder_layers(const std::filesystem::path& folder);

// A JSON file of a checkpoint, at most 4 MiB. Throws Kind::model.
JsonValue json_file(const std::filesystem::path& path);

}  // namespace looktwice::nn
