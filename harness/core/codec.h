// Predictions, outcomes and spans as one line of JSON, and back. Field order is fixed: equal values give equal bytes.
// Text that is no UTF-8 is repaired (U+FFFD) on the way out. Reading throws Error{Kind::data} that names the field.
#pragma once

#include <string>
#include <string_view>

#include "harness/core/sample.h"

namespace looktwice {

// map_file: where the map lies in the run folder, empty: none. sample: its id, for people.
std::string json_of(const Prediction& prediction, std::string_view sample, std::string_view map_file);

struct StoredPrediction {
  Prediction prediction = {};  // without map and spans
  std::string sample = {}, map_file = {};
};
StoredPrediction prediction_of(std::string_view json);

std::string json_of(const Outcome& outcome);
Outcome outcome_of(std::string_view json);

}  // namespace looktwice
