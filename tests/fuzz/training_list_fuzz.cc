// Any line is read or refused; what is read can be written and read again. A JSON file read item by
// item gives what it gives read at once.
#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "harness/core/error.h"
#include "harness/core/json_value.h"
#include "harness/run/contamination.h"

namespace {

void compare_readings(const std::string& text) {
  using namespace looktwice;
  static const int kFile = ::memfd_create("records", 0);
  LOOKTWICE_CHECK(kFile >= 0 && ::ftruncate(kFile, 0) == 0 &&
                  ::pwrite(kFile, text.data(), text.size(), 0) ==
                      static_cast<ssize_t>(text.size()));
  std::size_t records = 0, whole = 0;
  bool read = true, parsed = true;
  try {
    run::for_each_record("/proc/self/fd/" + std::to_string(kFile),
                         [&](const JsonValue&) { ++records; });
  } catch (const Error& error) {
    LOOKTWICE_CHECK(error.kind() == Kind::data);
    read = false;
  }
  try {
    const JsonValue root = parsed_json(text, "fuzz");
    whole = root.items.size() + root.members.size();
  } catch (const Error&) {
    parsed = false;
  }
  // Read at once, two equal names at the top are refused as well, and so is one level more.
  LOOKTWICE_CHECK(!parsed || (read && records == whole));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace looktwice::run;
  const std::string line(reinterpret_cast<const char*>(data), size);
  word_grams(line, 3);
  compare_readings(line);
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
