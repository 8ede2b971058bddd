// How long requests take and where the time goes: percentiles of the whole and of its stages, time
// to the first token, tokens per second; whether a profile may be trusted and, if not, why; two
// profiles of the same requests side by side. Reads folders of `looktwice profile`, and of any run
// (timing.jsonl), whose times are shown but never VALID. Not here: measuring
// (harness/run/profile.h), the trace (trace.h).
//
// A percentile is linear between neighbours (numpy's default). Its interval is made of two order
// statistics (exact, binomial); it takes requests as independent draws, which repeats of the same
// request are not: it tells how firm the number is for these requests, not for others.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "harness/store/profile_file.h"
#include "harness/store/timing.h"
#include "reports/table.h"

namespace looktwice::reports {

struct LatencyView {
  std::filesystem::path folder = {};
  std::string label = {};
  std::optional<store::Profile> profile = {};  // nothing: the times of an ordinary run
  store::Timings timings = {};
};
// Kind::data when the folder holds no times.
LatencyView latency_view(const std::filesystem::path& folder);

struct Percentile {
  double share = 0, value = 0;
  std::optional<double> low = {}, high = {};
};

// One stage, or the whole. Milliseconds, or per second for rates.
struct LatencyRow {
  enum class What { request, first_token, stage, between, per_token, rate };
  What what = What::stage;
  std::string name = {};
  std::int64_t n = 0;
  double mean = 0, least = 0, most = 0;
  std::array<Percentile, 3> percentiles = {};  // 50, 90, 99
  std::optional<double> share = {};            // of the time of all requests, for stages
};

// One reason to trust or not to trust.
struct LatencyCheck {
  std::string name = {};  // "requests", "drift" ...
  bool holds = true;
  std::string found = {};
};

struct Latency {
  LatencyView view = {};
  double level = 0.95;
  std::vector<LatencyRow> rows = {};
  std::int64_t requests = 0, failed = 0, refused = 0;
  double seconds = 0;  // that requests were under way
  std::int64_t output_tokens = 0;
  std::vector<LatencyCheck> checks = {};
  std::vector<std::string> notes = {};
  bool valid() const;
  std::vector<std::string> reasons() const;  // of the checks that do not hold
};
Latency latency(LatencyView view, double level = 0.95);

// second / first, for requests paired by key: the geometric mean over requests of the ratio of
// their median times, with Student's interval over requests.
struct LatencyRatio {
  std::string name = {};
  std::int64_t requests = 0;
  double first_ms = 0, second_ms = 0;  // medians
  double ratio = 1;
  std::optional<double> low = {}, high = {};
};
struct LatencyComparison {
  std::string first = {}, second = {};  // labels
  std::vector<LatencyRatio> ratios = {};
  std::vector<std::string> differences = {};  // between the conditions
};
// Kind::usage when they do not hold the same requests.
LatencyComparison compared(const Latency& first, const Latency& second);

Page page_of(const Latency& latency, const LatencyComparison* comparison = nullptr);
// CSV: one line per row; JSON: everything; the others: page_of.
std::string render(const Latency& latency, const LatencyComparison* comparison, Format format,
                   const RenderOptions& options = {});

// "VALID", "NOT VALID: few requests: ...; drift: ..."
std::string verdict_of(const Latency& latency);

}  // namespace looktwice::reports
