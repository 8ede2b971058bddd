#include "reports/trace.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "harness/core/text.h"
#include "reports/escape.h"

namespace looktwice::reports {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kProcess = 1;
constexpr int kLevels = 8;  // tracks of a lane: stages that overlap without lying in each other

double microseconds(std::int64_t ns) {
  return static_cast<double>(ns) / 1000;
}

struct Interval {
  std::int64_t start = 0, end = 0;
};

// The track of a lane on which a slice nests: every slice that is open there at its start also
// lasts to its end.
class Lane {
 public:
  // Nothing when no track is left.
  std::optional<int> level_of(const Interval& slice) {
    for (std::size_t level = 0; level < kLevels; ++level) {
      if (level == open_.size()) open_.emplace_back();
      std::vector<std::int64_t>& ends = open_[level];
      while (!ends.empty() && ends.back() <= slice.start) ends.pop_back();
      if (ends.empty() || slice.end <= ends.back()) {
        ends.push_back(slice.end);
        return static_cast<int>(level);
      }
    }
    return {};
  }

 private:
  std::vector<std::vector<std::int64_t>> open_;
};

Json slice(const std::string& name, const char* category, const Interval& at, std::int64_t zero,
           int track) {
  return {{"ph", "X"},
          {"name", printable(name, 100)},
          {"cat", category},
          {"ts", microseconds(at.start - zero)},
          {"dur", microseconds(at.end - at.start)},
          {"pid", kProcess},
          {"tid", track}};
}

Json name_of_track(const char* kind, int track, const std::string& name) {
  return {{"ph", "M"},
          {"name", kind},
          {"pid", kProcess},
          {"tid", track},
          {"args", {{"name", printable(name, 200)}}}};
}

}  // namespace

std::string chrome_trace(const LatencyView& view, std::int64_t most) {
  std::vector<const store::Timing*> requests;
  for (const store::Timing& timing : view.timings.lines) requests.push_back(&timing);
  std::stable_sort(requests.begin(), requests.end(),
                   [](const auto* a, const auto* b) { return a->taken_ns < b->taken_ns; });
  if (static_cast<std::int64_t>(requests.size()) > most)
    requests.resize(static_cast<std::size_t>(most));
  const std::int64_t zero = requests.empty() ? 0 : requests.front()->taken_ns;
  Json events = Json::array();
  events.push_back(name_of_track("process_name", 0, "looktwice: " + view.label));
  std::vector<std::int64_t> free_at;  // by lane
  std::vector<Lane> lanes;
  std::vector<int> named;
  const auto add = [&](std::size_t lane, Json event, std::optional<int> level) {
    if (!level) return;
    const int track = static_cast<int>(lane) * kLevels + *level + 1;
    if (std::find(named.begin(), named.end(), track) == named.end()) {
      named.push_back(track);
      events.push_back(
          name_of_track("thread_name", track,
                        "lane " + std::to_string(lane + 1) + (*level == 0 ? "" : " beside")));
      events.push_back({{"ph", "M"},
                        {"name", "thread_sort_index"},
                        {"pid", kProcess},
                        {"tid", track},
                        {"args", {{"sort_index", track}}}});
    }
    event["tid"] = track;
    events.push_back(std::move(event));
  };
  for (const store::Timing* request : requests) {
    const Interval whole{request->taken_ns,
                         request->taken_ns + std::max<std::int64_t>(0, request->latency_ns)};
    std::size_t lane = 0;
    while (lane < free_at.size() && free_at[lane] > whole.start) ++lane;
    if (lane == free_at.size()) {
      free_at.push_back(0);
      lanes.emplace_back();
    }
    free_at[lane] = whole.end;
    Json event = slice("request", "request", whole, zero, 0);
    event["args"] = {{"key", printable(request->key, 200)},
                     {"pass", request->pass},
                     {"status", name_of(request->status)},
                     {"input_tokens", request->usage.input_tokens},
                     {"output_tokens", request->usage.output_tokens}};
    add(lane, std::move(event), lanes[lane].level_of(whole));
    // Only what lies within the request: spans of a foreign clock would be anywhere.
    std::vector<std::pair<Interval, const Span*>> stages;
    for (const Span& span : request->spans) {
      const Interval cut{std::max(span.start_ns, whole.start),
                         std::min(span.start_ns + span.duration_ns, whole.end)};
      if (span.duration_ns >= 0 && cut.start <= cut.end) stages.emplace_back(cut, &span);
    }
    std::stable_sort(stages.begin(), stages.end(), [](const auto& a, const auto& b) {
      return a.first.start != b.first.start ? a.first.start < b.first.start
                                            : a.first.end > b.first.end;
    });
    for (const auto& [at, span] : stages)
      add(lane, slice(span->name, "stage", at, zero, 0), lanes[lane].level_of(at));
  }
  const Json json = {{"traceEvents", std::move(events)},
                     {"displayTimeUnit", "ms"},
                     {"otherData",
                      {{"label", printable(view.label, 200)},
                       {"requests", requests.size()},
                       {"of", view.timings.lines.size()}}}};
  return without_commands(
             json.dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace)) +
         "\n";
}

}  // namespace looktwice::reports
