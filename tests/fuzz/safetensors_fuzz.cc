// Any bytes are tensors whose bytes lie in the file, aligned, or a model error.
#include "adapters/nn/weights/safetensors.h"
#include "harness/core/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace looktwice;
  const auto file = std::as_bytes(std::span(data, size));
  try {
    for (const auto& [name, tensor] : weights::safetensors(file, "fuzz")) {
      LOOKTWICE_CHECK(tensor.bytes.empty() ||
                      (tensor.bytes.data() >= file.data() &&
                       tensor.bytes.data() + tensor.bytes.size() <= file.data() + file.size()));
      LOOKTWICE_CHECK(weights::bytes_of(tensor.type, tensor.shape) == tensor.bytes.size());
      LOOKTWICE_CHECK(tensor.bytes.empty() ||
                      (tensor.bytes.data() - file.data()) %
                              static_cast<std::ptrdiff_t>(weights::bytes_of(tensor.type)) ==
                          0);
    }
  } catch (const Error& error) {
    LOOKTWICE_CHECK(error.kind() == Kind::model);
  }
  return 0;
}
