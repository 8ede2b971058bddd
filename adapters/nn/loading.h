// Tensors out of a checkpoint into a model, by name and expected shape. What is missing, misshapen
// or left over is noted and told in one error at the end, since it is fixed in one go.
// Not here: files (adapters/nn/weights), what a model needs.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "adapters/nn/weights/checkpoint.h"

namespace looktwice::nn {

// Shares the bytes of the file where it can: CPU, same numbers. Never write into the result.
at::Tensor tensor_of(const weights::TensorBytes& bytes, const weights::Checkpoint& checkpoint);

class Loading {
 public:
  // what: begins the error ("anomaly_ov checkpoint DIR"). Weights are floating numbers and become
  // `type`; whole ones are refused as a wrong shape is.
  Loading(std::string what, const weights::Checkpoint& checkpoint, at::Device device,
          at::ScalarType type);

  // Undefined when it cannot be had; so finish() before anything is computed.
  at::Tensor take(const std::string& name, const weights::Shape& shape);
  at::Tensor take(const std::string& name, const weights::Shape& shape, at::ScalarType type);
  // For products that widen their weights as they read them: on the CPU a tensor that the file
  // holds in fewer bits than asked for stays so (bf16 or fp16 for fp32: the same numbers in half
  // the memory). Else as take().
  at::Tensor take_narrow(const std::string& name, const weights::Shape& shape);
  // The shape in the file; empty when there is no such tensor, which is noted as missing.
  weights::Shape shape_of(const std::string& name);
  bool has(const std::string& name) const { return checkpoint_.find(name) != nullptr; }
  // Names that begin so are not needed here.
  void ignore(const std::string& prefix) { ignored_.push_back(prefix); }
  // Every complaint, up to 40 names each; empty: it fits.
  std::string complaint() const;
  // Throws it, Kind::model.
  void finish() const;

  at::Device device() const { return device_; }
  // What is taken from now on goes there.
  void go_to(at::Device device) { device_ = device; }
  at::ScalarType type() const { return type_; }

 private:
  const std::string what_;
  const weights::Checkpoint& checkpoint_;
  at::Device device_;
  const at::ScalarType type_;
  std::set<std::string> taken_, missing_;
  std::vector<std::string> ignored_;
  // "name [3, 4], expected [4, 4]"; "name I64, expected floating numbers"
  std::vector<std::string> misshapen_, mistyped_;
};

}  // namespace looktwice::nn
