#include "adapters/anomaly_ov/checkpoint_folder.h"

#include <algorithm>

#include "adapters/nn/weights/config.h"
#include "harness/core/error.h"
#include "harness/core/path.h"

namespace looktwice::anomaly_ov {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMostSize = 1 << 20;  // of anything a configuration counts
constexpr int kMostTilesASide = 6;

// What would be computed in another way than here is refused, not ignored.
void expect_text(const weights::Config& config, const std::string& name, const char* text) {
  if (config.has(name) && config.text(name) != text)
    config.refuse(name, "'" + std::string(text) + "'");
}

// Where a configuration keeps the vision model's sizes; a released checkpoint of the lab itself has
// none, and is so400m/14-384.
void read_vision(const weights::Config& config, nn::SiglipShape& shape) {
  for (const std::string part : {"vision_config", "tiny_vision_config"}) {
    const JsonValue* sizes = config.find(part);
    if (!sizes) continue;
    if (sizes->type != JsonValue::Type::object) config.refuse(part, "an object");
    const std::string own = part + ".";
    expect_text(config, own + "hidden_act", "gelu_pytorch_tanh");
    const auto read = [&](const char* name, std::int64_t& value) {
      value = config.integer(own + name, 1, kMostSize, value);
    };
    read("hidden_size", shape.hidden);
    read("num_attention_heads", shape.heads);
    read("intermediate_size", shape.mlp);
    read("num_hidden_layers", shape.blocks);
    read("image_size", shape.image);
    read("patch_size", shape.patch);
    shape.eps = config.number(own + "layer_norm_eps", shape.eps);
  }
}

// Grids of 1..6 by 1..6 pictures, which is what imaging::anyres_layout chooses from.
void check_grids(const weights::Config& config, std::int64_t edge) {
  const JsonValue* grids = config.find("image_grid_pinpoints");
  // "(1x1),...,(6x6)", from which the authors' code makes the list.
  if (!grids || (grids->type == JsonValue::Type::text && grids->text.starts_with("(1x1)") &&
                 grids->text.ends_with("(6x6)")))
    return;
  std::vector<std::string> found, expected;
  for (const JsonValue& grid : grids->items)
    found.push_back(grid.items.size() == 2 ? grid.items[0].text + "x" + grid.items[1].text : "?");
  for (int columns = 1; columns <= kMostTilesASide; ++columns)
    for (int rows = 1; rows <= kMostTilesASide; ++rows)
      expected.push_back(std::to_string(columns * edge) + "x" + std::to_string(rows * edge));
  std::ranges::sort(found);
  std::ranges::sort(expected);
  if (found != expected)
    config.refuse("image_grid_pinpoints",
                  "the 36 grids of 1 to 6 by 1 to 6 tiles of " + std::to_string(edge) + " pixels");
}

weights::Checkpoint expert_of(const FolderOptions& options) {
  const fs::path given = options.expert.empty() ? options.checkpoint : options.expert;
  std::error_code fault;
  if (!fs::is_directory(given, fault)) return weights::Checkpoint::of_file(given);
  if (is_there(given / "anomaly_expert.safetensors"))
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
  if (std::error_code fault; !fs::is_directory(options.checkpoint, fault))
    throw Error(Kind::model, options.checkpoint.string() + ": no folder");
  CheckpointFolder folder;
  const auto config = weights::Config::of_file(options.checkpoint / "config.json");
  read_vision(config, folder.vision_shape);
  folder.vision_prefix = "model.vision_tower.vision_tower.vision_model.";
  if (!options.vision.empty()) {
    read_vision(weights::Config::of_file(options.vision / "config.json"), folder.vision_shape);
    folder.vision = weights::Checkpoint::of_folder(options.vision);
    folder.vision_prefix = "vision_model.";
  }
  check_grids(config, folder.vision_shape.image);
  expect_text(config, "mm_projector_type", "mlp2x_gelu");
  expect_text(config, "mm_patch_merge_type", "spatial_unpad");
  const std::int64_t hidden = folder.vision_shape.hidden;
  if (config.integer("mm_hidden_size", 1, kMostSize, hidden) != hidden)
    config.refuse("mm_hidden_size", std::to_string(hidden) + ", as the vision model has");
  folder.language_hidden = config.integer("hidden_size", 1, kMostSize);
  folder.model = weights::Checkpoint::of_folder(options.checkpoint);
  if (options.expert != "none") folder.expert = expert_of(options);
  return folder;
}

}  // namespace looktwice::anomaly_ov
