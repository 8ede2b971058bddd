// Predictions, outcomes and spans as one line of JSON, and back. Field order is fixed: equal values
// give equal bytes. Text that is no UTF-8 is repaired (U+FFFD) on the way out. Reading throws
// Error{Kind::data} that names the field.
#pragma once

#include <string>
#include <string_view>

#include "harness/core/sample.h"

namespace looktwice {

// A map of a prediction as it lies in the run folder.
struct StoredMap {
  std::string file = {};  // relative to the run folder; empty: none
  std::uint32_t crc = 0;  // CRC-32C of the file, so that a torn map is never scored
};

// sample: its id, for people.
std::string json_of(const Prediction& prediction, std::string_view sample, const StoredMap& map);

struct StoredPrediction {
  Prediction prediction = {};  // without map and spans
  std::string sample = {};
  StoredMap map = {};
};
StoredPrediction prediction_of(std::string_view json);

std::string json_of(const Outcome& outcome);
Outcome outcome_of(std::string_view json);

}  // namespace looktwice
