// What tells whether two runs saw the same data: one hash over samples and the contents of their
// files.
#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "harness/core/sample.h"

namespace looktwice {

struct Fingerprint {
  std::string data = {};        // of what is judged
  std::string references = {};  // of the normal pictures shown beside it; empty: none are
};

// SHA-256 over, in the order of ids: id, category, label, and path below `root`, region and
// contents of image and masks and where defects saturate (data) or of the references. The same for
// a copy of the folder elsewhere and for any number of threads; a file that cannot be read counts
// as "unreadable".
Fingerprint fingerprint(std::span<const Sample> samples, const std::filesystem::path& root,
                        int threads);

}  // namespace looktwice
