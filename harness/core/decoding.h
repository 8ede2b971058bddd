// How a model that writes is to choose its words, as a user says it: options that every such
// adapter has under the same names. Not here: the choice itself (adapters/nn/sampling.h, a server).
#pragma once

#include <cstdint>
#include <string>

#include "harness/core/sample.h"

namespace looktwice {

struct DecodingOptions {
  double temperature = 0, top_p = 1;
  std::int64_t seed = 0;

  void visit(auto&& option) {
    option("temperature", temperature,
           "0 to 2, where the task says none: above 0 answers are drawn; 0: greedy");
    option("top_p", top_p,
           "above 0 to 1, of drawn answers: only the likeliest tokens that reach this share");
    option("seed", seed, "of drawn answers: another seed, other answers; 0: as --seed says");
  }

  // Throws Error{Kind::usage} that begins with `owner`: "model omniad".
  void check(const std::string& owner) const;

  // What a question leaves at its default is taken from here. A seed of the question's own is a
  // further try at it (a judge's): it is added to the one here, so that no two tries are one.
  // run_seed: of --seed.
  Decoding applied_to(Decoding asked, std::uint64_t run_seed) const;
};

}  // namespace looktwice
