#include "adapters/nn/panels.h"

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#include <algorithm>
#include <cstring>

namespace looktwice::nn {
namespace {

using kernels::kPairStep;

float as_factor(float value, Factors factors) {
  return factors == Factors::fp32 ? value : static_cast<float>(c10::BFloat16(value));
}

// Two columns of a panel of halves.
float halves_of(float first, float second) {
  const std::uint16_t halves[] = {c10::Half(first).x, c10::Half(second).x};
  float word;
  std::memcpy(&word, halves, sizeof word);
  return word;
}

std::int64_t up_to(std::int64_t size, std::int64_t whole) {
  return (size + whole - 1) / whole * whole;
}

// Words of a plane of a row.
std::int64_t depth_of(std::int64_t in, Word word) {
  return word == Word::pair ? up_to((in + 1) / 2, kPairStep) : in;
}

}  // namespace

Panels::Panels(const float* weight, const float* bias, std::int64_t out, std::int64_t in,
               Factors factors, Isa isa)
    : layout_(layout_of(factors, isa)), isa_(isa) {
  const std::int64_t in_panel = layout_.word == Word::halves ? 2 * kPanel : kPanel;
  depth_ = depth_of(in, layout_.word);
  columns_ = up_to(out, 2 * in_panel);
  words_ = Words(columns_ / in_panel * layout_.planes * depth_ * kPanel);
  bias_ = Words(columns_);
  if (bias) std::copy_n(bias, out, bias_.floats());
  const bool pairs = layout_.word == Word::pair, units = pairs && isa == Isa::amx;
  const std::int64_t panel = units ? layout_.planes * kernels::kUnit : depth_ * kPanel;
  const auto at = [&](std::int64_t column, std::int64_t k) {
    return column < out ? weight[column * in + k] : 0;
  };
  float* to = words_.floats();
  for (std::int64_t column = 0; column < columns_; to += pair_words())
    for (int second = 0; second < 2; ++second, column += in_panel) {
      float* own = to + second * panel;
      if (pairs) {
        const std::int64_t here = std::clamp<std::int64_t>(out - column, 0, kPanel);
        kernels::to_pair_panel(weight + std::min(column, out) * in, kernels::Number::f32, in, here,
                               in, layout_.planes,
                               units ? kernels::unit_step(layout_.planes) : kernels::kUnit, own);
        continue;
      }
      for (std::int64_t k = 0; k < in; ++k)
        for (std::int64_t i = 0; i < kPanel; ++i)
          own[k * kPanel + i] = layout_.word == Word::halves
                                    ? halves_of(at(column + 2 * i, k), at(column + 2 * i + 1, k))
                                    : as_factor(at(column + i, k), factors);
    }
}

// Words of a pair of panels.
std::int64_t Panels::pair_words() const {
  return 2 * layout_.planes * depth_ * kPanel;
}

void Panels::times(const float* x, std::int64_t x_step, std::int64_t rows, float* y,
                   std::int64_t y_step) const {
  const std::int64_t at_once = layout_.word == Word::halves ? 4 * kPanel : 2 * kPanel;
  const bool units = layout_.word == Word::pair && isa_ == Isa::amx;
  // Words of the depth: of all columns at once, and of a pair of panels at once. With vectors a
  // pair (24 KB) and a tile's rows stay in the first cache. Matrix units read both from the second
  // as fast as they multiply; there the rows have to stay.
  const std::int64_t outer = units ? 384 : depth_, inner = units ? 384 : 192;
  const std::int64_t step =
      units ? kernels::unit_step(layout_.planes) / kernels::kPairStep : kPanel;
  for (std::int64_t begin = 0; begin < depth_; begin += outer)
    for (std::int64_t column = 0; column < columns_; column += at_once)
      for (std::int64_t k = begin; k < std::min(begin + outer, depth_); k += inner) {
        const bool is_last = k + inner >= std::min(begin + outer, depth_);
        tiles(isa_, layout_.word,
              {.a = x + k,
               .a_step = x_step,
               .b = words_.floats() + column / at_once * pair_words() + k * step,
               .b_panel = kPanel * depth_,
               .depth = std::min(inner, depth_ - k),
               // The next stretch of this pair of panels, or the first of the next pair.
               .ahead = is_last ? pair_words() + (begin - k) * step : inner * step,
               .c = y + column,
               .c_step = y_step,
               .start = k == 0 ? bias_.floats() + column : nullptr,
               .a_planes = layout_.planes,
               .a_plane = depth_,
               .b_planes = layout_.planes},
              rows);
      }
}

FactorRows factor_rows(const float* x, std::int64_t step, std::int64_t rows, std::int64_t size,
                       Factors factors, Isa isa, Words& room) {
  const Layout layout = layout_of(factors, isa);
  if (factors == Factors::fp32 && layout.word == Word::one) return {x, step};
  const std::int64_t plane = depth_of(size, layout.word), own = row_step(layout.planes * plane);
  if (room.size() < rows * own) room = Words(rows * own);
  for (std::int64_t row = 0; row < rows; ++row) {
    const float* from = x + row * step;
    float* to = room.floats() + row * own;
    if (layout.word == Word::pair)
      kernels::to_pairs(from, size, layout.planes, plane, to);
    else if (layout.word == Word::halves)
      kernels::to_halves(from, size, to);
    else
      for (std::int64_t i = 0; i < size; ++i) to[i] = as_factor(from[i], factors);
  }
  return {room.floats(), own};
}

void panels_ref(const float* x, std::int64_t rows, const float* weight, const float* bias,
                std::int64_t out, std::int64_t in, Factors factors, float* y) {
  for (std::int64_t row = 0; row < rows; ++row)
    for (std::int64_t o = 0; o < out; ++o) {
      double sum = bias ? bias[o] : 0;
      for (std::int64_t i = 0; i < in; ++i)
        sum += static_cast<double>(as_factor(x[row * in + i], factors)) *
               static_cast<double>(as_factor(weight[o * in + i], factors));
      y[row * out + o] = static_cast<float>(sum);
    }
}

}  // namespace looktwice::nn
