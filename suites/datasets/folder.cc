// Any folder in MVTec layout: one class (the folder itself holds test/) or many.
#include "harness/core/error.h"
#include "harness/core/text.h"
#include "suites/datasets/tree.h"

namespace looktwice::datasets {

DatasetEntry folder_dataset() {
  const auto has_test = [](const std::filesystem::path& folder) {
    std::error_code fault;
    return std::filesystem::is_directory(folder / "test", fault);
  };
  const auto load = [has_test](const DatasetRequest& request) {
    chosen_variant("folder", {}, request.variant);
    const TreeRules rules = {.normal_names = {"good", "normal", "ok"}};
    Gathering gathering(
        found_root(request.root, {.title = "MVTec-like folder",
                                  .layout = "test/<good|type> or <class>/test/<good|type>",
                                  .fits = [&](const std::filesystem::path& folder) {
                                    if (has_test(folder)) return true;
                                    std::error_code fault;
                                    for (const auto& entry :
                                         std::filesystem::directory_iterator(folder, fault))
                                      if (has_test(entry.path())) return true;
                                    return false;
                                  }}));
    if (has_test(gathering.root())) {
      add_tree_class(gathering, "", gathering.root().filename().string(), rules);
    } else if (gathering.has_file("meta.json")) {
      throw Error(Kind::data, printable(gathering.root().string()) +
                                  ": holds a meta.json and no test folder; use the task of 'meta'");
    } else {
      for (const std::string& name : gathering.folders(""))
        if (gathering.has_folder(name + "/test")) add_tree_class(gathering, name, name, rules);
    }
    return gathering.finished();
  };
  return {.name = "folder",
          .title = "Folder",
          .summary = "any folder in MVTec layout, one class or many",
          .has_masks = true,
          .general = true,
          .expected = [](const std::string&) { return std::map<std::string, ExpectedCount>(); },
          .load = load};
}

}  // namespace looktwice::datasets
