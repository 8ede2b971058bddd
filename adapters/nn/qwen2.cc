#include "adapters/nn/qwen2.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "adapters/nn/decoder_rows.h"
#include "adapters/nn/layers.h"
#include "adapters/nn/row_products.h"
#include "harness/core/error.h"
#include "harness/core/json_value.h"
#include "harness/core/text.h"

namespace looktwice::nn {
namespace {

using at::Tensor;

// More make a matrix product cheaper, for which narrow weights become fp32 first.
constexpr std::int64_t kFewRows = 16;

// What the layers need of one call, the same for all of a stage.
struct Turn {
  Tensor cos, sin;  // [n, head_size / 2], compute type
};

// Layers that lie together, and the arithmetic there.
struct Place {
  Stage stage;
  at::ScalarType compute = at::kFloat;

  at::TensorOptions options() const { return at::TensorOptions(stage.device).dtype(compute); }
  Tensor own(const Tensor& x) const { return x.to(stage.device, compute); }
  Turn own(const Turn& turn) const { return {own(turn.cos), own(turn.sin)}; }
};

// What the products of a call share.
struct Scratch {
  Factors factors = Factors::fp32;
  Tensor room = {};
};

// x [n, in] in the compute type. Narrow weights on the CPU are widened, which loses nothing.
Tensor product(const Tensor& x, const Linear& linear, Scratch& scratch) {
  const Tensor& weight = linear.weight;
  if (!x.is_cpu()) return at::linear(x, weight, linear.bias);
  if (x.size(0) > kFewRows) return many_rows(x, linear, scratch.factors, scratch.room);
  const Tensor rows = x.contiguous();
  Tensor y = at::empty({x.size(0), weight.size(0)}, x.options());
  row_products(rows.const_data_ptr<float>(), x.size(0), weight.size(1),
               {{matrix_of(linear, y.mutable_data_ptr<float>())}});
  return y;
}

Tensor rms_norm(const Tensor& x, const Tensor& weight, double eps) {
  if (x.is_cpu()) {
    const Tensor rows = x.contiguous();
    Tensor y = at::empty_like(rows);
    rms_norm_rows(rows.const_data_ptr<float>(), rows.numel() / rows.size(-1), rows.size(-1),
                  weight.const_data_ptr<float>(), static_cast<float>(eps),
                  y.mutable_data_ptr<float>());
    return y;
  }
  const Tensor wide = x.to(at::kFloat);
  const Tensor scale = at::rsqrt(wide.square().mean(-1, true) + eps);
  return weight * (wide * scale).to(x.scalar_type());
}

// x [n, heads, size]
Tensor rotated(Tensor x, const Turn& turn) {
  if (x.is_cpu()) {
    x = x.contiguous();
    rotate_rows(x.mutable_data_ptr<float>(), x.size(0), x.size(1), x.size(2),
                turn.cos.const_data_ptr<float>(), turn.sin.const_data_ptr<float>());
    return x;
  }
  const std::int64_t half = x.size(2) / 2;
  const Tensor first = x.narrow(2, 0, half), second = x.narrow(2, half, half);
  const Tensor cos = turn.cos.unsqueeze(1), sin = turn.sin.unsqueeze(1);
  return at::cat({first * cos - second * sin, second * cos + first * sin}, 2);
}

struct Layer {
  Tensor input_norm, attention_norm;
  Linear q, k, v, o, gate, up, down;
};

constexpr std::int64_t kMostSize = 1 << 20, kMostLayers = 1000;

std::int64_t whole_number(const JsonValue& config, const std::string& file, const char* name,
                          std::int64_t most = kMostSize) {
  const JsonValue* found = config.find(name);
  std::int64_t value = 0;
  if (!found || found->type != JsonValue::Type::number)
    refuse_at(file, found ? found->place : config.place,
              "'" + std::string(name) + "': expected a number");
  const auto [end, fault] =
      std::from_chars(found->text.data(), found->text.data() + found->text.size(), value);
  if (fault != std::errc() || *end != '\0' || value < 1 || value > most)
    refuse_at(
        file, found->place,
        "'" + std::string(name) + "': expected a whole number from 1 to " + std::to_string(most));
  return value;
}

double real_number(const JsonValue& config, const std::string& file, const char* name,
                   double otherwise) {
  const JsonValue* found = config.find(name);
  if (!found || found->type == JsonValue::Type::null) return otherwise;
  if (const double value = std::strtod(found->text.c_str(), nullptr);
      found->type != JsonValue::Type::number || !(value > 0) || !std::isfinite(value))
    refuse_at(file, found->place, "'" + std::string(name) + "': expected a positive number");
  return std::strtod(found->text.c_str(), nullptr);
}

std::optional<bool> truth(const JsonValue& config, const std::string& file, const char* name) {
  const JsonValue* found = config.find(name);
  if (!found || found->type == JsonValue::Type::null) return {};
  if (found->type != JsonValue::Type::boolean)
    refuse_at(file, found->place, "'" + std::string(name) + "': expected true or false");
  return found->text == "true";
}

// What would be computed in another way than here is refused, not ignored.
void refuse_unknown_arithmetic(const JsonValue& config, const std::string& file,
                               std::int64_t head_size) {
  const JsonValue* act = config.find("hidden_act");
  if (act && act->type != JsonValue::Type::null && act->text != "silu")
    refuse_at(file, act->place, "'hidden_act': expected silu");
  if (truth(config, file, "use_sliding_window").value_or(false))
    refuse_at(file, config.find("use_sliding_window")->place,
              "'use_sliding_window': only false is supported");
  if (const JsonValue* size = config.find("head_dim");
      size && size->type != JsonValue::Type::null && size->text != std::to_string(head_size))
    refuse_at(file, size->place,
              "'head_dim': expected " + std::to_string(head_size) +
                  ", 'hidden_size' by 'num_attention_heads'");
  const JsonValue* scaling = config.find("rope_scaling");
  if (scaling && scaling->type != JsonValue::Type::object && scaling->type != JsonValue::Type::null)
    refuse_at(file, scaling->place, "'rope_scaling': expected an object");
  for (const char* name : {"type", "rope_type"})
    if (const JsonValue* kind = scaling ? scaling->find(name) : nullptr;
        kind && kind->text != "mrope" && kind->text != "default")
      refuse_at(file, kind->place,
                "'rope_scaling." + std::string(name) + "' is '" + printable(kind->text, 40) +
                    "': expected mrope or default");
}

// Frequencies that turn by time, height and width.
std::vector<std::int64_t> mrope_sections(const JsonValue& scaling, const std::string& file,
                                         std::int64_t half) {
  const JsonValue* sections = scaling.find("mrope_section");
  if (!sections || sections->type != JsonValue::Type::array || sections->items.size() != 3)
    refuse_at(file, scaling.place,
              "'rope_scaling': only 'mrope_section' with three numbers is supported");
  std::vector<std::int64_t> read;
  std::int64_t sum = 0;
  for (const JsonValue& item : sections->items) {
    std::int64_t value = -1;
    const char* const end = item.text.data() + item.text.size();
    const auto [stop, fault] = std::from_chars(item.text.data(), end, value);
    if (item.type != JsonValue::Type::number || fault != std::errc() || stop != end || value < 0 ||
        value > half)
      refuse_at(file, item.place,
                "'mrope_section': expected whole numbers from 0 to " + std::to_string(half));
    read.push_back(value);
    sum += value;
  }
  if (sum != half)
    refuse_at(file, sections->place, "'mrope_section' must add up to half the size of a head");
  return read;
}

}  // namespace

std::optional<bool> tied_head(const JsonValue& config, const std::string& name) {
  return truth(config, name, "tie_word_embeddings");
}

Qwen2Config qwen2_config(const JsonValue& config, const std::string& name) {
  Qwen2Config made;
  made.hidden = whole_number(config, name, "hidden_size");
  made.intermediate = whole_number(config, name, "intermediate_size");
  made.layers = whole_number(config, name, "num_hidden_layers", kMostLayers);
  made.heads = whole_number(config, name, "num_attention_heads");
  made.kv_heads = whole_number(config, name, "num_key_value_heads");
  made.rms_eps = real_number(config, name, "rms_norm_eps", 1e-6);
  made.rope_theta = real_number(config, name, "rope_theta", 1e6);
  made.tied = tied_head(config, name);
  if (made.hidden % made.heads != 0 || made.heads % made.kv_heads != 0 || made.head_size() % 2 != 0)
    refuse_at(name, config.place,
              "'num_attention_heads' must divide 'hidden_size' into even parts, and "
              "'num_key_value_heads' the heads");
  refuse_unknown_arithmetic(config, name, made.head_size());
  if (const JsonValue* scaling = config.find("rope_scaling");
      scaling && scaling->type == JsonValue::Type::object)
    made.mrope_section = mrope_sections(*scaling, name, made.head_size() / 2);
  return made;
}

DecoderBytes decoder_bytes(const Qwen2Config& config, std::int64_t rows, std::int64_t tokens,
                           std::int64_t weight, std::int64_t number) {
  const std::int64_t hidden = config.hidden, keys = config.kv_heads * config.head_size();
  const std::int64_t matrices =
      2 * hidden * hidden + 2 * keys * hidden + 3 * hidden * config.intermediate;
  const std::int64_t vectors = 3 * hidden + 2 * keys;
  return {.layer = (matrices + vectors) * weight,
          .cache = 2 * keys * tokens * number,
          .first = rows * hidden * weight,
          .last = (config.tied.value_or(false) ? hidden : (rows + 1) * hidden) * weight};
}

std::vector<Stage> decoder_stages(const std::string& owner, const DeviceMap& map, Loading& loading,
                                  const Qwen2Config& config, std::int64_t tokens) {
  const weights::Shape shape = loading.shape_of("model.embed_tokens.weight");
  const auto number = static_cast<std::int64_t>(at::elementSize(loading.type()));
  const std::int64_t rows = shape.empty() ? 0 : shape[0];
  return stages_of(owner, map, loading.device(),
                   decoder_bytes(config, rows, tokens, number, number), config.layers);
}

KvCache KvCache::fork(std::int64_t length, std::int64_t room) const {
  LOOKTWICE_CHECK(length <= length_);
  const c10::InferenceMode inference;
  KvCache made;
  for (const auto& [from, to] :
       {std::pair(&keys_, &made.keys_), std::pair(&values_, &made.values_)})
    for (const Tensor& held : *from) {
      Tensor& copy = to->emplace_back(
          at::empty({held.size(0), std::max(room, length), held.size(2)}, held.options()));
      copy.narrow(1, 0, length).copy_(held.narrow(1, 0, length));
    }
  made.length_ = length;
  made.next_position_ = next_position_ - (length_ - length);
  return made;
}

void KvCache::truncate(std::int64_t length, std::int64_t next_position) {
  LOOKTWICE_CHECK(length <= length_);
  length_ = length;
  next_position_ = next_position;
}

void KvCache::reserve(std::int64_t room) {
  if (keys_[0].size(1) >= room) return;
  *this = fork(length_, std::max(room, keys_[0].size(1) * 3 / 2));
}

struct Qwen2::Parts {
  Qwen2Config config;
  std::int64_t used_rows = 0;
  Factors factors = Factors::fp32;
  std::vector<Stage> stages;
  std::vector<Place> placed;  // the stages, never none
  Tensor embedding, head, norm;
  Place head_place;
  bool tied = false;
  std::vector<Layer> layers;
  Tensor frequencies;                  // [head_size / 2] fp32, CPU
  std::vector<std::int64_t> axis_of_;  // [head_size / 2]

  const Place& place_of(std::size_t layer) const {
    return *std::ranges::find_if(placed, [&](const Place& place) {
      return static_cast<std::int64_t>(layer) < place.stage.end;
    });
  }

  // On the CPU in fp32, for every place to make its own.
  Turn turn(const Tensor& positions) const {
    const std::int64_t half = config.head_size() / 2;
    Tensor angles;
    if (positions.dim() == 1) {
      angles = positions.to(at::kFloat).unsqueeze(1) * frequencies;
    } else {
      // Frequency i turns by the position on its axis.
      const Tensor axes = at::tensor(axis_of_, at::kLong);
      angles = positions.to(at::kFloat).index_select(0, axes).transpose(0, 1) * frequencies;
    }
    LOOKTWICE_CHECK(angles.size(1) == half);
    return {angles.cos().contiguous(), angles.sin().contiguous()};
  }

  Tensor mlp(const Layer& layer, const Tensor& x, Scratch& scratch) const {
    const Tensor normed = rms_norm(x, layer.attention_norm, config.rms_eps);
    Tensor gates = product(normed, layer.gate, scratch);
    return product(at::silu_(gates).mul_(product(normed, layer.up, scratch)), layer.down, scratch);
  }

  struct Heads {
    Tensor q, k, v;  // [n, heads, size], turned
  };
  Heads heads_of(const Layer& layer, const Tensor& x, const Turn& turn, Scratch& scratch) const {
    const std::int64_t n = x.size(0), size = config.head_size();
    const Tensor normed = rms_norm(x, layer.input_norm, config.rms_eps);
    return {rotated(product(normed, layer.q, scratch).view({n, config.heads, size}), turn),
            rotated(product(normed, layer.k, scratch).view({n, config.kv_heads, size}), turn),
            product(normed, layer.v, scratch).view({n, config.kv_heads, size})};
  }

  // Many tokens of one text: q [n, heads, size], keys and values [kv_heads, total, size].
  Tensor attended(const Tensor& q, const Tensor& keys, const Tensor& values) const {
    const std::int64_t n = q.size(0), total = keys.size(1), group = config.heads / config.kv_heads;
    const auto repeated = [&](const Tensor& held) {
      return held.unsqueeze(1)
          .expand({config.kv_heads, group, total, config.head_size()})
          .reshape({1, config.heads, total, config.head_size()});
    };
    c10::optional<Tensor> mask;
    if (total > n)
      mask = at::ones({n, total}, q.options().dtype(at::kBool))
                 .tril_(total - n)
                 .unsqueeze(0)
                 .unsqueeze(0);
    const Tensor out =
        at::scaled_dot_product_attention(q.transpose(0, 1).unsqueeze(0), repeated(keys),
                                         repeated(values), mask, 0.0, !mask.has_value());
    return out.squeeze(0).transpose(0, 1).reshape({n, config.hidden});
  }

  // One token: q [heads, size].
  Tensor attended_by_one(const Tensor& q, const Tensor& keys, const Tensor& values) const {
    const Tensor groups =
        q.view({config.kv_heads, config.heads / config.kv_heads, config.head_size()});
    const double scale = 1.0 / std::sqrt(static_cast<double>(config.head_size()));
    const Tensor weights = at::softmax(at::bmm(groups * scale, keys.transpose(1, 2)), -1);
    return at::bmm(weights, values).view({config.hidden});
  }

  Tensor through(KvCache& cache, const Tensor& embeds, const Tensor& positions,
                 std::vector<Tensor>* outputs) const {
    LOOKTWICE_CHECK(embeds.dim() == 2 && positions.size(-1) == embeds.size(0));
    const std::int64_t n = embeds.size(0), before = cache.length_;
    cache.reserve(before + n);
    const Turn everywhere = turn(positions);
    Tensor x = embeds;
    for (const Place& place : placed) {
      const Turn turned = place.own(everywhere);
      Scratch scratch{.factors = factors};
      x = place.own(x);
      for (auto i = static_cast<std::size_t>(place.stage.first);
           i < static_cast<std::size_t>(place.stage.end); ++i) {
        const Layer& layer = layers[i];
        const Heads heads = heads_of(layer, x, turned, scratch);
        cache.keys_[i].narrow(1, before, n).copy_(heads.k.transpose(0, 1));
        cache.values_[i].narrow(1, before, n).copy_(heads.v.transpose(0, 1));
        const Tensor mixed = attended(heads.q, cache.keys_[i].narrow(1, 0, before + n),
                                      cache.values_[i].narrow(1, 0, before + n));
        x = x + product(mixed, layer.o, scratch);
        // The last layer's second half is needed for the last token only.
        if (i + 1 == layers.size() && !outputs) x = x.narrow(0, n - 1, 1);
        x = x + mlp(layer, x, scratch);
        if (outputs) outputs->push_back(x);
      }
    }
    cache.length_ = before + n;
    cache.next_position_ = positions.max().item<std::int64_t>() + 1;
    return rms_norm(x, norm, config.rms_eps);
  }

  // One more token each through the layers of one place, x [texts, hidden]; on a GPU.
  Tensor next_by_tensors(std::span<KvCache* const> texts, Tensor x, const Turn& turned,
                         const Stage& stage) const {
    Scratch scratch{.factors = factors};
    for (auto i = static_cast<std::size_t>(stage.first); i < static_cast<std::size_t>(stage.end);
         ++i) {
      const Layer& layer = layers[i];
      const Heads heads = heads_of(layer, x, turned, scratch);
      std::vector<Tensor> mixed;
      for (std::size_t t = 0; t < texts.size(); ++t) {
        KvCache& text = *texts[t];
        const auto row = static_cast<std::int64_t>(t);
        text.keys_[i].select(1, text.length_).copy_(heads.k[row]);
        text.values_[i].select(1, text.length_).copy_(heads.v[row]);
        mixed.push_back(attended_by_one(heads.q[row], text.keys_[i].narrow(1, 0, text.length_ + 1),
                                        text.values_[i].narrow(1, 0, text.length_ + 1)));
      }
      x = x + product(at::stack(mixed), layer.o, scratch);
      x = x + mlp(layer, x, scratch);
    }
    return x;
  }

  // The same on the CPU, where LibTorch's own cost of some 25 operations a layer would be felt.
  Tensor next_by_rows(std::span<KvCache* const> texts, const Tensor& embeds, const Turn& turned,
                      const Place& place) const {
    const std::int64_t n = embeds.size(0), hidden = config.hidden, size = config.head_size();
    const HeadShape shape{.heads = config.heads, .kv_heads = config.kv_heads, .size = size};
    const auto room = [&](std::int64_t width) { return at::empty({n, width}, place.options()); };
    const auto eps = static_cast<float>(config.rms_eps);
    Tensor sums = embeds.clone(at::MemoryFormat::Contiguous), normed = room(hidden),
           queries = room(config.heads * size), mixed = room(config.heads * size),
           keys = room(config.kv_heads * size), values = room(config.kv_heads * size),
           gated = room(config.intermediate);
    float *x = sums.mutable_data_ptr<float>(), *y = normed.mutable_data_ptr<float>(),
          *q = queries.mutable_data_ptr<float>(), *a = mixed.mutable_data_ptr<float>(),
          *k = keys.mutable_data_ptr<float>(), *v = values.mutable_data_ptr<float>(),
          *g = gated.mutable_data_ptr<float>();
    const float *cos = turned.cos.const_data_ptr<float>(),
                *sin = turned.sin.const_data_ptr<float>();
    std::vector<Glance> glances(texts.size());
    for (auto i = static_cast<std::size_t>(place.stage.first);
         i < static_cast<std::size_t>(place.stage.end); ++i) {
      const Layer& layer = layers[i];
      rms_norm_rows(x, n, hidden, layer.input_norm.const_data_ptr<float>(), eps, y);
      const RowMatrix matrices[] = {matrix_of(layer.q, q), matrix_of(layer.k, k),
                                    matrix_of(layer.v, v)};
      row_products(y, n, hidden, matrices);
      rotate_rows(q, n, config.heads, size, cos, sin);
      rotate_rows(k, n, config.kv_heads, size, cos, sin);
      for (std::size_t t = 0; t < texts.size(); ++t) {
        KvCache& text = *texts[t];
        float *own_keys = text.keys_[i].mutable_data_ptr<float>(),
              *own_values = text.values_[i].mutable_data_ptr<float>();
        const std::int64_t places = text.keys_[i].size(1), row = static_cast<std::int64_t>(t);
        for (std::int64_t kv = 0; kv < config.kv_heads; ++kv) {
          const std::int64_t from = (row * config.kv_heads + kv) * size,
                             to = (kv * places + text.length_) * size;
          std::copy_n(k + from, size, own_keys + to);
          std::copy_n(v + from, size, own_values + to);
        }
        glances[t] = {.q = q + row * config.heads * size,
                      .keys = own_keys,
                      .values = own_values,
                      .room = places,
                      .length = text.length_ + 1,
                      .y = a + row * config.heads * size};
      }
      attend(glances, shape);
      row_products(a, n, config.heads * size, {{matrix_of(layer.o, x)}}, true);
      rms_norm_rows(x, n, hidden, layer.attention_norm.const_data_ptr<float>(), eps, y);
      gated_products(y, n, hidden, matrix_of(layer.gate), matrix_of(layer.up), g);
      row_products(g, n, config.intermediate, {{matrix_of(layer.down, x)}}, true);
    }
    return sums;
  }
};

Qwen2::Qwen2(Loading& loading, Qwen2Config config, std::int64_t used_rows,
             std::vector<Stage> stages)
    : parts_(std::make_unique<Parts>()) {
  const c10::InferenceMode inference;
  Parts& parts = *parts_;
  parts.config = config;
  parts.factors = factors_of(loading.type());
  if (stages.empty()) stages = {{.device = loading.device(), .first = 0, .end = config.layers}};
  LOOKTWICE_CHECK(stages.back().end == config.layers);
  for (const Stage& stage : stages)
    parts.placed.push_back(
        {.stage = stage, .compute = stage.device.is_cpu() ? at::kFloat : loading.type()});
  parts.stages = std::move(stages);
  // Where the next vector goes, and in which numbers.
  const Place* place = &parts.placed.front();
  const auto go_to = [&](const Place& next) {
    place = &next;
    loading.go_to(next.stage.device);
  };
  go_to(parts.placed.front());
  const std::int64_t hidden = config.hidden, size = config.head_size();
  const auto vector = [&](const std::string& name, std::int64_t length) {
    return loading.take(name, {length}, place->compute);
  };
  const auto matrix = [&](const std::string& name, std::int64_t out, std::int64_t in, bool bias) {
    Linear made{.weight = loading.take_narrow(name + ".weight", {out, in})};
    if (bias) made.bias = vector(name + ".bias", out);
    return made;
  };
  const auto rows_of = [&](const std::string& name) {
    const weights::Shape shape = loading.shape_of(name);
    return shape.size() == 2 ? shape[0] : 0;
  };
  const std::string embedding = "model.embed_tokens.weight", head = "lm_head.weight";
  const bool tied = parts.tied = config.tied.value_or(!loading.has(head));
  const std::int64_t rows = rows_of(embedding);
  parts.embedding = loading.take_narrow(embedding, {rows, hidden});
  // A tied head that is stored nevertheless is not looked at, as in the official code.
  if (tied) loading.ignore(head);
  for (std::int64_t i = 0; i < config.layers; ++i) {
    go_to(parts.place_of(static_cast<std::size_t>(i)));
    const std::string at = "model.layers." + std::to_string(i) + ".";
    Layer& layer = parts.layers.emplace_back();
    layer.input_norm = vector(at + "input_layernorm.weight", hidden);
    layer.attention_norm = vector(at + "post_attention_layernorm.weight", hidden);
    layer.q = matrix(at + "self_attn.q_proj", config.heads * size, hidden, true);
    layer.k = matrix(at + "self_attn.k_proj", config.kv_heads * size, hidden, true);
    layer.v = matrix(at + "self_attn.v_proj", config.kv_heads * size, hidden, true);
    layer.o = matrix(at + "self_attn.o_proj", hidden, config.heads * size, false);
    layer.gate = matrix(at + "mlp.gate_proj", config.intermediate, hidden, false);
    layer.up = matrix(at + "mlp.up_proj", config.intermediate, hidden, false);
    layer.down = matrix(at + "mlp.down_proj", hidden, config.intermediate, false);
  }
  go_to(parts.placed.back());
  parts.norm = vector("model.norm.weight", hidden);
  parts.head_place = tied ? parts.placed.front() : parts.placed.back();
  parts.head = tied ? parts.embedding : loading.take_narrow(head, {rows_of(head), hidden});
  loading.go_to(parts.placed.front().stage.device);
  const std::int64_t head_rows = parts.head.defined() ? parts.head.size(0) : 0;
  parts.used_rows = used_rows > 0 ? std::min(used_rows, head_rows) : head_rows;
  if (parts.head.defined()) parts.head = parts.head.narrow(0, 0, parts.used_rows);
  const std::int64_t half = size / 2;
  const Tensor exponent =
      at::arange(0, size, 2, at::kLong).to(at::kFloat) / static_cast<double>(size);
  parts.frequencies = at::pow(config.rope_theta, exponent).reciprocal();
  for (std::int64_t axis = 0, i = 0; i < half; ++i) {
    if (config.mrope_section.empty()) {
      parts.axis_of_.push_back(0);
      continue;
    }
    std::int64_t end = 0;
    for (std::int64_t k = 0; k <= axis; ++k)
      end += config.mrope_section[static_cast<std::size_t>(k)];
    while (i >= end && axis < 2) end += config.mrope_section[static_cast<std::size_t>(++axis)];
    parts.axis_of_.push_back(axis);
  }
}

Qwen2::~Qwen2() = default;
Qwen2::Qwen2(Qwen2&&) noexcept = default;
const Qwen2Config& Qwen2::config() const {
  return parts_->config;
}
std::int64_t Qwen2::used_rows() const {
  return parts_->used_rows;
}
std::int64_t Qwen2::embedding_rows() const {
  return parts_->embedding.size(0);
}
at::ScalarType Qwen2::compute_type() const {
  return parts_->placed.front().compute;
}
std::string Qwen2::where() const {
  return text_of(parts_->stages, parts_->tied);
}
std::span<const Stage> Qwen2::stages() const {
  return parts_->stages;
}

Tensor Qwen2::embedded(std::span<const std::int32_t> ids) const {
  const c10::InferenceMode inference;
  const Tensor& table = parts_->embedding;
  for (const std::int32_t id : ids) LOOKTWICE_CHECK(id >= 0 && id < table.size(0));
  const Tensor rows =
      at::tensor(at::ArrayRef<std::int32_t>(ids.data(), ids.size()), at::kInt).to(table.device());
  return table.index_select(0, rows).to(parts_->placed.front().compute);
}

KvCache Qwen2::cache(std::int64_t room) const {
  const c10::InferenceMode inference;
  const Qwen2Config& config = parts_->config;
  const std::int64_t shape[] = {config.kv_heads, std::max<std::int64_t>(room, 1),
                                config.head_size()};
  KvCache made;
  for (const Place& place : parts_->placed)
    for (std::int64_t i = place.stage.first; i < place.stage.end; ++i)
      for (auto* held : {&made.keys_, &made.values_})
        held->push_back(at::empty(shape, place.options()));
  return made;
}

Tensor Qwen2::prefill(KvCache& cache, const Tensor& embeds, const Tensor& positions) const {
  const c10::InferenceMode inference;
  return parts_->through(cache, embeds, positions, nullptr).squeeze(0);
}

Tensor Qwen2::prefill(KvCache& cache, const Tensor& embeds) const {
  return prefill(
      cache, embeds,
      at::arange(cache.next_position(), cache.next_position() + embeds.size(0), at::kLong));
}

std::vector<Tensor> Qwen2::layer_outputs(const Tensor& embeds, const Tensor& positions) const {
  const c10::InferenceMode inference;
  KvCache held = cache(embeds.size(0));
  std::vector<Tensor> outputs;
  parts_->through(held, embeds, positions, &outputs);
  return outputs;
}

Tensor Qwen2::decode(std::span<KvCache* const> texts, std::span<const std::int32_t> ids) const {
  const c10::InferenceMode inference;
  LOOKTWICE_CHECK(!texts.empty() && texts.size() == ids.size());
  const Parts& parts = *parts_;
  std::vector<std::int64_t> positions;
  for (KvCache* text : texts) {
    text->reserve(text->length_ + 1);
    positions.push_back(text->next_position_);
  }
  // A text token stands at the same position on all axes.
  const Turn turn = parts.turn(at::tensor(positions, at::kLong)
                                   .unsqueeze(0)
                                   .expand({parts.config.mrope_section.empty() ? 1 : 3, -1}));
  Tensor x = embedded(ids);
  for (const Place& place : parts.placed) {
    x = place.own(x);
    const Turn turned = place.own(turn);
    x = x.is_cpu() ? parts.next_by_rows(texts, x, turned, place)
                   : parts.next_by_tensors(texts, x, turned, place.stage);
  }
  for (KvCache* text : texts) {
    ++text->length_;
    ++text->next_position_;
  }
  return rms_norm(x, parts.norm, parts.config.rms_eps);
}

Tensor Qwen2::logits(const Tensor& hidden) const {
  const c10::InferenceMode inference;
  const Tensor rows = parts_->head_place.own(hidden.dim() == 1 ? hidden.unsqueeze(0) : hidden);
  Scratch scratch{.factors = parts_->factors};
  const Tensor scores =
      product(rows, {.weight = parts_->head}, scratch).to(at::Device(at::kCPU), at::kFloat);
  return hidden.dim() == 1 ? scores.squeeze(0) : scores;
}

}  // namespace looktwice::nn
