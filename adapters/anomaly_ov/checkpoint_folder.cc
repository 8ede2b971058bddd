#include "adapters/anomaly_ov/checkpoint_folder.h"

#include <algorithm>
#include <charconv>

#include "harness/core/error.h"
#include "harness/core/image.h"
#include "harness/core/json_value.h"

namespace looktwice::anomaly_ov {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kMostConfig = std::uintmax_t{4} << 20;
constexpr std::int64_t kMostSize = 1 << 20;  // of anything a configuration counts
constexpr int kMostTilesASide = 6;

JsonValue json_of(const fs::path& path) {
  try {
    const std::vector<std::byte> bytes = file_bytes(path, kMostConfig);
    return parsed_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path.string());
  } catch (const Error& error) {
    throw Error(Kind::model, error.what());
  }
}

// The number of that name, or what is there when it is not.
void read(const JsonValue& config, const char* name, const fs::path& path, std::int64_t& value) {
  const JsonValue* found = config.find(name);
  if (!found || found->type == JsonValue::Type::null) return;
  std::int64_t number = 0;
  const char* end = found->text.data() + found->text.size();
  const auto [stop, error] = std::from_chars(found->text.data(), end, number);
  if (found->type != JsonValue::Type::number || error != std::errc() || stop != end || number < 1 ||
      number > kMostSize)
    throw Error(Kind::model, path.string() + ": " + name + " must be a whole number from 1 to " +
                                 std::to_string(kMostSize));
  value = number;
}

void read(const JsonValue& config, const char* name, const fs::path& path, double& value) {
  const JsonValue* found = config.find(name);
  if (!found || found->type == JsonValue::Type::null) return;
  if (found->type != JsonValue::Type::number)
    throw Error(Kind::model, path.string() + ": " + name + " must be a number");
  std::from_chars(found->text.data(), found->text.data() + found->text.size(), value);
}

// Where a configuration keeps the vision model's sizes; a released checkpoint of the lab itself has
// none, and is so400m/14-384.
void read_vision(const JsonValue& config, const fs::path& path, nn::SiglipShape& shape) {
  for (const char* name : {"vision_config", "tiny_vision_config"}) {
    const JsonValue* own = config.find(name);
    if (!own) continue;
    read(*own, "hidden_size", path, shape.hidden);
    read(*own, "num_attention_heads", path, shape.heads);
    read(*own, "intermediate_size", path, shape.mlp);
    read(*own, "num_hidden_layers", path, shape.blocks);
    read(*own, "image_size", path, shape.image);
    read(*own, "patch_size", path, shape.patch);
    read(*own, "layer_norm_eps", path, shape.eps);
  }
}

// Grids of 1..6 by 1..6 pictures, which is what imaging::anyres_layout chooses from.
void check_grids(const JsonValue& config, const fs::path& path, std::int64_t edge) {
  const JsonValue* grids = config.find("image_grid_pinpoints");
  if (!grids || grids->type != JsonValue::Type::array) return;
  std::vector<std::string> found, expected;
  for (const JsonValue& grid : grids->items)
    found.push_back(grid.items.size() == 2 ? grid.items[0].text + "x" + grid.items[1].text : "?");
  for (int columns = 1; columns <= kMostTilesASide; ++columns)
    for (int rows = 1; rows <= kMostTilesASide; ++rows)
      expected.push_back(std::to_string(columns * edge) + "x" + std::to_string(rows * edge));
  std::ranges::sort(found);
  std::ranges::sort(expected);
  if (found != expected)
    throw Error(Kind::model, path.string() +
                                 ": image_grid_pinpoints are not the 36 grids of 1 to 6 by 1 "
                                 "to 6 tiles of " +
                                 std::to_string(edge) + " pixels");
}

weights::Checkpoint expert_of(const FolderOptions& options) {
  const fs::path given = options.expert.empty() ? options.checkpoint : options.expert;
  if (!fs::is_directory(given)) return weights::Checkpoint::of_file(given);
  if (fs::exists(given / "anomaly_expert.safetensors"))
    return weights::Checkpoint::of_file(given / "anomaly_expert.safetensors");
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(given)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("pretrained_expert") && name.ends_with(".pth"))
      found.push_back(entry.path());
  }
  if (found.size() == 1) return weights::Checkpoint::of_file(found.front());
  throw Error(
      Kind::model,
      given.string() + ": " +
          (found.empty() ? "neither anomaly_expert.safetensors nor pretrained_expert_*.pth is there"
                         : "several pretrained_expert_*.pth are there") +
          "; name the file with expert=FILE");
}

}  // namespace

CheckpointFolder checkpoint_folder(const FolderOptions& options) {
  if (options.checkpoint.empty())
    throw Error(
        Kind::usage,
        "model anomaly_ov: checkpoint=DIR is needed; docs/anomaly_ov.md tells what it holds");
  if (!fs::is_directory(options.checkpoint))
    throw Error(Kind::model, options.checkpoint.string() + ": no folder");
  CheckpointFolder folder;
  const fs::path path = options.checkpoint / "config.json";
  const JsonValue config = json_of(path);
  read_vision(config, path, folder.vision_shape);
  if (!options.vision.empty()) {
    read_vision(json_of(options.vision / "config.json"), options.vision / "config.json",
                folder.vision_shape);
    folder.vision = weights::Checkpoint::of_folder(options.vision);
    folder.vision_prefix = "vision_model.";
  } else {
    folder.vision_prefix = "model.vision_tower.vision_tower.vision_model.";
  }
  check_grids(config, path, folder.vision_shape.image);
  std::int64_t vision_hidden = folder.vision_shape.hidden;
  read(config, "mm_hidden_size", path, vision_hidden);
  if (vision_hidden != folder.vision_shape.hidden)
    throw Error(Kind::model, path.string() + ": mm_hidden_size is " +
                                 std::to_string(vision_hidden) + ", the vision model has " +
                                 std::to_string(folder.vision_shape.hidden));
  read(config, "hidden_size", path, folder.language_hidden);
  if (folder.language_hidden == 0)
    throw Error(Kind::model, path.string() + ": hidden_size is missing");
  folder.model = weights::Checkpoint::of_folder(options.checkpoint);
  folder.expert = expert_of(options);
  return folder;
}

}  // namespace looktwice::anomaly_ov
