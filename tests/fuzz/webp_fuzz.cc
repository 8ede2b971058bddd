#include "tests/fuzz/image_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace looktwice::imaging;
  return fuzz_reader(data, size, webp_info,
                     [](Bytes file, const Limits& limits) { return decode_webp(file, limits); });
}
