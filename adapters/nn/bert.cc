#include "adapters/nn/bert.h"

#include <ATen/Parallel.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/scaled_dot_product_attention.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "harness/core/error.h"

namespace looktwice::nn {
namespace {

constexpr std::int64_t kMost = 1 << 20;  // of any size in a configuration
constexpr std::int64_t kBuckets = 32;    // of relative positions
constexpr std::int64_t kFarthest = 128;  // all beyond share the last bucket

// Bucket of the distance key - query: half of them for each direction, exact up to 8, then by its
// logarithm. Source: Raffel et al. 2020 (T5), bidirectional; rounding as in transformers.
std::int64_t bucket_of(std::int64_t distance) {
  constexpr std::int64_t kSide = kBuckets / 2, kExact = kSide / 2;
  const std::int64_t base = distance > 0 ? kSide : 0, far = std::abs(distance);
  if (far < kExact) return base + far;
  const float ratio = std::log(static_cast<float>(far) / kExact) /
                      static_cast<float>(std::log(static_cast<double>(kFarthest) / kExact));
  const auto beyond = static_cast<std::int64_t>(ratio * (kSide - kExact));
  return base + std::min(kExact + beyond, kSide - 1);
}

// Checkpoints of a model with a head on top carry the encoder below its name.
std::string prefix_in(const weights::Checkpoint& checkpoint, const std::string& family) {
  return checkpoint.find(family + ".embeddings.word_embeddings.weight") ? family + "." : "";
}

}  // namespace

Bert::Bert(const weights::Config& config, const weights::Checkpoint& checkpoint, at::Device device,
           at::ScalarType type)
    : device_(device) {
  const std::string family = config.text("model_type");
  const bool mpnet = family == "mpnet";
  if (!mpnet && family != "bert") config.refuse("model_type", "'bert' or 'mpnet'");
  if (config.text("hidden_act", "gelu") != "gelu") config.refuse("hidden_act", "'gelu'");
  if (config.text("position_embedding_type", "absolute") != "absolute")
    config.refuse("position_embedding_type", "'absolute'");
  hidden_ = config.integer("hidden_size", 1, kMost);
  heads_ = config.integer("num_attention_heads", 1, hidden_);
  if (hidden_ % heads_ != 0) config.refuse("num_attention_heads", "a divisor of hidden_size");
  positions_ = config.integer("max_position_embeddings", 1, kMost);
  const std::int64_t inner = config.integer("intermediate_size", 1, kMost);
  const std::int64_t words = config.integer("vocab_size", 1, std::int64_t{1} << 24);
  const double eps = config.number("layer_norm_eps", 1e-12);
  if (mpnet) first_position_ = config.integer("pad_token_id", 0, positions_ - 1, 1) + 1;

  // BertRows takes fp32 and rounds by itself.
  const bool by_rows = device.is_cpu() && type != at::kHalf;
  Loading loading(config.file().parent_path().string(), checkpoint, device,
                  by_rows ? at::kFloat : type);
  const std::string root = prefix_in(checkpoint, family);
  words_ = loading.take(root + "embeddings.word_embeddings.weight", {words, hidden_});
  places_ = loading.take(root + "embeddings.position_embeddings.weight", {positions_, hidden_});
  if (!mpnet) {
    const std::int64_t types = config.integer("type_vocab_size", 1, kMost, 2);
    const at::Tensor all =
        loading.take(root + "embeddings.token_type_embeddings.weight", {types, hidden_});
    if (all.defined()) first_type_ = all[0];
  } else {
    relative_ = loading.take(root + "encoder.relative_attention_bias.weight", {kBuckets, heads_});
    if (config.integer("relative_attention_num_buckets", 1, kMost, kBuckets) != kBuckets)
      config.refuse("relative_attention_num_buckets", std::to_string(kBuckets));
  }
  embedding_norm_ = layer_norm(loading, root + "embeddings.LayerNorm", hidden_, eps);

  const std::int64_t depth = config.integer("num_hidden_layers", 1, 1000);
  for (std::int64_t i = 0; i < depth; ++i) {
    const std::string name = root + "encoder.layer." + std::to_string(i) + ".";
    const std::string attention = name + (mpnet ? "attention.attn." : "attention.self.");
    std::vector<at::Tensor> weight, bias;
    for (const char* part : {"query", "key", "value"}) {
      const std::string part_name = mpnet ? std::string(1, part[0]) : std::string(part);
      const Linear one = linear(loading, attention + part_name, hidden_, hidden_);
      weight.push_back(one.weight);
      bias.push_back(one.bias);
    }
    const bool whole = std::ranges::all_of(weight, &at::Tensor::defined) &&
                       std::ranges::all_of(bias, &at::Tensor::defined);
    Layer layer;
    if (whole) layer.qkv = {.weight = at::cat(weight), .bias = at::cat(bias)};
    layer.attention_out = linear(loading, mpnet ? attention + "o" : name + "attention.output.dense",
                                 hidden_, hidden_);
    layer.after_attention =
        layer_norm(loading, name + (mpnet ? "attention.LayerNorm" : "attention.output.LayerNorm"),
                   hidden_, eps);
    layer.up = linear(loading, name + "intermediate.dense", inner, hidden_);
    layer.down = linear(loading, name + "output.dense", hidden_, inner);
    layer.after_mlp = layer_norm(loading, name + "output.LayerNorm", hidden_, eps);
    layers_.push_back(std::move(layer));
  }
  // Of the training, or for other tasks.
  for (const char* unused : {"pooler.", "embeddings.position_ids", "embeddings.token_type_ids"})
    loading.ignore(root + unused);
  for (const char* head : {"cls.", "lm_head.", "classifier."}) loading.ignore(head);
  loading.finish();
  if (by_rows)
    rows_ = std::make_shared<const BertRows>(borrowed(),
                                             type == at::kFloat ? Factors::fp32 : Factors::bf16);
}

BertWeights Bert::borrowed() const {
  const auto numbers = [](const at::Tensor& tensor) {
    return tensor.defined() ? tensor.const_data_ptr<float>() : nullptr;
  };
  const auto matrix = [&](const Linear& linear) {
    return BertWeights::Matrix{numbers(linear.weight), numbers(linear.bias)};
  };
  const auto norm = [&](const LayerNorm& layer) {
    return Norm{numbers(layer.weight), numbers(layer.bias), layer.eps};
  };
  BertWeights weights{.hidden = hidden_,
                      .heads = heads_,
                      .inner = layers_.front().up.weight.size(0),
                      .first_position = first_position_,
                      .words = numbers(words_),
                      .places = numbers(places_),
                      .first_type = numbers(first_type_),
                      .relative = numbers(relative_),
                      .bucket_of = bucket_of,
                      .embedding_norm = norm(embedding_norm_)};
  for (const Layer& layer : layers_)
    weights.layers.push_back({.qkv = matrix(layer.qkv),
                              .attention_out = matrix(layer.attention_out),
                              .up = matrix(layer.up),
                              .down = matrix(layer.down),
                              .after_attention = norm(layer.after_attention),
                              .after_mlp = norm(layer.after_mlp)});
  return weights;
}

at::Tensor Bert::embedding(std::span<const std::int32_t> ids,
                           std::span<const std::int64_t> lengths) const {
  const auto count = static_cast<std::int64_t>(ids.size());
  const at::Tensor words = at::empty({count}, at::kInt), places = at::empty({count}, at::kInt);
  std::copy(ids.begin(), ids.end(), words.mutable_data_ptr<std::int32_t>());
  std::int32_t* place = places.mutable_data_ptr<std::int32_t>();
  for (const std::int64_t length : lengths) {
    LOOKTWICE_CHECK(length > 0 && length <= most_tokens());
    for (std::int64_t i = 0; i < length; ++i)
      *place++ = static_cast<std::int32_t>(first_position_ + i);
  }
  LOOKTWICE_CHECK(place == places.mutable_data_ptr<std::int32_t>() + count);
  at::Tensor sum = at::embedding(words_, words.to(device_));
  if (first_type_.defined()) sum.add_(first_type_);
  return embedding_norm_(sum.add_(at::embedding(places_, places.to(device_))));
}

at::Tensor Bert::relative_bias(std::int64_t length) const {
  const at::Tensor buckets = at::empty({length, length}, at::kInt);
  std::int32_t* bucket = buckets.mutable_data_ptr<std::int32_t>();
  for (std::int64_t query = 0; query < length; ++query)
    for (std::int64_t key = 0; key < length; ++key)
      *bucket++ = static_cast<std::int32_t>(bucket_of(key - query));
  return at::embedding(relative_, buckets.to(device_)).permute({2, 0, 1}).unsqueeze(0).contiguous();
}

// Texts of one length at a time, so that nothing is padded and nothing masked.
at::Tensor Bert::attention(const at::Tensor& qkv, std::span<const std::int64_t> lengths) const {
  const std::int64_t width = hidden_ / heads_;
  at::Tensor out = at::empty({qkv.size(0), hidden_}, qkv.options());
  std::int64_t begin = 0;
  for (std::size_t first = 0, last = 0; first < lengths.size(); first = last) {
    const std::int64_t length = lengths[first];
    while (last < lengths.size() && lengths[last] == length) ++last;
    const auto texts = static_cast<std::int64_t>(last - first);
    const at::Tensor parts = qkv.narrow(0, begin, texts * length)
                                 .view({texts, length, 3, heads_, width})
                                 .permute({2, 0, 3, 1, 4});
    std::optional<at::Tensor> bias;
    if (relative_.defined()) bias = relative_bias(length);
    const at::Tensor mixed = at::scaled_dot_product_attention(parts[0], parts[1], parts[2], bias);
    out.narrow(0, begin, texts * length)
        .view({texts, length, heads_, width})
        .copy_(mixed.transpose(1, 2));
    begin += texts * length;
  }
  return out;
}

at::Tensor Bert::next(const Layer& layer, const at::Tensor& state,
                      std::span<const std::int64_t> lengths) const {
  at::Tensor changed = layer.attention_out(attention(layer.qkv(state), lengths));
  const at::Tensor attended = layer.after_attention(changed.add_(state));
  changed = layer.down(at::gelu(layer.up(attended)));
  return layer.after_mlp(changed.add_(attended));
}

at::Tensor Bert::last_state(std::span<const std::int32_t> ids,
                            std::span<const std::int64_t> lengths, int layers) const {
  const std::size_t count = layers < 0 ? layers_.size() : static_cast<std::size_t>(layers);
  LOOKTWICE_CHECK(count <= layers_.size());
  if (rows_) {
    std::int64_t tokens = 0;
    for (const std::int64_t length : lengths) {
      LOOKTWICE_CHECK(length > 0 && length <= most_tokens());
      tokens += length;
    }
    LOOKTWICE_CHECK(tokens == std::ssize(ids));
    at::Tensor state = at::empty({tokens, hidden_}, at::kFloat);
    rows_->states(ids, lengths, static_cast<int>(count), state.mutable_data_ptr<float>(),
                  at::get_num_threads());
    return state;
  }
  at::Tensor state = embedding(ids, lengths);
  for (std::size_t i = 0; i < count; ++i) state = next(layers_[i], state, lengths);
  return state;
}

std::vector<at::Tensor> Bert::states(std::span<const std::int32_t> ids,
                                     std::span<const std::int64_t> lengths) const {
  std::vector<at::Tensor> all = {embedding(ids, lengths)};
  for (const Layer& layer : layers_) all.push_back(next(layer, all.back(), lengths));
  return all;
}

}  // namespace looktwice::nn
