#include "adapters/anomaly_ov/language.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "adapters/anomaly_ov/picture_tokens.h"
#include "adapters/anomaly_ov/prompt.h"
#include "adapters/nn/prompt.h"
#include "harness/core/error.h"
#include "harness/core/json_value.h"

namespace looktwice::anomaly_ov {
namespace {

namespace fs = std::filesystem;

nn::Qwen2 decoder_of(const fs::path& folder, const weights::Checkpoint& model, at::Device device,
                     at::ScalarType type, std::int64_t tokens, const nn::DeviceMap& map,
                     std::int64_t cache_tokens) try {
  const fs::path path = folder / "config.json";
  nn::Loading loading("checkpoint " + folder.string(), model, device, type);
  for (const auto& [name, tensor] : model.tensors())
    if (is_vision(name)) loading.ignore(name);
  loading.ignore("anomaly_encoder.");  // what a fine-tuned checkpoint saves of the expert
  const nn::Qwen2Config config = nn::qwen2_config(nn::json_file(path), path.string());
  nn::Qwen2 decoder(loading, config, tokens,
                    nn::decoder_stages("model anomaly_ov", map, loading, config, cache_tokens));
  loading.finish();
  if (decoder.embedding_rows() < tokens)
    throw Error(Kind::model, "checkpoint " + folder.string() + ": the tokenizer has " +
                                 std::to_string(tokens) + " tokens, the model " +
                                 std::to_string(decoder.embedding_rows()));
  return decoder;
} catch (const Error& error) {
  throw Error(Kind::model, error.what());
}

LanguageConfig config_of(const fs::path& folder) {
  LanguageConfig made;
  const JsonValue config = nn::json_file(folder / "config.json");
  if (const JsonValue* ratio = config.find("image_aspect_ratio")) {
    constexpr std::string_view kAnyres = "anyres", kMost = "anyres_max_";
    const std::string& text = ratio->text;
    bool known = text == kAnyres;
    if (known) made.most_tiles = 0;
    if (text.starts_with(kMost)) {
      const char* const end = text.data() + text.size();
      const auto [stop, fault] = std::from_chars(text.data() + kMost.size(), end, made.most_tiles);
      known = fault == std::errc() && stop == end && made.most_tiles > 0;
    }
    if (!known)
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
                   at::ScalarType type, const nn::DeviceMap& map, std::int64_t cache_tokens)
    : tokenizer_(folder),
      decoder_(decoder_of(folder, model, device, type, tokenizer_.size(), map, cache_tokens)),
      config_(config_of(folder)) {}

at::Tensor Language::picture(const Vision& vision, const Tiles& tiles, const Sight& sight) const {
  const at::ScalarType type = decoder_.compute_type();
  if (!vision.has_expert())
    return picture_tokens({.features = vision.projected(sight.features.final).to(type),
                           .newline = vision.newline().to(type)},
                          tiles, config_.most_tiles);
  const auto ids = sentence_ids(sight.score);
  if (*std::ranges::max_element(ids) >= decoder_.embedding_rows())
    throw Error(Kind::model, "the model has " + std::to_string(decoder_.embedding_rows()) +
                                 " tokens, too few for the expert's sentence: no Qwen2");
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
