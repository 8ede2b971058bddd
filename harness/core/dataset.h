// A data set: a folder layout read into samples, with what is expected of it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "harness/core/sample.h"

namespace looktwice {

// What a warning holds when the counts are not those of the literature, so that tables can say it
// beside a number.
inline constexpr const char* kUnknownEdition = "unknown edition";

// What one reading of a folder gave. Samples in bytewise order of their ids.
struct Dataset {
  std::filesystem::path root = {};  // the folder that ids are relative to
  std::vector<Sample> test = {};
  std::map<std::string, std::vector<ImageFile>> normal_train = {};  // per category, bytewise order
  std::vector<std::string> warnings =
      {};  // oddities that do not stop the reading: extra folders, twins, missing masks
};

struct DatasetRequest {
  std::filesystem::path root =
      {};                    // the folder of the set, or a parent that holds it under a usual name
  std::string variant = {};  // one of DatasetEntry::variants; empty: the first
  std::shared_ptr<const ImageCodec> codec = {};
};

// [normal, anomalous] test images of a class, from the literature (protocols.md 4).
struct ExpectedCount {
  std::int64_t normal = 0, anomalous = 0;
};

struct DatasetEntry {
  std::string name = {};     // "mvtec": task zsad.mvtec
  std::string title = {};    // "MVTec AD": as papers print it
  std::string summary = {};  // layout in one line
  std::vector<std::string> variants =
      {};  // split or label conventions, the default first; may be empty
  bool has_masks = false;
  bool has_kinds = false;  // structural and logical anomalies, reported apart (MVTec LOCO)
  bool general = false;    // any folder of that layout, nothing is expected
  std::function<std::map<std::string, ExpectedCount>(const std::string& variant)> expected = {};
  std::function<Dataset(const DatasetRequest&)> load = {};
};

}  // namespace looktwice
