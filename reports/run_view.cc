#include "reports/run_view.h"

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
