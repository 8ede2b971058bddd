#include "harness/core/decoding.h"

#include "harness/core/error.h"
#include "harness/core/options.h"

namespace looktwice {

void DecodingOptions::check(const std::string& owner) const {
  // Written so that NaN is refused, too.
  if (!(temperature >= 0 && temperature <= 2))
    throw Error(Kind::usage,
                owner + ": temperature must be from 0 to 2, not " + option_text(temperature));
  if (!(top_p > 0 && top_p <= 1))
    throw Error(Kind::usage,
                owner + ": top_p must be above 0, at most 1, not " + option_text(top_p));
  if (seed < 0)
    throw Error(Kind::usage, owner + ": seed must be 0 or more, not " + option_text(seed));
}

Decoding DecodingOptions::applied_to(Decoding asked, std::uint64_t run_seed) const {
  const Decoding untouched;
  if (asked.temperature == untouched.temperature) asked.temperature = temperature;
  if (asked.top_p == untouched.top_p) asked.top_p = top_p;
  const auto own = static_cast<std::uint64_t>(seed);
  if (asked.seed != untouched.seed)
    asked.seed += own;
  else
    asked.seed = own != 0 ? own : run_seed;
  return asked;
}

}  // namespace looktwice
