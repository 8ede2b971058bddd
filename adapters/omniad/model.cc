#include "adapters/omniad/model.h"

#include <cmath>

#include "adapters/nn/weights/config.h"
#include "harness/core/error.h"
#include "harness/core/path.h"

namespace looktwice::omniad {
namespace {

namespace fs = std::filesystem;

// What a picture may be shrunk to, and grown to.
constexpr std::int64_t kMostPixels = std::int64_t{1} << 40, kMostLeast = std::int64_t{1} << 26;

fs::path checked(const fs::path& folder) {
  if (folder.empty())
    throw Error(Kind::usage,
                "model omniad: checkpoint=DIR is needed; docs/omniad.md tells what it holds");
  if (std::error_code fault; !fs::is_directory(folder, fault))
    throw Error(Kind::model, folder.string() + ": no folder");
  return folder;
}

Processor processor_of(const fs::path& folder, const nn::Qwen25VlVisionConfig& vision) {
  Processor made{.rule = {.patch = static_cast<int>(vision.patch),
                          .merge = static_cast<int>(vision.merge),
                          .frames = static_cast<int>(vision.frames)}};
  const fs::path file = folder / "preprocessor_config.json";
  if (!is_there(file)) {
    made.rule.max_pixels = std::int64_t{16384} * 28 * 28;  // as the published files have it
    return made;
  }
  const auto config = weights::Config::of_file(file);
  // Newer files have the bounds as "size".
  made.rule.min_pixels = config.integer("size.shortest_edge", 1, kMostLeast, made.rule.min_pixels);
  made.rule.max_pixels = config.integer("size.longest_edge", 1, kMostPixels, made.rule.max_pixels);
  made.rule.min_pixels = config.integer("min_pixels", 1, kMostLeast, made.rule.min_pixels);
  made.rule.max_pixels = config.integer("max_pixels", 1, kMostPixels, made.rule.max_pixels);
  const auto same = [&](const char* name, std::int64_t value) {
    if (config.integer(name, 1, 1 << 20, value) != value)
      config.refuse(name, std::to_string(value) + ", as config.json has");
  };
  same("patch_size", vision.patch);
  same("merge_size", vision.merge);
  same("temporal_patch_size", vision.frames);
  const auto read = [&](const char* name, std::array<float, 3>& values) {
    const JsonValue* found = config.find(name);
    if (!found) return;
    if (found->type != JsonValue::Type::array || found->items.size() != 3)
      config.refuse(name, "three numbers");
    for (std::size_t i = 0; i < 3; ++i) {
      values[i] = std::strtof(found->items[i].text.c_str(), nullptr);
      if (found->items[i].type != JsonValue::Type::number || !std::isfinite(values[i]))
        config.refuse(name, "three numbers");
    }
  };
  read("image_mean", made.normalisation.mean);
  read("image_std", made.normalisation.std);
  for (const float value : made.normalisation.std)
    if (value == 0) config.refuse("image_std", "no zero");
  if (config.integer("resample", 0, 10, 3) != 3) config.refuse("resample", "3 (bicubic)");
  return made;
}

}  // namespace

Model::Model(const fs::path& folder, at::Device device, at::ScalarType type,
             const nn::DeviceMap& map, std::int64_t cache_tokens)
    : checkpoint_(weights::Checkpoint::of_folder(checked(folder))),
      tokenizer_(folder),
      generation_(nn::generation_config(folder)) {
  const fs::path file = folder / "config.json";
  const JsonValue config = nn::json_file(file);
  try {
    const JsonValue* vision = config.find("vision_config");
    if (!vision || vision->type != JsonValue::Type::object)
      refuse_at(file.string(), config.place, "'vision_config': expected an object");
    // Checkpoints saved by newer releases keep the language model's sizes one level down.
    const JsonValue* text = config.find("text_config");
    const bool nested = text && text->find("hidden_size");
    nn::Qwen2Config sizes = nn::qwen2_config(nested ? *text : config, file.string());
    if (const auto tied = nn::tied_head(config, file.string())) sizes.tied = tied;
    const nn::Qwen25VlVisionConfig eyes = nn::qwen2_5_vl_vision_config(*vision, file.string());
    if (eyes.out_hidden != sizes.hidden)
      refuse_at(file.string(), vision->place,
                "'vision_config.out_hidden_size' is " + std::to_string(eyes.out_hidden) +
                    ", expected the language model's hidden_size, " + std::to_string(sizes.hidden));
    if (sizes.mrope_section.empty())
      refuse_at(file.string(), config.place, "'rope_scaling': expected 'mrope_section'");
    processor_ = processor_of(folder, eyes);
    const JsonValue* token = config.find("image_token_id");
    image_token_ = token ? nn::token_id(*token, file, "image_token_id")
                         : tokenizer_.added_id("<|image_pad|>").value_or(0);
    nn::Loading loading("checkpoint " + folder.string(), checkpoint_, device, type);
    vision_.emplace(loading, eyes);
    decoder_.emplace(loading, sizes, 0,
                     nn::decoder_stages("model omniad", map, loading, sizes, cache_tokens));
    loading.finish();
    if (decoder_->used_rows() < tokenizer_.size())
      throw Error(Kind::model, "checkpoint " + folder.string() + ": the tokenizer has " +
                                   std::to_string(tokenizer_.size()) + " tokens, the model " +
                                   std::to_string(decoder_->used_rows()));
    if (image_token_ >= decoder_->used_rows())
      throw Error(Kind::model, file.string() + ": 'image_token_id' is " +
                                   std::to_string(image_token_) + ", the model has " +
                                   std::to_string(decoder_->used_rows()) + " tokens");
  } catch (const Error& error) {
    throw Error(Kind::model, error.what());
  }
}

}  // namespace looktwice::omniad
