// Any bytes are an array or a data error.
#include "harness/core/error.h"
#include "harness/core/npy.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    looktwice::anomaly_map(looktwice::npy_array(std::as_bytes(std::span(data, size))));
  } catch (const looktwice::Error& error) {
    LOOKTWICE_CHECK(error.kind() == looktwice::Kind::data);
  }
  return 0;
}
