// Any bytes are a state_dict or a model error, as a zip file and as the pickle in it.
#include "adapters/nn/weights/torch_file.h"
#include "adapters/nn/weights/unpickle.h"
#include "harness/core/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace looktwice;
  const auto file = std::as_bytes(std::span(data, size));
  try {
    unsigned sum = 0;  // so that every byte is looked at
    for (const auto& [name, tensor] : weights::torch_file(file, "fuzz").tensors) {
      LOOKTWICE_CHECK(weights::bytes_of(tensor.type, tensor.shape) == tensor.bytes.size());
      for (const std::byte byte : tensor.bytes) sum += std::to_integer<unsigned>(byte);
    }
    LOOKTWICE_CHECK(sum + 1 != 0);
  } catch (const Error& error) {
    LOOKTWICE_CHECK(error.kind() == Kind::model);
  }
  try {
    (void)weights::unpickled(file, "fuzz");
  } catch (const Error& error) {
    LOOKTWICE_CHECK(error.kind() == Kind::model);
  }
  return 0;
}
