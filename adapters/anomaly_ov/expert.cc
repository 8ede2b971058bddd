#include "adapters/anomaly_ov/expert.h"

#include <ATen/Parallel.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/linalg_qr.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/mv.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>

#include "adapters/kernels/ltfm.h"
#include "adapters/kernels/ltfm_fused.h"
#include "adapters/kernels/ltfm_rows.h"
#include "adapters/kernels/token_select.h"
#include "adapters/nn/device.h"
#include "adapters/nn/panels.h"
#include "harness/core/error.h"

namespace looktwice::anomaly_ov {
namespace {

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
  attention_ = first_of(loading.shape_of("q_former.query_proj.weight"));
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
  query_ = linear32(loading, "q_former.query_proj", attention_, hidden);
  key_ = linear32(loading, "q_former.key_proj", attention_, hidden);
  score_in_ = linear32(loading, "final_predictor.0", scoring, hidden);
  score_out_ = linear32(loading, "final_predictor.2", 1, scoring);
}

// Both prompts of a level are sums of a constant and of what a matrix makes of the class; on a CPU
// both parts are turned as the level's adaptor is.
void Expert::prepare() {
  const c10::InferenceMode guard;
  const auto embedding_of = [&](const at::Tensor& own) {
    const at::Tensor flat = own.reshape({dims_}).to(at::kDouble);
    return options_.split_prompts ? flat : at::zeros_like(flat);
  };
  const at::Tensor embeddings[] = {embedding_of(positive_), embedding_of(negative_)};
  const auto has_negative = [](const Level& level) {
    return level.negative_prompt.weight.defined();
  };
  const bool apart = options_.variant == Variant::paper &&
                     std::any_of(levels_.begin(), levels_.end(), has_negative);
  std::vector<at::Tensor> constants, from_class;
  for (Level& level : levels_) {
    const at::Tensor rotation = turned(level);
    const auto turn = [&](const at::Tensor& of) {
      return (rotation.defined() ? at::matmul(rotation, of) : of).to(at::kFloat);
    };
    for (std::size_t sign = 0; sign < 2; ++sign) {
      const nn::Linear& prompt =
          sign == 1 && apart && has_negative(level) ? level.negative_prompt : level.prompt;
      const at::Tensor weight = prompt.weight.to(at::kDouble);
      constants.push_back(
          turn(at::mv(weight.narrow(1, 0, dims_), embeddings[sign]).add(prompt.bias)));
      if (sign == 0 || apart) from_class.push_back(turn(weight.narrow(1, dims_, classes_)));
    }
    level.prompt = level.negative_prompt = {};
  }
  const auto levels = static_cast<std::int64_t>(levels_.size());
  constant_prompts_ = at::cat(constants).view({levels, 2, dims_});
  class_prompts_ = at::cat(from_class).contiguous();
  // (W_q q + b_q) W_k, which a feature is held against, is one product; b_k moves all scores alike.
  const at::Tensor key = key_.weight.to(at::kDouble).t();
  key_ = {};
  query_ = {.weight = at::matmul(key, query_.weight.to(at::kDouble)).to(at::kFloat).contiguous(),
            .bias = at::mv(key, query_.bias.to(at::kDouble)).to(at::kFloat)};
  if (query_.weight.is_cpu()) {
    query_panels_ =
        nn::Panels(query_.weight.const_data_ptr<float>(), query_.bias.const_data_ptr<float>(),
                   hidden_, hidden_, nn::Factors::fp32);
    query_ = {};
  }
  for (nn::Linear* linear : {&score_in_, &score_out_})
    *linear = {linear->weight.to(options_.score_type), linear->bias.to(options_.score_type)};
}

// e = W x + b is needed for two numbers only, |e| and e . p. With W = Q R, Q orthogonal and R upper
// triangular to its left end, both are those of y = R x + Q'b against Q'p; and R has zeros that the
// product leaves out. On a CPU; gives Q', double, where it turns.
at::Tensor Expert::turned(Level& level) const {
  const at::Tensor &weight = level.adaptor.weight, &bias = level.adaptor.bias;
  if (!weight.device().is_cpu()) {
    level.bias = bias.to(at::kFloat);
    return {};
  }
  at::Tensor own = weight.to(at::kFloat), own_bias = bias.to(at::kFloat), rotation;
  if (dims_ <= hidden_) {
    const auto [q, r] = at::linalg_qr(weight.to(at::kDouble), "reduced");
    rotation = q.t();
    own = r.to(at::kFloat);
    own_bias = at::mv(rotation, bias.to(at::kDouble)).to(at::kFloat);
  }
  own = own.contiguous();
  own_bias = own_bias.contiguous();
  level.rows = kernels::LtfmRows(own.const_data_ptr(), kernels::Number::f32,
                                 own_bias.const_data_ptr<float>(), dims_, hidden_,
                                 number_of(weight.scalar_type()));
  level.adaptor = {};
  return rotation;
}

// [levels][2][dims]: positive, negative; in the space of each level's y.
at::Tensor Expert::prompts_for(const at::Tensor& class_vector) const {
  if (!options_.look_back) return constant_prompts_;
  const auto levels = static_cast<std::int64_t>(levels_.size());
  return constant_prompts_.add(at::mv(class_prompts_, class_vector).view({levels, -1, dims_}));
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

// On a CPU: each thread takes some rows through all levels; no adapted feature is kept.
at::Tensor Expert::matched_in_rows(const nn::SiglipFeatures& features, const at::Tensor& prompts,
                                   bool average) const {
  const auto levels = static_cast<std::int64_t>(levels_.size());
  const std::int64_t tiles = features.final.size(0), tokens = features.final.size(1);
  const std::int64_t rows = tiles * tokens;
  std::vector<at::Tensor> own;
  for (const at::Tensor& level : features.levels) own.push_back(level.contiguous());
  const at::Tensor maps = at::zeros({average ? 1 : levels, rows}, prompts.options());
  float* const map = maps.mutable_data_ptr<float>();
  const float* const prompt = prompts.const_data_ptr<float>();
  const int selected = options_.variant == Variant::released ? 1 : 0;
  const float share = average ? 1.0f / static_cast<float>(levels) : 1.0f;
  std::vector<kernels::LtfmRows::Against> against(levels_.size());
  at::parallel_for(0, levels, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t l = begin; l < end; ++l) {
      const auto at = static_cast<std::size_t>(l);
      against[at] = levels_[at].rows.against(prompt + 2 * l * dims_, selected);
    }
  });
  constexpr std::int64_t kTile = kernels::LtfmRows::kTileRows;
  at::parallel_for(0, (rows + kTile - 1) / kTile, 1, [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t first = begin * kTile, count = std::min(end * kTile, rows) - first;
    kernels::Words room;
    for (std::int64_t l = 0; l < levels; ++l) {
      const auto at = static_cast<std::size_t>(l);
      const at::Tensor& x = own[at];
      const auto* from = static_cast<const std::byte*>(x.const_data_ptr()) +
                         static_cast<std::size_t>(first * hidden_) * x.element_size();
      levels_[at].rows.add(from, count, against[at], share, map + (average ? 0 : l * rows) + first,
                           room);
    }
  });
  return average ? maps.view({tiles, tokens}) : maps.view({levels, tiles, tokens});
}

// average: [tiles][tokens]; else [levels][tiles][tokens].
at::Tensor Expert::matched(const nn::SiglipFeatures& features, const at::Tensor& prompts,
                           bool average) const {
  if (features.final.is_cpu()) return matched_in_rows(features, prompts, average);
  if (average)
    if (at::Tensor map = matched_at_once(features, prompts); map.defined()) return map;
  const auto levels = static_cast<std::int64_t>(levels_.size());
  const std::int64_t tiles = features.final.size(0), tokens = features.final.size(1);
  at::Tensor maps = at::empty({levels, tiles * tokens}, prompts.options());
  at::Tensor y = at::empty({tiles * tokens, dims_}, features.final.options());
  const kernels::Ltfm shape{.tokens = static_cast<int>(tiles * tokens),
                            .dims = static_cast<int>(dims_),
                            .number = number_of(y.scalar_type()),
                            .selected = options_.variant == Variant::released ? 1 : 0};
  for (std::int64_t l = 0; l < levels; ++l) {
    const Level& level = levels_[static_cast<std::size_t>(l)];
    at::mm_out(y, features.levels[static_cast<std::size_t>(l)].view({tiles * tokens, hidden_}),
               level.adaptor.weight.t());
    kernels::ltfm(shape, y.const_data_ptr(), level.bias.const_data_ptr<float>(),
                  prompts.const_data_ptr<float>() + 2 * l * dims_,
                  maps.mutable_data_ptr<float>() + l * tiles * tokens, nn::stream_of(y.device()));
  }
  maps = maps.view({levels, tiles, tokens});
  return average ? maps.mean(0) : maps;
}

Expertise Expert::room(std::int64_t tiles) const {
  const at::TensorOptions options = positive_.options();
  const std::int64_t tokens = pooling_.weight.size(1), windows = kernels::kWindows;
  return {.map = at::empty({tiles, tokens}, options),
          .local = at::empty({tiles, windows, hidden_}, options),
          .query = at::empty({tiles, windows, hidden_}, options),
          .pooled = at::empty({tiles, windows}, options)};
}

Expertise Expert::part(const Expertise& room, std::int64_t first, std::int64_t tiles) {
  return {.map = room.map.narrow(0, first, tiles),
          .local = room.local.narrow(0, first, tiles),
          .query = room.query.narrow(0, first, tiles),
          .pooled = room.pooled.narrow(0, first, tiles)};
}

void Expert::classify(const at::Tensor& whole, Expertise& seen) const {
  const c10::InferenceMode guard;
  seen.class_pool =
      at::matmul(pooling_.weight, whole.to(at::kFloat)).add(pooling_.bias).reshape({hidden_});
  seen.class_vector = class_out_(at::gelu(class_in_(seen.class_pool)));
  seen.prompts = prompts_for(seen.class_vector).contiguous();
}

void Expert::match(const nn::SiglipFeatures& features, Expertise& seen) const {
  const c10::InferenceMode guard;
  seen.map.copy_(matched(features, seen.prompts, true));
}

at::Tensor Expert::level_maps(const nn::SiglipFeatures& features, const Expertise& seen) const {
  const c10::InferenceMode guard;
  return matched(features, seen.prompts, false);
}

void Expert::select(const at::Tensor& final, Expertise& seen) const {
  const c10::InferenceMode guard;
  const at::Tensor own = final.contiguous();
  const at::Tensor& map = seen.map;
  const kernels::Stream stream = nn::stream_of(own.device());
  kernels::TokenSelect shape = selection_of(own);
  shape.divide = options_.variant == Variant::released;
  shape.scale = 1 / std::sqrt(static_cast<float>(attention_));
  const std::int64_t tiles = own.size(0), windows = kernels::kWindows;
  const std::size_t tile_bytes =
      static_cast<std::size_t>(own.size(1) * hidden_) * own.element_size();
  const auto tile_of = [&](std::int64_t tile) {
    return static_cast<const std::byte*>(own.const_data_ptr()) +
           static_cast<std::size_t>(tile) * tile_bytes;
  };
  if (own.is_cpu()) {
    kernels::TokenSelect one = shape;
    one.tiles = 1;
    const std::int64_t columns = query_panels_.columns();
    at::parallel_for(0, tiles, 1, [&](std::int64_t begin, std::int64_t end) {
      float* const query = seen.query.mutable_data_ptr<float>();
      for (std::int64_t tile = begin; tile < end; ++tile)
        kernels::token_pool(one, tile_of(tile), map.const_data_ptr<float>() + tile * own.size(1),
                            query + tile * windows * hidden_,
                            seen.pooled.mutable_data_ptr<float>() + tile * windows);
      if (!options_.q_former) return;
      const std::int64_t rows = (end - begin) * windows;
      nn::Words factors, against(rows * columns);
      const nn::FactorRows from_query =
          nn::factor_rows(query + begin * windows * hidden_, hidden_, rows, hidden_,
                          nn::Factors::fp32, nn::best_isa(), factors);
      query_panels_.times(from_query.x, from_query.step, rows, against.floats(), columns);
      nn::Words dense(windows * hidden_);
      for (std::int64_t tile = begin; tile < end; ++tile) {
        const float* from = against.floats() + (tile - begin) * windows * columns;
        for (std::int64_t window = 0; window < windows; ++window)
          std::copy_n(from + window * columns, hidden_, dense.floats() + window * hidden_);
        kernels::token_attend(one, tile_of(tile), dense.floats(),
                              seen.local.mutable_data_ptr<float>() + tile * windows * hidden_);
      }
    });
  } else {
    kernels::token_pool(shape, own.const_data_ptr(), map.const_data_ptr<float>(),
                        seen.query.mutable_data_ptr<float>(), seen.pooled.mutable_data_ptr<float>(),
                        stream);
    if (options_.q_former)
      kernels::token_attend(shape, own.const_data_ptr(),
                            query_(seen.query).contiguous().const_data_ptr<float>(),
                            seen.local.mutable_data_ptr<float>(), stream);
  }
  if (!options_.q_former) seen.local.copy_(seen.query);
}

void Expert::conclude(Expertise& seen) const {
  const c10::InferenceMode guard;
  const bool released = options_.variant == Variant::released;
  // Released: a tile's windows count by the tile's own significance as well.
  at::Tensor weight = seen.pooled;
  if (released) weight = weight.mul(seen.map.mean(1, true));
  seen.global = at::empty({1, hidden_}, seen.map.options());
  const kernels::TokenSelect shape{
      .tiles = static_cast<int>(seen.local.size(0)), .grid = 1, .dims = static_cast<int>(hidden_)};
  kernels::token_mean(shape, seen.local.const_data_ptr<float>(), weight.const_data_ptr<float>(),
                      seen.global.mutable_data_ptr<float>(), nn::stream_of(seen.local.device()));
  const at::Tensor hidden = at::gelu(score_in_(seen.global.to(options_.score_type)));
  seen.logit = score_out_(hidden).to(at::kFloat).reshape({1});
}

Expertise Expert::look(const nn::SiglipFeatures& features) const {
  Expertise seen = room(features.final.size(0));
  classify(features.final[0], seen);
  match(features, seen);
  select(features.final, seen);
  conclude(seen);
  return seen;
}

}  // namespace looktwice::anomaly_ov
