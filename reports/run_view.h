// What reports read of a run folder: how it came about and its values. Outcomes are streamed, never
// held.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "harness/core/sample.h"
#include "harness/store/manifest.h"
#include "harness/store/summary.h"

namespace looktwice::reports {

struct RunView {
  std::filesystem::path folder = {};
  store::Summary summary = {};
  store::Manifest manifest = {};
};

// Kind::data when run.json or summary.json is missing or says something else than it should.
RunView run_view(const std::filesystem::path& folder);

// Shows every outcome of the run in file order; false: there is no outcomes.jsonl.
bool for_each_outcome(const RunView& run, const std::function<void(const Outcome&)>& show);

// Did the user say that a few failed samples are fine?
bool tolerates_failures(const store::Manifest& manifest);

// Why a run is not whole: "INCOMPLETE: ...", "PARTIAL: ..."; empty text: it is.
struct RunState {
  std::string text = {};
  bool incomplete = false, partial = false;
};
RunState state_of(const RunView& run);

// The name that tables print: the label, else the model.
std::string model_name(const RunView& run);
// Normal pictures shown beside each sample.
std::optional<int> shots(const RunView& run);

}  // namespace looktwice::reports
