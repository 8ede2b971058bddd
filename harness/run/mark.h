// Answers of the journal to outcomes: the suite reads what was said, nothing is computed yet.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "harness/core/codec.h"
#include "harness/run/task.h"
#include "harness/store/run_folder.h"
#include "harness/store/summary.h"

namespace looktwice::run {

using Answers = std::unordered_map<std::string, StoredPrediction>;  // by request key

// The last record of each key.
Answers recorded_answers(const store::RunFolder& folder, const std::string& run,
                         const std::string& journal = "predictions");

struct Marked {
  Outcome outcome = {};
  StoredMap map = {};
  bool missing = false;  // not all questions have been asked yet
};

// Of macro averages: the source where a set is made of several, else the category.
const std::string& unit_of(const Outcome& outcome);
// What that scorer read; null: nothing.
const Mark* mark_by(const Outcome& outcome, const std::string& scorer);

// One per sample, in the order of the task.
std::vector<Marked> marked(const Task& task, const Answers& answers);

store::Counts counted(const std::vector<Marked>& marked);
// Samples that the scorers read differently: another decision, or one of them finds no answer.
std::vector<std::string> disagreements(const std::vector<Marked>& marked);

}  // namespace looktwice::run
