#include "adapters/nn/prompt.h"

#include <ATen/ops/cat.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "harness/core/error.h"
#include "harness/core/image.h"
#include "harness/core/path.h"

namespace looktwice::nn {
namespace {

constexpr std::uintmax_t kMostConfig = std::uintmax_t{4} << 20;

}  // namespace

at::Tensor embedded_prompt(const Qwen2& model, std::span<const std::int32_t> ids,
                           const std::function<at::Tensor(std::int32_t id)>& rows) {
  const c10::InferenceMode inference;
  std::vector<at::Tensor> parts;
  for (auto from = ids.begin(); from != ids.end();) {
    const auto end = std::find_if(from, ids.end(), [](std::int32_t id) { return id < 0; });
    if (end != from)
      parts.push_back(model.embedded({&*from, static_cast<std::size_t>(end - from)}));
    if (end == ids.end()) break;
    parts.push_back(rows(*end));
    from = end + 1;
  }
  LOOKTWICE_CHECK(!parts.empty());
  return at::cat(parts);
}

std::int64_t shared_tokens(std::span<const std::int32_t> held, std::span<const std::int32_t> wanted,
                           std::int64_t cached,
                           const std::function<std::int64_t(std::int32_t id)>& length_of) {
  std::int64_t length = 0;
  for (std::size_t i = 0; i + 1 < wanted.size() && i < held.size() && wanted[i] == held[i]; ++i) {
    const std::int64_t tokens = wanted[i] < 0 ? length_of(wanted[i]) : 1;
    if (length + tokens > cached) break;
    length += tokens;
  }
  return length;
}

JsonValue json_file(const std::filesystem::path& path) try {
  const std::vector<std::byte> bytes = file_bytes(path, kMostConfig);
  return parsed_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path.string());
} catch (const Error& error) {
  throw Error(Kind::model, error.what());
}

std::int32_t token_id(const JsonValue& value, const std::filesystem::path& file,
                      const std::string& field) {
  std::int32_t id = -1;
  const char* const end = value.text.data() + value.text.size();
  const auto [stop, fault] = std::from_chars(value.text.data(), end, id);
  if (value.type != JsonValue::Type::number || fault != std::errc() || stop != end || id < 0)
    throw Error(Kind::model, file.string() + ": '" + field + "': expected the id of a token");
  return id;
}

std::int64_t decoder_layers(const std::filesystem::path& folder) try {
  const std::filesystem::path file = folder / "config.json";
  const JsonValue config = json_file(file);
  const JsonValue* text = config.find("text_config");
  return qwen2_config(text && text->find("hidden_size") ? *text : config, file.string()).layers;
} catch (const Error& error) {
  throw Error(Kind::model, error.what());
}

GenerationConfig generation_config(const std::filesystem::path& folder) {
  GenerationConfig made;
  const auto read_stops = [&](const JsonValue& root, const char* file) {
    const JsonValue* stops = root.find("eos_token_id");
    if (!stops || stops->type == JsonValue::Type::null) return;
    made.stop_ids.clear();
    if (stops->type != JsonValue::Type::array) {
      made.stop_ids.push_back(token_id(*stops, folder / file, "eos_token_id"));
      return;
    }
    for (const JsonValue& item : stops->items)
      made.stop_ids.push_back(token_id(item, folder / file, "eos_token_id"));
    if (made.stop_ids.empty())
      throw Error(Kind::model,
                  (folder / file).string() + ": 'eos_token_id': expected the id of a token");
  };
  read_stops(json_file(folder / "config.json"), "config.json");
  const std::filesystem::path own = folder / "generation_config.json";
  if (!is_there(own)) return made;
  const JsonValue generation = json_file(own);
  if (generation.type != JsonValue::Type::object)
    throw Error(Kind::model, own.string() + ": expected a JSON object");
  read_stops(generation, "generation_config.json");
  if (const JsonValue* penalty = generation.find("repetition_penalty");
      penalty && penalty->type != JsonValue::Type::null) {
    made.repetition_penalty = std::strtof(penalty->text.c_str(), nullptr);
    if (penalty->type != JsonValue::Type::number || !(made.repetition_penalty > 0) ||
        !std::isfinite(made.repetition_penalty))
      throw Error(Kind::model, own.string() + ": repetition_penalty must be a positive number");
  }
  return made;
}

}  // namespace looktwice::nn
