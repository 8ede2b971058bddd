#include "adapters/nn/layers.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>

#include "adapters/nn/many_rows.h"
#include "harness/core/error.h"

namespace looktwice::nn {

at::Tensor Linear::operator()(const at::Tensor& x) const {
  return at::linear(x, weight, bias);
}

at::Tensor LayerNorm::operator()(const at::Tensor& x) const {
  return at::layer_norm(x, weight.sizes(), weight, bias, eps);
}

Linear linear(Loading& loading, const std::string& name, std::int64_t out, std::int64_t in,
              bool bias) {
  Linear made{.weight = loading.take(name + ".weight", {out, in})};
  if (bias) made.bias = loading.take(name + ".bias", {out});
  return made;
}

LayerNorm layer_norm(Loading& loading, const std::string& name, std::int64_t size, double eps) {
  return {.weight = loading.take(name + ".weight", {size}),
          .bias = loading.take(name + ".bias", {size}),
          .eps = eps};
}

WeightBits bits_of(at::ScalarType type) {
  LOOKTWICE_CHECK(type == at::kFloat || type == at::kBFloat16 || type == at::kHalf);
  return type == at::kFloat      ? WeightBits::fp32
         : type == at::kBFloat16 ? WeightBits::bf16
                                 : WeightBits::fp16;
}

RowMatrix matrix_of(const Linear& linear, float* y) {
  return {.weight = linear.weight.const_data_ptr(),
          .bits = bits_of(linear.weight.scalar_type()),
          .bias = linear.bias.defined() ? linear.bias.const_data_ptr<float>() : nullptr,
          .out = linear.weight.size(0),
          .y = y};
}

Factors factors_of(at::ScalarType type) {
  return type == at::kBFloat16 ? Factors::bf16 : Factors::fp32;
}

at::Tensor many_rows(const at::Tensor& x, const Linear& linear, Factors factors, at::Tensor& room) {
  const at::Tensor& weight = linear.weight;
  if (best_isa() == Isa::amx) {
    const at::Tensor rows = x.contiguous();
    at::Tensor y = at::empty({x.size(0), weight.size(0)}, x.options());
    many_row_products(rows.const_data_ptr<float>(), x.size(0), weight.size(1),
                      {{matrix_of(linear, y.mutable_data_ptr<float>())}}, factors);
    return y;
  }
  if (weight.scalar_type() == at::kFloat) return at::linear(x, weight, linear.bias);
  if (!room.defined() || room.numel() < weight.numel())
    room = at::empty({weight.numel()}, x.options());
  widen(weight.const_data_ptr(), bits_of(weight.scalar_type()), weight.numel(),
        room.mutable_data_ptr<float>());
  return at::linear(x, room.narrow(0, 0, weight.numel()).view(weight.sizes()), linear.bias);
}

}  // namespace looktwice::nn
