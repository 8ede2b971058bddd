// Looks MMAD over before numbers are believed: counts of questions per source and subtask against
// the published ones, bad records, masks, pictures that lie in another category than their twins.
// Not here: printing.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "suites/datasets/verify.h"
#include "suites/mmad/mmad_file.h"

namespace looktwice::suites {

// Questions of one kind from one source.
struct MmadCount {
  std::string source = {}, column = {};  // "VisA"; "normal", "abnormal", "Defect Analysis" ...
  std::int64_t found = 0, expected = 0;
};

struct MmadVerification {
  std::vector<MmadCount> counts = {};  // 4 sources x 8 columns, in the order of the tables
  std::int64_t images = 0, questions = 0;
  std::vector<datasets::Finding> findings = {};  // errors first
  std::string fingerprint = {};                  // SHA-256 over mmad.json and all its pictures
  bool known_edition = false;                    // all counts as published
  bool sound() const;                            // no finding of level error
};
inline constexpr std::int64_t kMmadImages = 8366, kMmadQuestions = 39672;

MmadVerification verify_mmad(const MmadSet& set);

}  // namespace looktwice::suites
