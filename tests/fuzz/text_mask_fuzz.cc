// Any reply is read; the mask that comes out can be written and read again.
#include <string>

#include "harness/core/error.h"
#include "suites/text_mask.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace looktwice::suites;
  const std::string reply(reinterpret_cast<const char*>(data), size);
  for (const int first : {0, 1}) {
    const SegReply read = seg_reply(reply, first);
    const SegReply again = seg_reply("<seg>" + mask_text(read.mask, first) + "</seg>", first);
    LOOKTWICE_CHECK(again.mask == read.mask && again.malformed == 0);
    LOOKTWICE_CHECK(read.has_mask || !read.any());
  }
  return 0;
}
