// The vision transformer of Qwen2.5-VL, and where its tokens stand among those of a text. Patches
// of any grid; attention within windows of 4 x 4 merged tokens, smaller at the right and bottom
// edges, and over the whole picture in some blocks; rotary positions in two dimensions; four
// patches become one token of the language model. On the CPU all arithmetic is fp32, whatever
// type the weights have; on a GPU it has theirs.
// Not here: pixels (imaging/smart_resize.h), the language model (qwen2.h), video.
// Source: transformers 4.51, models/qwen2_5_vl/modeling_qwen2_5_vl.py.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "adapters/nn/layers.h"
#include "adapters/nn/loading.h"

namespace looktwice {
struct JsonValue;
}

namespace looktwice::nn {

struct Qwen25VlVisionConfig {
  std::int64_t hidden = 1280, heads = 16, intermediate = 3420, depth = 32;
  std::int64_t out_hidden = 2048;  // the language model's
  std::int64_t patch = 14, merge = 2, frames = 2, channels = 3;
  std::int64_t window = 112;  // pixels
  std::vector<std::int64_t> full_blocks = {7, 15, 23, 31};

  std::int64_t head_size() const { return hidden / heads; }
  std::int64_t patch_values() const { return channels * frames * patch * patch; }
  std::int64_t patches_per_token() const { return merge * merge; }
  // Merged tokens along one side of a window.
  std::int64_t window_tokens() const { return window / merge / patch; }
};
// vision: the "vision_config" of a config.json; name: for messages. Throws Kind::model.
Qwen25VlVisionConfig qwen2_5_vl_vision_config(const JsonValue& vision, const std::string& name);

// A picture as patches; both are multiples of `merge`.
struct PatchRows {
  std::int64_t rows = 0, columns = 0;
};

// The order in which the original walks through merged tokens, window after window, and the first
// patch of each window and the end of the last.
struct WindowOrder {
  std::vector<std::int64_t> index = {};   // [tokens]: number of the token in the picture
  std::vector<std::int64_t> bounds = {};  // [windows + 1], in patches
};
WindowOrder window_order(PatchRows grid, const Qwen25VlVisionConfig& config);

// What the tests hold against the original, in the order of windows.
struct VisionStages {
  at::Tensor patch_embed = {};          // [patches][hidden], in the order of the picture
  std::vector<at::Tensor> blocks = {};  // [patches][hidden]
  at::Tensor merged = {};               // [tokens][out_hidden]
};

class Qwen25VlVision {
 public:
  // Takes visual.* out of a checkpoint. loading.finish() before the first use.
  Qwen25VlVision(Loading& loading, Qwen25VlVisionConfig config);

  // One picture: pixels[patches][patch_values()], as imaging::patch_values gives them. Features
  // [tokens][out_hidden], row by row of the picture. Several pictures know nothing of each other,
  // so each is a call of its own.
  at::Tensor features(const at::Tensor& pixels, PatchRows grid,
                      VisionStages* stages = nullptr) const;

  const Qwen25VlVisionConfig& config() const { return config_; }

 private:
  struct Block {
    at::Tensor norm1 = {}, norm2 = {};
    Linear qk = {}, v = {}, out = {}, gate = {}, up = {}, down = {};
  };
  struct Walk;
  Walk walk_of(PatchRows grid) const;
  at::Tensor product(const at::Tensor& x, const Linear& linear) const;
  at::Tensor attended(const Block& block, const at::Tensor& x, const Walk& walk, bool full) const;

  Qwen25VlVisionConfig config_;
  Factors factors_ = Factors::fp32;
  Linear patch_, merge_up_, merge_down_;
  at::Tensor merge_norm_;
  std::vector<Block> blocks_;
  std::vector<bool> is_full_;
};

// A stretch of a prompt: so many tokens of text, or a picture of rows x columns merged tokens.
struct PromptStretch {
  std::int64_t tokens = 0;
  std::optional<PatchRows> picture = {};
};
// int64 [3][tokens] (time, height, width): a text token stands at the same place on all axes, a
// picture spreads from the next one, and what follows goes on behind its longer side.
at::Tensor mrope_positions(std::span<const PromptStretch> stretches);

}  // namespace looktwice::nn
