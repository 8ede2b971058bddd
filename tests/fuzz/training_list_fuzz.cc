// Any line is read or refused; what is read can be written and read again.
#include <string>

#include "harness/core/error.h"
#include "harness/run/contamination.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace looktwice::run;
  const std::string line(reinterpret_cast<const char*>(data), size);
  word_grams(line, 3);
  try {
    const TrainingItem item = training_item(line, "fuzz", 2);
    if (item.sha256.empty() && !item.phash && item.text.empty()) return 0;
    const TrainingItem again = training_item(line_of(item), "again", 2);
    LOOKTWICE_CHECK(again.name == item.name && again.sha256 == item.sha256 &&
                    again.phash == item.phash && again.text == item.text);
  } catch (const looktwice::Error& error) {
    LOOKTWICE_CHECK(error.kind() == looktwice::Kind::data);
  }
  return 0;
}
