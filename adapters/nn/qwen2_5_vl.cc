#include "adapters/nn/qwen2_5_vl.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include "adapters/nn/decoder_rows.h"
#include "harness/core/error.h"
#include "harness/core/json_value.h"

namespace looktwice::nn {
namespace {

using at::Tensor;

constexpr double kEps = 1e-6;
constexpr float kTheta = 10'000;
constexpr std::int64_t kMostSize = 1 << 20;  // of anything a configuration counts

std::int64_t size_in(const JsonValue& config, const std::string& file, const char* name,
                     std::int64_t otherwise, std::int64_t most = kMostSize) {
  const JsonValue* found = config.find(name);
  if (!found || found->type == JsonValue::Type::null) return otherwise;
  std::int64_t value = 0;
  const char* end = found->text.data() + found->text.size();
  const auto [stop, fault] = std::from_chars(found->text.data(), end, value);
  if (found->type != JsonValue::Type::number || fault != std::errc() || stop != end || value < 1 ||
      value > most)
    refuse_at(file, found->place,
              "'vision_config." + std::string(name) + "': expected a whole number from 1 to " +
                  std::to_string(most));
  return value;
}

bool on_cpu(const Tensor& x) {
  return x.is_cpu();
}

Tensor rms_norm(const Tensor& x, const Tensor& weight) {
  if (on_cpu(x)) {
    const Tensor rows = x.contiguous();
    Tensor y = at::empty_like(rows);
    const std::int64_t count = rows.size(0), size = rows.size(1);
    const float* from = rows.const_data_ptr<float>();
    float* to = y.mutable_data_ptr<float>();
    rms_norm_rows(from, count, size, weight.const_data_ptr<float>(), static_cast<float>(kEps), to);
    return y;
  }
  const Tensor wide = x.to(at::kFloat);
  const Tensor scale = at::rsqrt(wide.square().mean(-1, true) + kEps);
  return weight * (wide * scale).to(x.scalar_type());
}

}  // namespace

Qwen25VlVisionConfig qwen2_5_vl_vision_config(const JsonValue& vision, const std::string& name) {
  Qwen25VlVisionConfig made;
  const auto read = [&](const char* field, std::int64_t& value) {
    value = size_in(vision, name, field, value);
  };
  read("hidden_size", made.hidden);
  read("num_heads", made.heads);
  read("intermediate_size", made.intermediate);
  made.depth = size_in(vision, name, "depth", made.depth, 1000);
  read("out_hidden_size", made.out_hidden);
  read("patch_size", made.patch);
  read("spatial_merge_size", made.merge);
  read("temporal_patch_size", made.frames);
  read("in_channels", made.channels);
  read("in_chans", made.channels);
  read("window_size", made.window);
  if (const JsonValue* blocks = vision.find("fullatt_block_indexes");
      blocks && blocks->type == JsonValue::Type::array) {
    made.full_blocks.clear();
    for (const JsonValue& item : blocks->items) {
      std::int64_t block = -1;
      std::from_chars(item.text.data(), item.text.data() + item.text.size(), block);
      if (item.type != JsonValue::Type::number || block < 0 || block >= made.depth)
        refuse_at(name, item.place,
                  "'vision_config.fullatt_block_indexes': expected blocks from 0 to " +
                      std::to_string(made.depth - 1));
      made.full_blocks.push_back(block);
    }
  }
  const auto check = [&](bool good, const char* rule) {
    if (!good) refuse_at(name, vision.place, std::string("'vision_config': ") + rule);
  };
  check(made.hidden % made.heads == 0 && made.head_size() % 4 == 0,
        "'num_heads' must divide 'hidden_size' into multiples of 4");
  check(made.channels == 3, "'in_chans' must be 3");
  check(made.window_tokens() > 0, "'window_size' must hold a merged patch");
  if (const JsonValue* act = vision.find("hidden_act"))
    check(act->text == "silu", "'hidden_act' must be silu");
  return made;
}

WindowOrder window_order(PatchRows grid, const Qwen25VlVisionConfig& config) {
  const std::int64_t rows = grid.rows / config.merge, columns = grid.columns / config.merge;
  const std::int64_t side = config.window_tokens();
  WindowOrder order{.bounds = {0}};
  for (std::int64_t top = 0; top < rows; top += side)
    for (std::int64_t left = 0; left < columns; left += side) {
      for (std::int64_t y = top; y < std::min(rows, top + side); ++y)
        for (std::int64_t x = left; x < std::min(columns, left + side); ++x)
          order.index.push_back(y * columns + x);
      order.bounds.push_back(static_cast<std::int64_t>(order.index.size()) *
                             config.patches_per_token());
    }
  return order;
}

// How one picture is walked through: windows of the same size side by side, so that each size is
// one batch of attention.
struct Qwen25VlVision::Walk {
  struct Batch {
    std::int64_t first = 0, windows = 0, length = 0;  // in patches
  };
  std::vector<Batch> batches = {};
  Tensor forth = {};          // [tokens]: which token of the picture stands here
  Tensor back = {};           // the inverse
  Tensor to_windows = {};     // [tokens]: where in this walk the original's order has each token
  Tensor cos = {}, sin = {};  // [patches][head_size / 2], in the order of this walk
};

Qwen25VlVision::Walk Qwen25VlVision::walk_of(PatchRows grid) const {
  const std::int64_t group = config_.patches_per_token(), merge = config_.merge;
  const WindowOrder order = window_order(grid, config_);
  std::map<std::int64_t, std::vector<std::size_t>, std::greater<>> by_length;
  for (std::size_t i = 0; i + 1 < order.bounds.size(); ++i)
    by_length[order.bounds[i + 1] - order.bounds[i]].push_back(i);
  Walk walk;
  std::vector<std::int64_t> forth, in_walk(order.index.size());
  for (const auto& [length, windows] : by_length) {
    walk.batches.push_back({.first = static_cast<std::int64_t>(forth.size()) * group,
                            .windows = static_cast<std::int64_t>(windows.size()),
                            .length = length});
    for (const std::size_t window : windows)
      for (std::int64_t at = order.bounds[window] / group; at < order.bounds[window + 1] / group;
           ++at) {
        in_walk[static_cast<std::size_t>(at)] = static_cast<std::int64_t>(forth.size());
        forth.push_back(order.index[static_cast<std::size_t>(at)]);
      }
  }
  const at::Device device = patch_.weight.device();
  const auto numbers = [&](const std::vector<std::int64_t>& list) {
    return at::tensor(list, at::kLong).to(device);
  };
  walk.forth = numbers(forth);
  walk.back = at::argsort(walk.forth);
  walk.to_windows = numbers(in_walk);
  // A quarter of a head's numbers turns by the row, the next by the column; the second half is
  // paired with the first.
  const std::int64_t quarter = config_.head_size() / 4, columns = grid.columns / merge;
  std::vector<float> places;
  places.reserve(forth.size() * static_cast<std::size_t>(group) * 2);
  for (const std::int64_t token : forth)
    for (std::int64_t y = 0; y < merge; ++y)
      for (std::int64_t x = 0; x < merge; ++x) {
        places.push_back(static_cast<float>(token / columns * merge + y));
        places.push_back(static_cast<float>(token % columns * merge + x));
      }
  const Tensor exponent =
      at::arange(0, 2 * quarter, 2, at::kLong).to(at::kFloat) / static_cast<double>(2 * quarter);
  const Tensor frequencies = at::pow(kTheta, exponent).reciprocal();
  const std::int64_t patches = grid.rows * grid.columns;
  const Tensor angles = (at::tensor(places, at::kFloat).view({patches, 2, 1}) * frequencies)
                            .reshape({patches, 2 * quarter});
  walk.cos = angles.cos().to(device);
  walk.sin = angles.sin().to(device);
  return walk;
}

Qwen25VlVision::Qwen25VlVision(Loading& loading, Qwen25VlVisionConfig config)
    : config_(std::move(config)), factors_(factors_of(loading.type())) {
  const c10::InferenceMode inference;
  const at::ScalarType compute = loading.device().is_cpu() ? at::kFloat : loading.type();
  const std::int64_t hidden = config_.hidden;
  const std::string visual = "visual.";
  const auto vector = [&](const std::string& name, std::int64_t size) {
    return loading.take(visual + name, {size}, compute);
  };
  const auto matrix = [&](const std::string& name, std::int64_t out, std::int64_t in) {
    return Linear{.weight = loading.take(visual + name + ".weight", {out, in}),
                  .bias = vector(name + ".bias", out)};
  };
  patch_.weight =
      loading.take(visual + "patch_embed.proj.weight",
                   {hidden, config_.channels, config_.frames, config_.patch, config_.patch});
  if (patch_.weight.defined())
    patch_.weight = patch_.weight.reshape({hidden, config_.patch_values()});
  for (std::int64_t i = 0; i < config_.depth; ++i) {
    const std::string at = "blocks." + std::to_string(i) + ".";
    Block& block = blocks_.emplace_back();
    block.norm1 = vector(at + "norm1.weight", hidden);
    block.norm2 = vector(at + "norm2.weight", hidden);
    // Queries and keys are turned, values are not: two products, no copy of either part.
    if (const Linear qkv = matrix(at + "attn.qkv", 3 * hidden, hidden);
        qkv.weight.defined() && qkv.bias.defined()) {
      block.qk = {.weight = qkv.weight.narrow(0, 0, 2 * hidden),
                  .bias = qkv.bias.narrow(0, 0, 2 * hidden)};
      block.v = {.weight = qkv.weight.narrow(0, 2 * hidden, hidden),
                 .bias = qkv.bias.narrow(0, 2 * hidden, hidden)};
    }
    block.out = matrix(at + "attn.proj", hidden, hidden);
    block.gate = matrix(at + "mlp.gate_proj", config_.intermediate, hidden);
    block.up = matrix(at + "mlp.up_proj", config_.intermediate, hidden);
    block.down = matrix(at + "mlp.down_proj", hidden, config_.intermediate);
  }
  const std::int64_t wide = hidden * config_.patches_per_token();
  merge_norm_ = vector("merger.ln_q.weight", hidden);
  merge_up_ = matrix("merger.mlp.0", wide, wide);
  merge_down_ = matrix("merger.mlp.2", config_.out_hidden, wide);
  is_full_.resize(static_cast<std::size_t>(config_.depth));
  for (const std::int64_t block : config_.full_blocks)
    is_full_[static_cast<std::size_t>(block)] = true;
}

Tensor Qwen25VlVision::product(const Tensor& x, const Linear& linear) const {
  if (!on_cpu(x)) return at::linear(x, linear.weight, linear.bias);
  Tensor room;
  return many_rows(x, linear, factors_, room);
}

Tensor Qwen25VlVision::attended(const Block& block, const Tensor& x, const Walk& walk,
                                bool full) const {
  const std::int64_t n = x.size(0), heads = config_.heads, size = config_.head_size();
  Tensor qk = product(x, block.qk).view({n, 2 * heads, size});
  const Tensor v = product(x, block.v).view({n, heads, size});
  if (on_cpu(x)) {
    rotate_rows(qk.mutable_data_ptr<float>(), n, 2 * heads, size, walk.cos.const_data_ptr<float>(),
                walk.sin.const_data_ptr<float>());
  } else {
    const Tensor wide = qk.to(at::kFloat), cos = walk.cos.unsqueeze(1), sin = walk.sin.unsqueeze(1);
    const Tensor first = wide.narrow(2, 0, size / 2), second = wide.narrow(2, size / 2, size / 2);
    qk = at::cat({first * cos - second * sin, second * cos + first * sin}, 2).to(x.scalar_type());
  }
  const Tensor q = qk.narrow(1, 0, heads), k = qk.narrow(1, heads, heads);
  Tensor mixed = at::empty({n, heads, size}, x.options());
  const auto mix = [&](std::int64_t first, std::int64_t windows, std::int64_t length) {
    const auto part = [&](const Tensor& of) {
      return of.narrow(0, first, windows * length)
          .view({windows, length, heads, size})
          .transpose(1, 2);
    };
    part(mixed).copy_(at::scaled_dot_product_attention(part(q), part(k), part(v)));
  };
  if (full) {
    mix(0, 1, n);
  } else {
    for (const Walk::Batch& batch : walk.batches) mix(batch.first, batch.windows, batch.length);
  }
  return product(mixed.view({n, config_.hidden}), block.out);
}

Tensor Qwen25VlVision::features(const Tensor& pixels, PatchRows grid, VisionStages* stages) const {
  const c10::InferenceMode inference;
  LOOKTWICE_CHECK(grid.rows % config_.merge == 0 && grid.columns % config_.merge == 0 &&
                  pixels.size(0) == grid.rows * grid.columns && pixels.size(0) > 0);
  const Walk walk = walk_of(grid);
  const std::int64_t n = pixels.size(0), group = config_.patches_per_token(),
                     hidden = config_.hidden;
  const auto reordered = [&](const Tensor& patches, const Tensor& order) {
    return patches.view({n / group, group * hidden}).index_select(0, order).view({n, hidden});
  };
  // The type of a bias, which is that of all arithmetic.
  Tensor x = product(pixels.to(merge_norm_.options()), patch_);
  if (stages) stages->patch_embed = x;
  x = reordered(x, walk.forth);
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const Block& block = blocks_[i];
    x.add_(attended(block, rms_norm(x, block.norm1), walk, is_full_[i]));
    const Tensor normed = rms_norm(x, block.norm2);
    Tensor gate = product(normed, block.gate);
    x.add_(product(at::silu_(gate).mul_(product(normed, block.up)), block.down));
    if (stages) stages->blocks.push_back(reordered(x, walk.to_windows));
  }
  const Tensor joined = rms_norm(x, merge_norm_).view({n / group, group * hidden});
  const Tensor merged = product(at::gelu(product(joined, merge_up_)), merge_down_);
  if (stages) stages->merged = merged.index_select(0, walk.to_windows);
  return merged.index_select(0, walk.back);
}

Tensor mrope_positions(std::span<const PromptStretch> stretches) {
  std::int64_t total = 0;
  for (const PromptStretch& stretch : stretches)
    total += stretch.picture ? stretch.picture->rows * stretch.picture->columns : stretch.tokens;
  Tensor positions = at::empty({3, total}, at::kLong);
  std::int64_t* const time = positions.mutable_data_ptr<std::int64_t>();
  std::int64_t *const height = time + total, *const width = height + total;
  std::int64_t at = 0, next = 0;
  const auto put = [&](std::int64_t t, std::int64_t y, std::int64_t x) {
    time[at] = t;
    height[at] = y;
    width[at++] = x;
  };
  for (const PromptStretch& stretch : stretches) {
    if (!stretch.picture) {
      for (std::int64_t i = 0; i < stretch.tokens; ++i, ++next) put(next, next, next);
      continue;
    }
    const auto [rows, columns] = *stretch.picture;
    for (std::int64_t y = 0; y < rows; ++y)
      for (std::int64_t x = 0; x < columns; ++x) put(next, next + y, next + x);
    next += std::max(rows, columns);
  }
  return positions;
}

}  // namespace looktwice::nn
