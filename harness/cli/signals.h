// SIGINT, SIGTERM, SIGHUP ask the run to stop; the second one ends the process at once. SIGPIPE
// becomes a failed write.
#pragma once

#include "harness/run/stop.h"

namespace looktwice::cli {
// The flag that the handlers set.
run::StopFlag& install_signal_handlers();
}  // namespace looktwice::cli
