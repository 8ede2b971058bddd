#include "adapters/nn/siglip.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/scaled_dot_product_attention.h>

#include <algorithm>

#include "harness/core/error.h"

namespace looktwice::nn {
namespace {

// Three matrices as one, so that one product serves all; undefined when one of them is.
Linear joined(const Linear& a, const Linear& b, const Linear& c) {
  if (!a.weight.defined() || !b.weight.defined() || !c.weight.defined() || !a.bias.defined() ||
      !b.bias.defined() || !c.bias.defined())
    return {};
  return {.weight = at::cat({a.weight, b.weight, c.weight}),
          .bias = at::cat({a.bias, b.bias, c.bias})};
}

}  // namespace

Siglip::Siglip(Loading& loading, const std::string& prefix, const SiglipShape& shape)
    : shape_(shape) {
  const auto& [hidden, heads, mlp, blocks, image, patch, eps] = shape;
  if (hidden < 1 || heads < 1 || hidden % heads != 0 || mlp < 1 || blocks < 2 || blocks > 1000 ||
      patch < 1 || image < patch || !(eps > 0))
    throw Error(Kind::model, "vision model: sizes in config.json make no sense: hidden " +
                                 std::to_string(hidden) + ", heads " + std::to_string(heads) +
                                 ", blocks " + std::to_string(blocks) + ", image " +
                                 std::to_string(image) + ", patch " + std::to_string(patch));
  const std::string embeddings = prefix + "embeddings.";
  patch_.weight = loading.take(embeddings + "patch_embedding.weight", {hidden, 3, patch, patch});
  if (patch_.weight.defined()) patch_.weight = patch_.weight.reshape({hidden, 3 * patch * patch});
  patch_.bias = loading.take(embeddings + "patch_embedding.bias", {hidden});
  position_ = loading.take(embeddings + "position_embedding.weight", {shape.tokens(), hidden});
  for (std::int64_t i = 0; i + 1 < blocks; ++i) {
    const std::string block = prefix + "encoder.layers." + std::to_string(i) + ".";
    const auto projection = [&](const char* name) {
      return linear(loading, block + "self_attn." + name + "_proj", hidden, hidden);
    };
    blocks_.push_back({.norm1 = layer_norm(loading, block + "layer_norm1", hidden, eps),
                       .norm2 = layer_norm(loading, block + "layer_norm2", hidden, eps),
                       .qkv = joined(projection("q"), projection("k"), projection("v")),
                       .out = projection("out"),
                       .up = linear(loading, block + "mlp.fc1", mlp, hidden),
                       .down = linear(loading, block + "mlp.fc2", hidden, mlp)});
  }
  // In the file, and never used.
  loading.ignore(prefix + "encoder.layers." + std::to_string(blocks - 1) + ".");
  loading.ignore(prefix + "post_layernorm.");
  loading.ignore(prefix + "head.");
}

// A convolution whose steps do not overlap is one product over cut-out patches.
at::Tensor Siglip::patches(const at::Tensor& pixels) const {
  const std::int64_t grid = shape_.grid(), patch = shape_.patch, tiles = pixels.size(0);
  const at::Tensor whole = pixels.narrow(2, 0, grid * patch).narrow(3, 0, grid * patch);
  return whole.reshape({tiles, 3, grid, patch, grid, patch})
      .permute({0, 2, 4, 1, 3, 5})
      .reshape({tiles, grid * grid, 3 * patch * patch});
}

at::Tensor Siglip::attended(const Block& block, const at::Tensor& x) const {
  const std::int64_t tiles = x.size(0), tokens = x.size(1), heads = shape_.heads;
  // [3][tiles][heads][tokens][hidden / heads]
  const at::Tensor qkv = block.qkv(x)
                             .reshape({tiles, tokens, 3, heads, shape_.hidden / heads})
                             .permute({2, 0, 3, 1, 4});
  const at::Tensor mixed = at::scaled_dot_product_attention(qkv[0], qkv[1], qkv[2]);
  return block.out(mixed.transpose(1, 2).reshape({tiles, tokens, shape_.hidden}));
}

SiglipFeatures Siglip::features(const at::Tensor& pixels, std::span<const int> levels) const {
  SiglipFeatures found;
  at::Tensor x = patch_(patches(pixels.to(patch_.weight.device(), patch_.weight.scalar_type())));
  x.add_(position_);
  for (int i = 0; i < static_cast<int>(blocks_.size()); ++i) {
    const Block& block = blocks_[static_cast<std::size_t>(i)];
    x.add_(attended(block, block.norm1(x)));
    x.add_(block.down(at::gelu(block.up(block.norm2(x)), "tanh")));
    if (std::ranges::find(levels, i) != levels.end())
      found.levels.push_back(i + 1 < static_cast<int>(blocks_.size()) ? x.clone() : x);
  }
  LOOKTWICE_CHECK(found.levels.size() == levels.size());
  found.final = x;
  return found;
}

}  // namespace looktwice::nn
