// Looks a data set over before numbers are believed: counts, pictures, masks, copies. Reads every
// file once. Not here: printing; repairing. Copies are equal files, not equal pixels.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/core/dataset.h"

namespace looktwice::datasets {

// One kind of oddity with everything that shows it.
struct Finding {
  // error: these samples cannot be scored, or the truth contradicts itself. warning: known to spoil
  // comparisons. note: worth knowing.
  enum class Level { error, warning, note };
  Level level = Level::warning;
  std::string what = {};  // "mask and picture differ in size"
  std::int64_t count = 0;
  std::vector<std::string> where = {};  // printable, sorted, at most kMostExamples
};
inline constexpr std::size_t kMostExamples = 20;

struct ClassCount {
  std::string category = {};
  ExpectedCount found = {};
  std::optional<ExpectedCount> expected =
      {};  // empty: the literature does not have this class, or the set is general
  std::int64_t train = 0;
};

struct Verification {
  std::vector<ClassCount> classes = {};  // bytewise order
  std::vector<Finding> findings = {};    // errors first, then by text
  std::int64_t files = 0, masks = 0, bytes = 0;
  std::map<int, std::int64_t> mask_values =
      {};  // value -> masks that hold it (of decode_mask: 0..255)
  std::string fingerprint = {};
  bool known_edition = false;  // all counts as in the literature
  bool sound() const;          // no finding of level error
};

const char* name_of(Finding::Level level);  // "error"

// progress(done, total): called from several threads, files done so far. Throws nothing for bad
// files.
Verification verify(const DatasetEntry& entry, const Dataset& set, const std::string& variant,
                    const ImageCodec& codec, int threads = 1,
                    const std::function<void(std::int64_t, std::int64_t)>& progress = {});

}  // namespace looktwice::datasets
