#include "adapters/anomaly_ov/expert.h"

#include <ATen/Parallel.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/linalg_qr.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>

#include "adapters/kernels/ltfm.h"
#include "adapters/kernels/ltfm_fused.h"
#include "adapters/kernels/token_select.h"
#include "adapters/nn/device.h"
#include "harness/core/error.h"

namespace looktwice::anomaly_ov {
namespace {

constexpr std::int64_t kStripe = 64;  // columns of one product: the fewer, the fewer zeros in it
constexpr std::int64_t kRows = 256;   // tokens at a time: their products stay in the cache

kernels::Number number_of(at::ScalarType type) {
  return type == at::kBFloat16 ? kernels::Number::bf16
         : type == at::kHalf   ? kernels::Number::f16
                               : kernels::Number::f32;
}

// Small matrices of the expert compute in float whatever the model does.
nn::Linear linear32(nn::Loading& loading, const std::string& name, std::int64_t out,
                    std::int64_t in) {
  return {.weight = loading.take(name + ".weight", {out, in}, at::kFloat),
          .bias = loading.take(name + ".bias", {out}, at::kFloat)};
}

std::int64_t first_of(const weights::Shape& shape) {
  return shape.empty() ? 0 : shape.front();
}

kernels::TokenSelect selection_of(const at::Tensor& features) {
  const auto grid = static_cast<int>(std::lround(std::sqrt(static_cast<double>(features.size(1)))));
  return {.tiles = static_cast<int>(features.size(0)),
          .grid = grid,
          .dims = static_cast<int>(features.size(2)),
          .number = number_of(features.scalar_type())};
}

}  // namespace

Expert::Expert(nn::Loading& loading, std::int64_t hidden, std::int64_t tokens, std::int64_t levels,
               ExpertOptions options)
    : options_(options), hidden_(hidden) {
  dims_ = first_of(loading.shape_of("siglip_adaptors.0.weight"));
  classes_ = first_of(loading.shape_of("class_predictor.2.weight"));
  const std::int64_t attention = first_of(loading.shape_of("q_former.query_proj.weight"));
  const std::int64_t scoring = first_of(loading.shape_of("final_predictor.0.weight"));
  positive_ = loading.take("positive_embedding", {1, dims_}, at::kFloat);
  negative_ = loading.take("negative_embedding", {1, dims_}, at::kFloat);
  pooling_ = linear32(loading, "pooling_layer.0", 1, tokens);
  class_in_ = linear32(loading, "class_predictor.0", classes_, hidden);
  class_out_ = linear32(loading, "class_predictor.2", classes_, classes_);
  for (std::int64_t i = 0; i < levels; ++i) {
    const std::string number = "." + std::to_string(i);
    Level level{.adaptor = nn::linear(loading, "siglip_adaptors" + number, dims_, hidden),
                .prompt = linear32(loading, "prompt_adaptors" + number, dims_, dims_ + classes_)};
    const std::string negative = "negative_prompt_adaptors" + number;
    if (loading.has(negative + ".weight"))
      level.negative_prompt = linear32(loading, negative, dims_, dims_ + classes_);
    levels_.push_back(std::move(level));
  }
  query_ = linear32(loading, "q_former.query_proj", attention, hidden);
  key_ = linear32(loading, "q_former.key_proj", attention, hidden);
  score_in_ = linear32(loading, "final_predictor.0", scoring, hidden);
  score_out_ = linear32(loading, "final_predictor.2", 1, scoring);
}

void Expert::prepare() {
  const c10::InferenceMode guard;
  for (Level& level : levels_) fold(level);
  for (nn::Linear* linear : {&score_in_, &score_out_})
    *linear = {linear->weight.to(options_.score_type), linear->bias.to(options_.score_type)};
}

// e = W x + b is needed for two numbers only, |e| and e . p. With W = Q R, Q orthogonal and R upper
// triangular to its left end, both are those of y = R x + Q'b against Q'p; and R has zeros that the
// product can leave out, a stripe of rows at a time.
void Expert::fold(Level& level) const {
  const bool folds = level.adaptor.weight.device().is_cpu() &&
                     level.adaptor.weight.scalar_type() == at::kFloat && dims_ <= hidden_;
  if (!folds) {
    level.bias = level.adaptor.bias.to(at::kFloat);
    level.stripes.push_back({.count = dims_, .weight = level.adaptor.weight.t()});
    return;
  }
  const auto [q, r] = at::linalg_qr(level.adaptor.weight.to(at::kDouble), "reduced");
  const at::Tensor transposed = r.to(at::kFloat).t();  // [hidden][dims]
  level.rotation = q.to(at::kFloat).contiguous();
  level.bias = at::matmul(q.t(), level.adaptor.bias.to(at::kDouble)).to(at::kFloat);
  for (std::int64_t begin = 0; begin < dims_; begin += kStripe) {
    const std::int64_t count = std::min(kStripe, dims_ - begin);
    level.stripes.push_back(
        {.first = begin,
         .begin = begin,
         .count = count,
         .weight =
             transposed.narrow(0, begin, hidden_ - begin).narrow(1, begin, count).contiguous()});
  }
  level.adaptor = {};
}

// [levels][2][dims]: positive, negative; in the space of each level's y.
at::Tensor Expert::prompts_for(const at::Tensor& class_vector) const {
  const at::Tensor own_class = options_.look_back ? class_vector : at::zeros_like(class_vector);
  const auto input = [&](const at::Tensor& embedding) {
    const at::Tensor own = embedding.reshape({dims_});
    return at::cat({options_.split_prompts ? own : at::zeros_like(own), own_class});
  };
  const at::Tensor positive = input(positive_), negative = input(negative_);
  std::vector<at::Tensor> prompts;
  for (const Level& level : levels_) {
    const bool own = options_.variant == Variant::paper && level.negative_prompt.weight.defined();
    at::Tensor pair =
        at::stack({level.prompt(positive), (own ? level.negative_prompt : level.prompt)(negative)});
    prompts.push_back(level.rotation.defined() ? at::matmul(pair, level.rotation) : pair);
  }
  return at::stack(prompts);
}

// On a GPU, where the shape allows: product and matching in one kernel, so that no adapted feature
// is written. Undefined: it is to be done in two steps.
at::Tensor Expert::matched_at_once(const nn::SiglipFeatures& features,
                                   const at::Tensor& prompts) const {
  const at::Tensor& final = features.final;
  kernels::LtfmFused shape{.levels = static_cast<int>(levels_.size()),
                           .tiles = static_cast<int>(final.size(0)),
                           .tokens = static_cast<int>(final.size(1)),
                           .hidden = static_cast<int>(hidden_),
                           .dims = static_cast<int>(dims_),
                           .number = number_of(final.scalar_type()),
                           .selected = options_.variant == Variant::released ? 1 : 0};
  const kernels::Stream stream = nn::stream_of(final.device());
  if (final.device().is_cpu() || levels_.size() > kernels::kMostFusedLevels ||
      !kernels::ltfm_fused_refusal(shape, stream).empty())
    return {};
  std::vector<at::Tensor> kept;  // until the kernel is asked for; its memory is the queue's then
  std::vector<const void*> rows, weights;
  std::vector<const float*> biases;
  for (std::size_t l = 0; l < levels_.size(); ++l) {
    kept.push_back(features.levels[l].contiguous());
    rows.push_back(kept.back().const_data_ptr());
    kept.push_back(levels_[l].adaptor.weight.contiguous());
    weights.push_back(kept.back().const_data_ptr());
    biases.push_back(levels_[l].bias.const_data_ptr<float>());
  }
  for (const at::Tensor& tensor : kept)
    if (reinterpret_cast<std::uintptr_t>(tensor.const_data_ptr()) % 16 != 0) return {};
  at::Tensor map = at::empty({final.size(0), final.size(1)}, prompts.options());
  kernels::ltfm_fused(shape, rows.data(), weights.data(), biases.data(),
                      prompts.const_data_ptr<float>(), map.mutable_data_ptr<float>(), stream);
  return map;
}

// average: [tiles][tokens]; else [levels][tiles][tokens].
at::Tensor Expert::matched(const nn::SiglipFeatures& features, const at::Tensor& prompts,
                           bool average) const {
  if (average)
    if (at::Tensor map = matched_at_once(features, prompts); map.defined()) return map;
  const auto levels = static_cast<std::int64_t>(levels_.size());
  const std::int64_t tiles = features.final.size(0), tokens = features.final.size(1);
  const at::Device device = features.final.device();
  at::Tensor maps = at::empty({levels, tiles * tokens}, prompts.options());
  const std::int64_t blocks = (tiles * tokens + kRows - 1) / kRows;
  const kernels::Stream stream = nn::stream_of(device);
  const auto match_rows = [&](std::int64_t l, std::int64_t first, std::int64_t count,
                              at::Tensor& y) {
    const Level& level = levels_[static_cast<std::size_t>(l)];
    const at::Tensor x = features.levels[static_cast<std::size_t>(l)]
                             .view({tiles * tokens, hidden_})
                             .narrow(0, first, count);
    at::Tensor rows = y.narrow(0, 0, count);
    for (const Stripe& stripe : level.stripes) {
      at::Tensor part = rows.narrow(1, stripe.begin, stripe.count);
      at::mm_out(part, x.narrow(1, stripe.first, hidden_ - stripe.first), stripe.weight);
    }
    const kernels::Ltfm shape{.tokens = static_cast<int>(count),
                              .dims = static_cast<int>(dims_),
                              .number = number_of(rows.scalar_type()),
                              .selected = options_.variant == Variant::released ? 1 : 0};
    kernels::ltfm(shape, rows.const_data_ptr(), level.bias.const_data_ptr<float>(),
                  prompts.const_data_ptr<float>() + 2 * l * dims_,
                  maps.mutable_data_ptr<float>() + l * tiles * tokens + first, stream);
  };
  if (!device.is_cpu()) {
    at::Tensor y = at::empty({tiles * tokens, dims_}, features.final.options());
    for (std::int64_t l = 0; l < levels; ++l) match_rows(l, 0, tiles * tokens, y);
  } else {
    at::parallel_for(0, levels * blocks, 1, [&](std::int64_t begin, std::int64_t end) {
      const c10::InferenceMode guard;
      at::Tensor y = at::empty({kRows, dims_}, features.final.options());
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t first = i % blocks * kRows;
        match_rows(i / blocks, first, std::min(kRows, tiles * tokens - first), y);
      }
    });
  }
  maps = maps.view({levels, tiles, tokens});
  return average ? maps.mean(0) : maps;
}

Expertise Expert::match(const nn::SiglipFeatures& features) const {
  const c10::InferenceMode guard;
  Expertise seen;
  const at::Tensor whole = features.final[0].to(at::kFloat);  // [tokens][hidden]
  seen.class_pool = pooling_(whole.t()).reshape({hidden_});
  seen.class_vector = class_out_(at::gelu(class_in_(seen.class_pool)));
  seen.prompts = prompts_for(seen.class_vector).contiguous();
  seen.map = matched(features, seen.prompts, true);
  return seen;
}

at::Tensor Expert::level_maps(const nn::SiglipFeatures& features, const Expertise& seen) const {
  const c10::InferenceMode guard;
  return matched(features, seen.prompts, false);
}

void Expert::select(const nn::SiglipFeatures& features, Expertise& seen) const {
  const c10::InferenceMode guard;
  const at::Tensor own = features.final.contiguous();
  const at::Tensor map = seen.map.contiguous();
  const kernels::Stream stream = nn::stream_of(own.device());
  const bool released = options_.variant == Variant::released;
  kernels::TokenSelect shape = selection_of(own);
  shape.divide = released;
  shape.scale = 1 / std::sqrt(static_cast<float>(query_.weight.size(0)));
  const std::int64_t tiles = own.size(0), windows = kernels::kWindows;
  seen.query = at::empty({tiles, windows, hidden_}, map.options());
  seen.pooled = at::empty({tiles, windows}, map.options());
  seen.local = at::empty({tiles, windows, hidden_}, map.options());
  // (W_q q + b_q) W_k: what each feature is held against. [tiles][4][hidden]
  const auto folded = [&] { return at::matmul(query_(seen.query), key_.weight).contiguous(); };

  const std::size_t tile_bytes =
      static_cast<std::size_t>(own.size(1) * hidden_) * own.element_size();
  const auto tile_of = [&](std::int64_t tile) {
    return static_cast<const std::byte*>(own.const_data_ptr()) +
           static_cast<std::size_t>(tile) * tile_bytes;
  };
  if (own.is_cpu()) {
    kernels::TokenSelect one = shape;
    one.tiles = 1;
    at::parallel_for(0, tiles, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t tile = begin; tile < end; ++tile)
        kernels::token_pool(one, tile_of(tile), map.const_data_ptr<float>() + tile * own.size(1),
                            seen.query.mutable_data_ptr<float>() + tile * windows * hidden_,
                            seen.pooled.mutable_data_ptr<float>() + tile * windows);
    });
    if (options_.q_former) {
      const at::Tensor against = folded();
      at::parallel_for(0, tiles, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t tile = begin; tile < end; ++tile)
          kernels::token_attend(one, tile_of(tile),
                                against.const_data_ptr<float>() + tile * windows * hidden_,
                                seen.local.mutable_data_ptr<float>() + tile * windows * hidden_);
      });
    }
  } else {
    kernels::token_pool(shape, own.const_data_ptr(), map.const_data_ptr<float>(),
                        seen.query.mutable_data_ptr<float>(), seen.pooled.mutable_data_ptr<float>(),
                        stream);
    if (options_.q_former)
      kernels::token_attend(shape, own.const_data_ptr(), folded().const_data_ptr<float>(),
                            seen.local.mutable_data_ptr<float>(), stream);
  }
  if (!options_.q_former) seen.local = seen.query;

  // Released: a tile's windows count by the tile's own significance as well.
  at::Tensor weight = seen.pooled;
  if (released) weight = weight.mul(map.mean(1, true));
  weight = weight.contiguous();
  seen.global = at::empty({1, hidden_}, map.options());
  kernels::token_mean(shape, seen.local.const_data_ptr<float>(), weight.const_data_ptr<float>(),
                      seen.global.mutable_data_ptr<float>(), stream);
  const at::Tensor hidden = at::gelu(score_in_(seen.global.to(options_.score_type)));
  seen.logit = score_out_(hidden).to(at::kFloat).reshape({1});
}

Expertise Expert::look(const nn::SiglipFeatures& features) const {
  Expertise seen = match(features);
  select(features, seen);
  return seen;
}

}  // namespace looktwice::anomaly_ov
