#include "adapters/nn/loading.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "adapters/nn/device.h"
#include "harness/core/error.h"
#include "harness/core/text.h"

namespace looktwice::nn {
namespace {

// In the order of weights::NumberType.
constexpr std::array kTypes = {at::kDouble, at::kFloat, at::kHalf, at::kBFloat16, at::kLong,
                               at::kInt,    at::kShort, at::kChar, at::kUInt64,   at::kUInt32,
                               at::kUInt16, at::kByte,  at::kBool};

std::string listed(const char* title, const auto& names) {
  constexpr std::size_t kMost = 40;
  if (names.empty()) return {};
  std::string text = std::string("; ") + std::to_string(names.size()) + " " + title + ": ";
  std::size_t shown = 0;
  for (const std::string& name : names) {
    if (shown == kMost) return text + ", ...";
    text += (shown++ > 0 ? ", " : "") + printable(name);
  }
  return text;
}

}  // namespace

at::Tensor tensor_of(const weights::TensorBytes& bytes, const weights::Checkpoint& checkpoint) {
  const at::ScalarType type = kTypes[static_cast<std::size_t>(bytes.type)];
  const auto address = reinterpret_cast<std::uintptr_t>(bytes.bytes.data());
  if (!bytes.bytes.empty() && address % weights::bytes_of(bytes.type) == 0)
    return at::from_blob(
        const_cast<std::byte*>(bytes.bytes.data()), bytes.shape,
        [held = checkpoint.files_held()](void*) {}, type);
  at::Tensor copy = at::empty(bytes.shape, type);
  if (!bytes.bytes.empty())
    std::memcpy(copy.mutable_data_ptr(), bytes.bytes.data(), bytes.bytes.size());
  return copy;
}

Loading::Loading(std::string what, const weights::Checkpoint& checkpoint, at::Device device,
                 at::ScalarType type)
    : what_(std::move(what)), checkpoint_(checkpoint), device_(device), type_(type) {}

at::Tensor Loading::take(const std::string& name, const weights::Shape& shape) {
  return take(name, shape, type_);
}

at::Tensor Loading::take(const std::string& name, const weights::Shape& shape,
                         at::ScalarType type) {
  const weights::TensorBytes* found = checkpoint_.find(name);
  if (!found) {
    missing_.insert(name);
    return {};
  }
  taken_.insert(name);
  if (found->shape != shape) {
    misshapen_.push_back(name + " " + weights::text_of(found->shape) + ", expected " +
                         weights::text_of(shape));
    return {};
  }
  const at::Tensor held = tensor_of(*found, checkpoint_);
  if (!held.is_floating_point()) {
    mistyped_.push_back(name + " " + weights::name_of(found->type) + ", expected floating numbers");
    return {};
  }
  try {
    return held.to(device_, type);
  } catch (const std::exception& error) {
    if (!is_out_of_memory(error)) throw;
    throw Error(Kind::model, what_ + ": out of memory on " + device_.str() + " at " +
                                 printable(name) +
                                 "; dtype=bf16 halves fp32, device_map divides a language model");
  }
}

at::Tensor Loading::take_narrow(const std::string& name, const weights::Shape& shape) {
  const weights::TensorBytes* found = checkpoint_.find(name);
  const bool narrow =
      found && device_.is_cpu() && type_ == at::kFloat &&
      (found->type == weights::NumberType::bf16 || found->type == weights::NumberType::f16);
  if (!narrow) return take(name, shape);
  return take(name, shape, kTypes[static_cast<std::size_t>(found->type)]);
}

weights::Shape Loading::shape_of(const std::string& name) {
  const weights::TensorBytes* found = checkpoint_.find(name);
  if (!found) missing_.insert(name);
  return found ? found->shape : weights::Shape{};
}

std::string Loading::complaint() const {
  std::vector<std::string> extra;
  for (const auto& [name, tensor] : checkpoint_.tensors())
    if (!taken_.contains(name) &&
        std::ranges::none_of(ignored_,
                             [&name = name](const std::string& p) { return name.starts_with(p); }))
      extra.push_back(name);
  if (missing_.empty() && misshapen_.empty() && mistyped_.empty() && extra.empty()) return {};
  return what_ + " does not fit the model" + listed("missing", missing_) +
         listed("of another shape", misshapen_) + listed("of another type", mistyped_) +
         listed("unknown", extra);
}

void Loading::finish() const {
  if (const std::string wrong = complaint(); !wrong.empty()) throw Error(Kind::model, wrong);
}

}  // namespace looktwice::nn
