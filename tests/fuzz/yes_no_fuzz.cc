// Any reply is yes, no or neither; markup in front of a plain answer changes nothing.
#include <string>

#include "harness/core/error.h"
#include "suites/answers.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using looktwice::suites::corrected_yes;
  const std::string reply(reinterpret_cast<const char*>(data), size);
  const auto read = corrected_yes(reply);
  looktwice::suites::official_yes(reply);
  LOOKTWICE_CHECK(corrected_yes("<think>Yes. No.</think><b>" + reply) == read);
  LOOKTWICE_CHECK(corrected_yes("Yes\n" + reply) == true);
  return 0;
}
