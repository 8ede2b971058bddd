// The layout that MVTec AD made common: <class>/train/good, <class>/test/<good or type>,
// <class>/ground_truth/<type>. Not here: which classes a set has.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "suites/datasets/layout.h"

namespace looktwice::datasets {

// Where a set departs from the common layout.
struct TreeRules {
  std::vector<std::string> normal_names = {"good"};  // folders of normal images, in train and test
  std::string mask_folder = "ground_truth";          // empty: the set has no masks
  std::string defects_config = {};  // file of a class that says where its defects saturate
  bool folder_per_image =
      false;  // masks of 000.png lie in ground_truth/<type>/000/*.png, one per defect
};

// A set whose classes are known.
struct TreeSet {
  std::string title = {};
  std::vector<std::string> usual_names = {};
  std::map<std::string, ExpectedCount> expected = {};
  TreeRules rules = {};
  bool has_kinds = false;  // DatasetEntry::has_kinds
};

// Whether a folder holds the test part of any of these classes.
bool holds_class(const std::filesystem::path& folder,
                 const std::map<std::string, ExpectedCount>& classes);

// Adds one class: its folder below the root ("" = the root itself), its name in tables.
void add_tree_class(Gathering& gathering, const std::string& folder, const std::string& category,
                    const TreeRules& rules);
// Adds the known classes below `folder`; missing ones and unknown ones with a test part are noted,
// the latter left out.
void add_tree_classes(Gathering& gathering, const std::string& folder,
                      const std::map<std::string, ExpectedCount>& classes, const TreeRules& rules);

// Finds the root, adds the known classes (or reads meta.json when only that is there), checks the
// counts.
Dataset load_tree(const DatasetRequest& request, const TreeSet& set);
// The catalogue entry of such a set: load_tree and nothing else.
DatasetEntry tree_entry(const std::string& name, const std::string& summary, TreeSet set);

}  // namespace looktwice::datasets
