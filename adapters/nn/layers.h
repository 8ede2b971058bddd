// The few layers that every model here is made of, as plain tensors. Not here: training.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

#include "adapters/nn/factors.h"
#include "adapters/nn/loading.h"
#include "adapters/nn/row_products.h"

namespace looktwice::nn {

// y = x W^T + b; weight[out][in], bias[out] or undefined.
struct Linear {
  at::Tensor weight = {}, bias = {};
  at::Tensor operator()(const at::Tensor& x) const;
};

struct LayerNorm {
  at::Tensor weight = {}, bias = {};
  double eps = 1e-6;
  at::Tensor operator()(const at::Tensor& x) const;
};

// NAME.weight and NAME.bias.
Linear linear(Loading& loading, const std::string& name, std::int64_t out, std::int64_t in,
              bool bias = true);
LayerNorm layer_norm(Loading& loading, const std::string& name, std::int64_t size, double eps);

// As the CPU's own products take a matrix: fp32, bf16 or fp16 weights, fp32 biases, both
// contiguous.
WeightBits bits_of(at::ScalarType type);
RowMatrix matrix_of(const Linear& linear, float* y = nullptr);
// Of a model that computes in `type`.
Factors factors_of(at::ScalarType type);
// Many rows x [rows][in] on the CPU in fp32, weights as narrow as they are: by own products where
// this machine has matrix units; else weights become fp32, in `room` (kept from call to call, since
// fresh memory costs as much as what is done in it), for LibTorch's.
at::Tensor many_rows(const at::Tensor& x, const Linear& linear, Factors factors, at::Tensor& room);

}  // namespace looktwice::nn
