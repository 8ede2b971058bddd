// One run as one HTML page that needs nothing else: no script, no link to anything outside,
// pictures within. Opens offline, prints, fits a phone, follows the reader's light or dark setting.
#pragma once

#include <filesystem>
#include <string>

#include "harness/core/image.h"
#include "reports/run_view.h"

namespace looktwice::reports {

struct HtmlOptions {
  int worst = 6;    // pictures of the worst false positives, and as many false negatives, of each
                    // task; 0: none
  int side = 256;   // pixels of their longer side
  int listed = 50;  // names of failed, refused, unscored samples
  std::filesystem::path data_root =
      {};  // where the data set lies now; empty: where the run found it
};

// Reads the run folder and the pictures it names. A picture that cannot be read is said on the
// page, never an error.
std::string html_report(const RunView& run, const ImageCodec& codec,
                        const HtmlOptions& options = {});

}  // namespace looktwice::reports
