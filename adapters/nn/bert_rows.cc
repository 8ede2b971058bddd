#include "adapters/nn/bert_rows.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <limits>
#include <mutex>
#include <thread>

namespace looktwice::nn {
namespace {

// Of one thread at a time, whole texts: their inner rows (1 MB for 1536 numbers) stay in the second
// cache, and the weights that pass through it are read for so many rows.
constexpr std::int64_t kTokens = 168;

}  // namespace

struct BertRows::Room {
  Words x = {}, changed = {}, qkv = {}, mixed = {}, inner = {}, factors = {};
  std::int64_t step = 0, qkv_step = 0, inner_step = 0, rows = 0;
  AttentionRoom attention = {};
  std::vector<float> relative = {};  // [heads][length][length]
  std::int64_t relative_length = 0;

  void hold(std::int64_t tokens, std::int64_t hidden, std::int64_t inner_size) {
    if (tokens <= rows) return;
    rows = tokens;
    step = row_step(hidden);
    qkv_step = row_step(3 * hidden);
    inner_step = row_step(inner_size);
    x = Words(rows * step);
    changed = Words(rows * step);
    mixed = Words(rows * step);
    qkv = Words(rows * qkv_step);
    inner = Words(rows * inner_step);
  }
};

BertRows::BertRows(const BertWeights& weights, Factors factors, Isa isa)
    : weights_(weights), factors_(factors), isa_(isa) {
  const std::int64_t hidden = weights.hidden;
  const auto panels = [&](const BertWeights::Matrix& matrix, std::int64_t out, std::int64_t in) {
    return Panels(matrix.weight, matrix.bias, out, in, factors, isa);
  };
  for (const BertWeights::Layer& layer : weights.layers) {
    Layer made{.after_attention = layer.after_attention, .after_mlp = layer.after_mlp};
    made.qkv = panels(layer.qkv, 3 * hidden, hidden);
    made.attention_out = panels(layer.attention_out, hidden, hidden);
    made.up = panels(layer.up, weights.inner, hidden);
    made.down = panels(layer.down, hidden, weights.inner);
    layers_.push_back(std::move(made));
  }
}

void BertRows::embed(std::span<const std::int32_t> ids, std::span<const std::int64_t> lengths,
                     float* x, std::int64_t step) const {
  const std::int64_t hidden = weights_.hidden;
  const std::int32_t* id = ids.data();
  float* row = x;
  for (const std::int64_t length : lengths)
    for (std::int64_t place = 0; place < length; ++place, ++id, row += step) {
      const float* word = weights_.words + *id * hidden;
      const float* at = weights_.places + (weights_.first_position + place) * hidden;
      for (std::int64_t i = 0; i < hidden; ++i)
        row[i] = (weights_.first_type ? word[i] + weights_.first_type[i] : word[i]) + at[i];
    }
  add_norm_rows(x, nullptr, step, std::ssize(ids), hidden, weights_.embedding_norm, isa_);
}

void BertRows::attend_all(std::span<const std::int64_t> lengths, Room& room) const {
  std::int64_t begin = 0;
  for (const std::int64_t length : lengths) {
    if (weights_.relative && room.relative_length != length) {
      room.relative_length = length;
      room.relative.resize(static_cast<std::size_t>(weights_.heads * length * length));
      for (std::int64_t query = 0; query < length; ++query)
        for (std::int64_t key = 0; key < length; ++key) {
          const float* bias = weights_.relative + weights_.bucket_of(key - query) * weights_.heads;
          for (std::int64_t head = 0; head < weights_.heads; ++head)
            room.relative[static_cast<std::size_t>((head * length + query) * length + key)] =
                bias[head];
        }
    }
    const float* qkv = room.qkv.floats() + begin * room.qkv_step;
    attend({.heads = weights_.heads,
            .width = weights_.hidden / weights_.heads,
            .length = length,
            .q = qkv,
            .k = qkv + weights_.hidden,
            .v = qkv + 2 * weights_.hidden,
            .step = room.qkv_step,
            .bias = weights_.relative ? room.relative.data() : nullptr,
            .out = room.mixed.floats() + begin * room.step,
            .out_step = room.step},
           isa_, room.attention);
    begin += length;
  }
}

void BertRows::compute(std::span<const std::int32_t> ids, std::span<const std::int64_t> lengths,
                       int layers, float* states, Room& room) const {
  const std::int64_t rows = std::ssize(ids), hidden = weights_.hidden;
  room.hold(rows, hidden, weights_.inner);
  float *x = room.x.floats(), *changed = room.changed.floats();
  const auto product = [&](const Panels& panels, const float* from, std::int64_t step,
                           std::int64_t size, float* to, std::int64_t to_step) {
    const FactorRows factors = factor_rows(from, step, rows, size, factors_, isa_, room.factors);
    panels.times(factors.x, factors.step, rows, to, to_step);
  };
  const bool halves = layout_of(factors_, isa_).word == Word::halves;
  embed(ids, lengths, x, room.step);
  for (int i = 0; i < layers; ++i) {
    const Layer& layer = layers_[static_cast<std::size_t>(i)];
    product(layer.qkv, x, room.step, hidden, room.qkv.floats(), room.qkv_step);
    if (halves) spoil(lengths, room);
    attend_all(lengths, room);
    product(layer.attention_out, room.mixed.floats(), room.step, hidden, changed, room.step);
    add_norm_rows(x, changed, room.step, rows, hidden, layer.after_attention, isa_);
    product(layer.up, x, room.step, hidden, room.inner.floats(), room.inner_step);
    gelu_rows(room.inner.floats(), room.inner_step, rows, layer.up.columns(), isa_);
    product(layer.down, room.inner.floats(), room.inner_step, weights_.inner, changed, room.step);
    add_norm_rows(x, changed, room.step, rows, hidden, layer.after_mlp, isa_);
  }
  for (std::int64_t row = 0; row < rows; ++row)
    std::copy_n(x + row * room.step, hidden, states + row * hidden);
  if (halves) mend(ids, lengths, layers, states);
}

// A score of minus infinity would be as good as none: such a text gets states that are no numbers.
void BertRows::spoil(std::span<const std::int64_t> lengths, Room& room) const {
  std::int64_t begin = 0;
  for (const std::int64_t length : lengths) {
    if (!finite_rows(room.qkv.floats() + begin * room.qkv_step, room.qkv_step, length,
                     3 * weights_.hidden, isa_))
      room.x.floats()[begin * room.step] = std::numeric_limits<float>::quiet_NaN();
    begin += length;
  }
}

// Elsewhere what is infinite once makes the text's later states infinite or no numbers, and no
// other text's.
void BertRows::mend(std::span<const std::int32_t> ids, std::span<const std::int64_t> lengths,
                    int layers, float* states) const {
  std::size_t token = 0;
  for (std::size_t text = 0; text < lengths.size(); ++text) {
    const auto tokens = static_cast<std::size_t>(lengths[text]);
    float* own = states + static_cast<std::int64_t>(token) * weights_.hidden;
    if (!std::all_of(own, own + lengths[text] * weights_.hidden,
                     [](float value) { return std::isfinite(value); })) {
      std::call_once(wider_once_, [&] {
        wider_ = std::make_unique<const BertRows>(weights_, factors_, Isa::avx512_bf16);
      });
      Room room;
      wider_->compute(ids.subspan(token, tokens), lengths.subspan(text, 1), layers, own, room);
    }
    token += tokens;
  }
}

void BertRows::states(std::span<const std::int32_t> ids, std::span<const std::int64_t> lengths,
                      int layers, float* states, int threads) const {
  struct Part {
    std::size_t first_text = 0, texts = 0, first_token = 0, tokens = 0;
  };
  std::vector<Part> parts;
  std::size_t token = 0;
  for (std::size_t text = 0; text < lengths.size(); ++text) {
    const auto length = static_cast<std::size_t>(lengths[text]);
    if (parts.empty() || parts.back().tokens + length > static_cast<std::size_t>(kTokens))
      parts.push_back({.first_text = text, .first_token = token});
    ++parts.back().texts;
    parts.back().tokens += length;
    token += length;
  }
  // Threads of our own: LibTorch's need OpenMP in whoever calls them.
  std::atomic<std::size_t> next = 0;
  std::mutex failing;
  std::exception_ptr failure;
  const auto work = [&] {
    try {
      Room room;
      for (std::size_t i = next++; i < parts.size(); i = next++)
        compute(ids.subspan(parts[i].first_token, parts[i].tokens),
                lengths.subspan(parts[i].first_text, parts[i].texts), layers,
                states + static_cast<std::int64_t>(parts[i].first_token) * weights_.hidden, room);
    } catch (...) {
      const std::scoped_lock lock(failing);
      failure = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> others;
    for (std::int64_t t = 1; t < std::min<std::int64_t>(threads, std::ssize(parts)); ++t)
      others.emplace_back(work);
    work();
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace looktwice::nn
