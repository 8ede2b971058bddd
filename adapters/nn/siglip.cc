#include "adapters/nn/siglip.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/scaled_dot_product_attention.h>

#include <algorithm>

#include "adapters/nn/many_rows.h"
#include "adapters/nn/text_rows.h"
#include "harness/core/error.h"

namespace looktwice::nn {

Siglip::Siglip(Loading& loading, const std::string& prefix, const SiglipShape& shape)
    : shape_(shape), type_(loading.type()) {
  // LibTorch is faster where it has what it needs: in fp32 vectors (123 to 141 against 113 GFLOP/s,
  // one thread), in bf16 matrix units, which its attention uses, too.
  const bool has_units = best_isa() == Isa::amx;
  by_rows_ = loading.device().is_cpu() && type_ != (has_units ? at::kBFloat16 : at::kFloat);
  compute_ = by_rows_ ? at::kFloat : type_;
  const auto& [hidden, heads, mlp, blocks, image, patch, eps] = shape;
  if (hidden < 1 || heads < 1 || hidden % heads != 0 || mlp < 1 || blocks < 2 || blocks > 1000 ||
      patch < 1 || image < patch || !(eps > 0))
    throw Error(Kind::model, "vision model: sizes in config.json make no sense: hidden " +
                                 std::to_string(hidden) + ", heads " + std::to_string(heads) +
                                 ", blocks " + std::to_string(blocks) + ", image " +
                                 std::to_string(image) + ", patch " + std::to_string(patch));
  const std::string embeddings = prefix + "embeddings.";
  const auto vector = [&](const std::string& name, const weights::Shape& size) {
    return loading.take(name, size, compute_);
  };
  const auto matrix_named = [&](const std::string& name, const weights::Shape& size) {
    const std::string weight = name + ".weight";
    return by_rows_ ? loading.take_narrow(weight, size) : loading.take(weight, size);
  };
  patch_.weight = matrix_named(embeddings + "patch_embedding", {hidden, 3, patch, patch});
  if (patch_.weight.defined()) patch_.weight = patch_.weight.reshape({hidden, 3 * patch * patch});
  patch_.bias = vector(embeddings + "patch_embedding.bias", {hidden});
  position_ = vector(embeddings + "position_embedding.weight", {shape.tokens(), hidden});
  for (std::int64_t i = 0; i + 1 < blocks; ++i) {
    const std::string block = prefix + "encoder.layers." + std::to_string(i) + ".";
    const auto product_of = [&](const std::string& name, std::int64_t out, std::int64_t in) {
      return Linear{.weight = matrix_named(block + name, {out, in}),
                    .bias = vector(block + name + ".bias", {out})};
    };
    const auto norm_of = [&](const std::string& name) {
      return LayerNorm{.weight = vector(block + name + ".weight", {hidden}),
                       .bias = vector(block + name + ".bias", {hidden}),
                       .eps = eps};
    };
    Block& own = blocks_.emplace_back();
    own.norm1 = norm_of("layer_norm1");
    own.norm2 = norm_of("layer_norm2");
    own.q = product_of("self_attn.q_proj", hidden, hidden);
    own.k = product_of("self_attn.k_proj", hidden, hidden);
    own.v = product_of("self_attn.v_proj", hidden, hidden);
    own.out = product_of("self_attn.out_proj", hidden, hidden);
    own.up = product_of("mlp.fc1", mlp, hidden);
    own.down = product_of("mlp.fc2", hidden, mlp);
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
  const at::Tensor cut = whole.reshape({tiles, 3, grid, patch, grid, patch})
                             .permute({0, 2, 4, 1, 3, 5})
                             .reshape({tiles, grid * grid, 3 * patch * patch});
  if (!by_rows_) return patch_(cut);
  at::Tensor made = at::empty({tiles, grid * grid, shape_.hidden}, cut.options());
  products(cut, {matrix_of(patch_, made.mutable_data_ptr<float>())});
  return made;
}

// For each matrix y[rows][out] = x W^T + b, or y += it. x contiguous fp32 on the CPU.
void Siglip::products(const at::Tensor& x, std::initializer_list<RowMatrix> matrices,
                      Finish finish) const {
  many_row_products(x.const_data_ptr<float>(), x.numel() / x.size(-1), x.size(-1), matrices,
                    factors_of(type_), finish);
}

void Siglip::through_by_tensors(const Block& block, at::Tensor& x) const {
  const at::Tensor normed = block.norm1(x);
  const auto parts = [&](const Linear& linear) {
    return linear(normed)
        .view({x.size(0), x.size(1), shape_.heads, shape_.hidden / shape_.heads})
        .transpose(1, 2);
  };
  const at::Tensor mixed =
      at::scaled_dot_product_attention(parts(block.q), parts(block.k), parts(block.v));
  x.add_(block.out(mixed.transpose(1, 2).reshape(x.sizes())));
  x.add_(block.down(at::gelu(block.up(block.norm2(x)), "tanh")));
}

void Siglip::through_by_rows(const Block& block, at::Tensor& x, Room& room) const {
  const auto into = [](const Linear& linear, at::Tensor& y) {
    return matrix_of(linear, y.mutable_data_ptr<float>());
  };
  products(block.norm1(x), {into(block.q, room.q), into(block.k, room.k), into(block.v, room.v)});
  const at::Tensor mixed = at::empty_like(x);
  const float *const q = room.q.const_data_ptr<float>(), *const k = room.k.const_data_ptr<float>(),
                     *const v = room.v.const_data_ptr<float>();
  float* const out = mixed.mutable_data_ptr<float>();
  const std::int64_t heads = shape_.heads, width = shape_.hidden / heads, tokens = x.size(1);
  at::parallel_for(0, x.size(0) * heads, 1, [&](std::int64_t begin, std::int64_t end) {
    AttentionRoom own;
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t at = i / heads * tokens * shape_.hidden + i % heads * width;
      attend({.width = width,
              .length = tokens,
              .q = q + at,
              .k = k + at,
              .v = v + at,
              .step = shape_.hidden,
              .out = out + at,
              .out_step = shape_.hidden},
             best_isa(), own);
    }
  });
  products(mixed, {into(block.out, x)}, {.add = true});
  products(block.norm2(x), {into(block.up, room.up)}, {.then = Then::gelu});
  products(room.up, {into(block.down, x)}, {.add = true});
}

SiglipFeatures Siglip::features(const at::Tensor& pixels, std::span<const int> levels) const {
  SiglipFeatures found;
  at::Tensor x = patches(pixels.to(patch_.weight.device(), compute_));
  x.add_(position_);
  Room room;
  if (by_rows_) {
    room.q = at::empty_like(x);
    room.k = at::empty_like(x);
    room.v = at::empty_like(x);
    room.up = at::empty({x.size(0), x.size(1), shape_.mlp}, x.options());
  }
  for (int i = 0; i < static_cast<int>(blocks_.size()); ++i) {
    const Block& block = blocks_[static_cast<std::size_t>(i)];
    if (by_rows_)
      through_by_rows(block, x, room);
    else
      through_by_tensors(block, x);
    const bool is_last = i + 1 == static_cast<int>(blocks_.size());
    if (std::ranges::find(levels, i) != levels.end())
      found.levels.push_back(is_last || type_ != compute_ ? x.to(type_) : x.clone());
  }
  LOOKTWICE_CHECK(found.levels.size() == levels.size());
  found.final = x.to(type_);
  return found;
}

}  // namespace looktwice::nn
