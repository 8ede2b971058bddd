// replicates.jsonl: what values were when their images were drawn anew, so that another run's over
// the same images can be paired with them, replicate by replicate (`looktwice compare`, `gate`).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/store/summary.h"

namespace looktwice::store {

struct Replicates {
  std::string task = {}, scorer = {}, metric = {}, group = {};  // as in Row
  double value = 0;                                             // as in Row
  std::uint64_t seed = 0, tag = 0;                              // tag: the same for the same images
  double widening = 1, degrees = 0;                             // metrics/metric.h, Drawing
  std::vector<float> deviations = {};                           // replicate - value
};

std::string json_of(const Replicates& replicates);  // one line, without a newline
Replicates replicates_of(std::string_view object);  // Kind::data

}  // namespace looktwice::store
