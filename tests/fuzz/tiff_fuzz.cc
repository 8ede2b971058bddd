#include "tests/fuzz/image_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace looktwice::imaging;
  return fuzz_reader(data, size, tiff_info, [](Bytes file, const Limits& limits) {
    // The last byte of the file chooses what it is read for.
    return decode_tiff(file, limits,
                       !file.empty() && file.back() % 2 != 0 ? Use::mask : Use::picture);
  });
}
