// The three sets of brain and head scans: image labels only, one class each, several layouts in
// use. Not here: the layout of each download.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "suites/datasets/layout.h"

namespace looktwice::datasets {

struct ScanSet {
  std::string name = {}, title = {}, summary = {};
  std::string category = {};  // "brain"
  std::vector<std::string> usual_names = {};
  ExpectedCount expected = {};
  bool has_inctrl_split =
      false;  // variants "all" and "inctrl-sorted42", which trains with 75 % of the normals
  std::string layout = {};
  std::function<bool(const std::filesystem::path&)> is_download = {};
  std::function<void(Gathering&)> add_download = {};
};

// Reads the download; else test/{good,defect} (AdaCLIP), there or in a folder named after the
// class; else meta.json (AnomalyCLIP).
DatasetEntry scan_entry(ScanSet set);

// Folders yes (anomalous) and no (normal) below `folder`.
bool holds_yes_and_no(const std::filesystem::path& folder);
void add_yes_and_no(Gathering& gathering, const std::string& folder, const std::string& category);

}  // namespace looktwice::datasets
