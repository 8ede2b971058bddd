#include "reports/run_view.h"

#include <algorithm>
#include <charconv>

#include "harness/core/codec.h"
#include "harness/store/frame.h"
#include "harness/store/run_folder.h"

namespace looktwice::reports {

RunView run_view(const std::filesystem::path& folder) {
  const store::RunFolder files = store::RunFolder::existing(folder);
  return {folder, store::read_summary(files.summary()), store::read_manifest(files.manifest())};
}

bool for_each_outcome(const RunView& run, const std::function<void(const Outcome&)>& show) {
  const std::filesystem::path file = run.folder / "outcomes.jsonl";
  if (run.folder.empty() || !std::filesystem::exists(file)) return false;
  store::for_each_record(
      file, "outcomes", run.manifest.run,
      [&](std::string_view object, std::uint64_t, std::uint64_t) { show(outcome_of(object)); });
  return true;
}

bool tolerates_failures(const store::Manifest& manifest) {
  return manifest.options_used.contains("fail_on_error") ||
         std::any_of(manifest.options_asked.begin(), manifest.options_asked.end(),
                     [](const auto& asked) {
                       return asked.second.starts_with("--fail_on_error") ||
                              asked.second.starts_with("--fail-on-error");
                     });
}

RunState state_of(const RunView& run) {
  RunState state;
  const auto say = [&](const std::string& text) {
    state.text += (state.text.empty() ? "" : "; ") + text;
  };
  bool tolerated = false;
  for (const store::TaskSummary& task : run.summary.tasks) {
    const store::Counts& n = task.counts;
    const std::string of = " of " + std::to_string(n.samples) + " samples of " + task.task;
    if (n.missing > 0) {
      state.incomplete = true;
      say("INCOMPLETE: " + std::to_string(n.missing) + of + " have no answer yet");
    }
    if (n.failed > 0 && !tolerates_failures(run.manifest)) {
      state.incomplete = true;
      say("INCOMPLETE: " + std::to_string(n.failed) + of + " failed");
    }
    tolerated = tolerated || n.failed > 0;
    if (task.partial || !task.limited.empty()) {
      state.partial = true;
      say("PARTIAL: " + (task.limited.empty() ? "--limit" : task.limited) + " of " + task.task);
    }
  }
  if (run.manifest.partial && !state.partial) {
    state.partial = true;
    say("PARTIAL: --limit");
  }
  // Tolerated failures leave a run incomplete for ever.
  if (!state.incomplete &&
      (run.manifest.finished.empty() || (!run.manifest.complete && !tolerated))) {
    state.incomplete = true;
    say("INCOMPLETE: the run was not finished");
  }
  return state;
}

std::string model_name(const RunView& run) {
  return run.summary.label.empty() ? run.summary.model : run.summary.label;
}

std::optional<int> shots(const RunView& run) {
  const auto found = run.manifest.options_used.find("num_fewshot");
  if (found == run.manifest.options_used.end()) return {};
  int count = 0;
  const char* end = found->second.data() + found->second.size();
  const auto read = std::from_chars(found->second.data(), end, count);
  if (read.ec != std::errc() || read.ptr != end) return {};
  return count;
}

}  // namespace looktwice::reports
