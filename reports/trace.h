// A profile as Chrome's trace JSON, which Perfetto (ui.perfetto.dev) and chrome://tracing open:
// requests that overlap get a lane each, their stages lie within them; times in microseconds from
// the first request on. Not here: what the times mean (latency.h).
#pragma once

#include <cstdint>
#include <string>

#include "reports/latency.h"

namespace looktwice::reports {

// The first `most` requests; a file of more would not open any more.
std::string chrome_trace(const LatencyView& view, std::int64_t most = 20000);

}  // namespace looktwice::reports
