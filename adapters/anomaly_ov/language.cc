#include "adapters/anomaly_ov/language.h"

#include <cstdlib>

#include "adapters/anomaly_ov/picture_tokens.h"
#include "adapters/anomaly_ov/prompt.h"
#include "adapters/nn/prompt.h"
#include "harness/core/error.h"
#include "harness/core/json_value.h"

namespace looktwice::anomaly_ov {
namespace {

namespace fs = std::filesystem;

nn::Qwen2 decoder_of(const fs::path& folder, const weights::Checkpoint& model, at::Device device,
                     at::ScalarType type, std::int64_t tokens) try {
  const fs::path path = folder / "config.json";
  nn::Loading loading("checkpoint " + folder.string(), model, device, type);
  for (const auto& [name, tensor] : model.tensors())
    if (is_vision(name)) loading.ignore(name);
  loading.ignore("anomaly_encoder.");  // what a fine-tuned checkpoint saves of the expert
  nn::Qwen2 decoder(loading, nn::qwen2_config(nn::json_file(path), path.string()), tokens);
  loading.finish();
  return decoder;
} catch (const Error& error) {
  throw Error(Kind::model, error.what());
}

LanguageConfig config_of(const fs::path& folder) {
  LanguageConfig made;
  const JsonValue config = nn::json_file(folder / "config.json");
  if (const JsonValue* ratio = config.find("image_aspect_ratio")) {
    constexpr std::string_view kAnyres = "anyres", kMost = "anyres_max_";
    if (ratio->text.starts_with(kMost))
      made.most_tiles = std::atoi(ratio->text.c_str() + kMost.size());
    else if (ratio->text == kAnyres)
      made.most_tiles = 0;
    if (!ratio->text.starts_with(kAnyres) || made.most_tiles < 0)
      throw Error(Kind::model, (folder / "config.json").string() +
                                   ": image_aspect_ratio must be anyres or anyres_max_N");
  }
  const nn::GenerationConfig generation = nn::generation_config(folder);
  made.repetition_penalty = generation.repetition_penalty;
  made.stop_ids = generation.stop_ids;
  return made;
}

}  // namespace

Language::Language(const fs::path& folder, const weights::Checkpoint& model, at::Device device,
                   at::ScalarType type)
    : tokenizer_(folder),
      decoder_(decoder_of(folder, model, device, type, tokenizer_.size())),
      config_(config_of(folder)) {}

at::Tensor Language::picture(const Vision& vision, const Tiles& tiles, const Sight& sight) const {
  const auto ids = sentence_ids(sight.score);
  const at::ScalarType type = decoder_.compute_type();
  return picture_tokens({.features = vision.projected(sight.features.final).to(type),
                         .local = vision.projected(sight.expertise.local).to(type),
                         .global = vision.projected(sight.expertise.global).to(type),
                         .sentence = decoder_.embedded(ids),
                         .newline = vision.newline().to(type)},
                        tiles, config_.most_tiles);
}

at::Tensor Language::sequence(const std::vector<std::int32_t>& ids,
                              const std::vector<at::Tensor>& pictures) const {
  std::size_t next = 0;
  at::Tensor whole = nn::embedded_prompt(decoder_, ids, [&](std::int32_t) {
    LOOKTWICE_CHECK(next < pictures.size());
    return pictures[next++];
  });
  LOOKTWICE_CHECK(next == pictures.size());
  return whole;
}

std::optional<nn::KvCache> shared_prefix(Memory& memory, const std::vector<std::int32_t>& ids) {
  std::optional<nn::KvCache> cache = std::move(memory.cache);
  memory.cache.reset();
  if (!cache) return std::nullopt;
  const std::int64_t length = nn::shared_tokens(
      memory.ids, ids, cache->length(), [&](std::int32_t) { return memory.tokens.size(0); });
  if (length == 0) return std::nullopt;
  cache->truncate(length, length);
  return cache;
}

}  // namespace looktwice::anomaly_ov
