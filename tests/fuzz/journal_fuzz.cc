// Journals of any bytes: only whole records of this run come through, and what they hold is read or
// refused with an Error.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "harness/core/codec.h"
#include "harness/core/error.h"
#include "harness/store/frame.h"

namespace {

constexpr std::string_view kRun = "0123456789abcdef";

void read(std::string_view object) {
  try {
    const looktwice::StoredPrediction stored = looktwice::prediction_of(object);
    // What was read is written the same way for ever.
    const std::string written = looktwice::json_of(stored.prediction, stored.sample, stored.map);
    const looktwice::StoredPrediction again = looktwice::prediction_of(written);
    if (looktwice::json_of(again.prediction, again.sample, again.map) != written) std::abort();
  } catch (const looktwice::Error&) {
  }
  try {
    (void)looktwice::json_of(looktwice::outcome_of(object));
  } catch (const looktwice::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    const looktwice::store::Unframed record = looktwice::store::unframed(line, kRun);
    if (record.state == looktwice::store::FrameState::good) {
      if (looktwice::store::framed(record.object, kRun) != line) std::abort();
      read(record.object);
    }
    read(line);  // a frame is an object too, and fuzzers do not find checksums
  }
  return 0;
}
