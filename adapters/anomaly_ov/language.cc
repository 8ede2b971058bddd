#include "adapters/anomaly_ov/language.h"

#include <ATen/ops/cat.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cstdlib>

#include "adapters/anomaly_ov/picture_tokens.h"
#include "adapters/anomaly_ov/prompt.h"
#include "harness/core/error.h"
#include "harness/core/image.h"
#include "harness/core/json_value.h"

namespace looktwice::anomaly_ov {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kMostConfig = std::uintmax_t{4} << 20;

JsonValue json_of(const fs::path& path) try {
  const std::vector<std::byte> bytes = file_bytes(path, kMostConfig);
  return parsed_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path.string());
} catch (const Error& error) {
  throw Error(Kind::model, error.what());
}

nn::Qwen2 decoder_of(const fs::path& folder, const weights::Checkpoint& model, at::Device device,
                     at::ScalarType type, std::int64_t tokens) try {
  const fs::path path = folder / "config.json";
  nn::Loading loading("checkpoint " + folder.string(), model, device, type);
  for (const auto& [name, tensor] : model.tensors())
    if (is_vision(name)) loading.ignore(name);
  loading.ignore("anomaly_encoder.");  // what a fine-tuned checkpoint saves of the expert
  nn::Qwen2 decoder(loading, nn::qwen2_config(json_of(path), path.string()), tokens);
  loading.finish();
  return decoder;
} catch (const Error& error) {
  throw Error(Kind::model, error.what());
}

LanguageConfig config_of(const fs::path& folder) {
  LanguageConfig made;
  const JsonValue config = json_of(folder / "config.json");
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
  const auto read_stops = [&](const JsonValue& root) {
    const JsonValue* stops = root.find("eos_token_id");
    if (!stops) return;
    if (stops->type == JsonValue::Type::number) made.stop_ids = {std::atoi(stops->text.c_str())};
    if (stops->type != JsonValue::Type::array) return;
    made.stop_ids.clear();
    for (const JsonValue& item : stops->items)
      made.stop_ids.push_back(std::atoi(item.text.c_str()));
  };
  read_stops(config);
  if (fs::exists(folder / "generation_config.json")) {
    const JsonValue generation = json_of(folder / "generation_config.json");
    read_stops(generation);
    if (const JsonValue* penalty = generation.find("repetition_penalty");
        penalty && penalty->type == JsonValue::Type::number) {
      made.repetition_penalty = std::strtof(penalty->text.c_str(), nullptr);
      if (!(made.repetition_penalty > 0))
        throw Error(Kind::model, (folder / "generation_config.json").string() +
                                     ": repetition_penalty must be positive");
    }
  }
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
  const c10::InferenceMode inference;
  std::vector<at::Tensor> parts;
  std::size_t next = 0;
  for (auto from = ids.begin(); from != ids.end();) {
    const auto end = std::find(from, ids.end(), kPicture);
    if (end != from)
      parts.push_back(decoder_.embedded({&*from, static_cast<std::size_t>(end - from)}));
    if (end == ids.end()) break;
    LOOKTWICE_CHECK(next < pictures.size());
    parts.push_back(pictures[next++]);
    from = end + 1;
  }
  LOOKTWICE_CHECK(next == pictures.size());
  return at::cat(parts);
}

std::optional<nn::KvCache> shared_prefix(Memory& memory, const std::vector<std::int32_t>& ids) {
  std::optional<nn::KvCache> cache = std::move(memory.cache);
  memory.cache.reset();
  if (!cache) return std::nullopt;
  std::int64_t length = 0;
  for (std::size_t i = 0; i + 1 < ids.size() && i < memory.ids.size() && ids[i] == memory.ids[i];
       ++i) {
    const std::int64_t tokens = ids[i] == kPicture ? memory.tokens.size(0) : 1;
    if (length + tokens > cache->length()) break;
    length += tokens;
  }
  if (length == 0) return std::nullopt;
  cache->truncate(length, length);
  return cache;
}

}  // namespace looktwice::anomaly_ov
