// Any reply has a letter or none; the official reading with fallback always has one.
#include <string>
#include <vector>

#include "harness/core/error.h"
#include "suites/mmad/letters.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace looktwice;
  const std::string reply(reinterpret_cast<const char*>(data), size);
  const std::vector<Option> options = {{"A", "Yes"}, {"B", "No"}, {"C", "a crack"}};
  const std::string found = suites::corrected_letter(reply, options);
  LOOKTWICE_CHECK(found.empty() || (found.size() == 1 && found[0] >= 'A' && found[0] <= 'C'));
  LOOKTWICE_CHECK(suites::official_letter(reply, options, {}).size() == 1);
  return 0;
}
