#include "suites/datasets/scans.h"

#include "suites/datasets/meta.h"
#include "suites/datasets/tree.h"

namespace looktwice::datasets {
namespace {

namespace fs = std::filesystem;

constexpr const char* kInctrl = "inctrl-sorted42";

bool is_folder(const fs::path& path) {
  std::error_code fault;
  return fs::is_directory(path, fault);
}

bool is_tree(const fs::path& folder) {
  return is_folder(folder / "test/good");
}

}  // namespace

bool holds_yes_and_no(const fs::path& folder) {
  return is_folder(folder / "yes") && is_folder(folder / "no");
}

void add_yes_and_no(Gathering& gathering, const std::string& folder, const std::string& category) {
  for (const char* name : {"yes", "no"})
    for (const std::string& image : gathering.images(joined(folder, name))) {
      const bool anomalous = std::string_view(name) == "yes";
      gathering.add(joined(joined(folder, name), image), category, anomalous,
                    anomalous ? "yes" : "good");
    }
}

DatasetEntry scan_entry(ScanSet set) {
  DatasetEntry entry{.name = set.name, .title = set.title, .summary = set.summary};
  if (set.has_inctrl_split) entry.variants = {"all", kInctrl};
  entry.expected = [set](const std::string& variant) {
    ExpectedCount count = set.expected;
    if (variant == kInctrl) count.normal = (count.normal + 3) / 4;
    return std::map<std::string, ExpectedCount>{{set.category, count}};
  };
  entry.load = [set, variants = entry.variants,
                expected = entry.expected](const DatasetRequest& request) {
    const std::string variant = chosen_variant(set.name, variants, request.variant);
    // A folder named after the class may hold the tree: brain/test/good.
    std::vector<std::string> names = set.usual_names;
    names.push_back(set.category);
    Gathering gathering(found_root(request.root, {.title = set.title,
                                                  .usual_names = names,
                                                  .layout = set.layout + " or test/{good,defect}",
                                                  .fits = [&](const fs::path& folder) {
                                                    return set.is_download(folder) ||
                                                           is_tree(folder);
                                                  }}));
    const fs::path root = gathering.root();
    if (set.is_download(root)) {
      set.add_download(gathering);
    } else if (is_tree(root)) {
      add_tree_class(gathering, "", set.category, {.mask_folder = ""});
    } else {
      add_meta_json(gathering, "meta.json");
    }
    if (variant == kInctrl) gathering.keep_quarter_of_normals();
    return gathering.finished(expected(variant));
  };
  return entry;
}

}  // namespace looktwice::datasets
