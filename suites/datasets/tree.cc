#include "suites/datasets/tree.h"

#include <algorithm>
#include <optional>

#include "suites/datasets/defects_config.h"
#include "suites/datasets/meta.h"

namespace looktwice::datasets {
namespace {

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Adds the images of one folder below test/, each with its masks.
void add_type(Gathering& gathering, const std::string& folder, const std::string& type,
              const std::string& category, const TreeRules& rules, bool has_masks,
              const SaturationTable& saturation) {
  const std::string images = joined(folder, "test/" + type);
  const std::string mask_folder = joined(folder, rules.mask_folder + "/" + type);
  const bool anomalous = !contains(rules.normal_names, type);
  std::optional<MaskFolder> masks;
  if (has_masks && !rules.folder_per_image) masks.emplace(gathering, mask_folder);

  std::vector<std::string> owners;  // mask folders of LOCO, one per image
  for (const std::string& name : gathering.images(images)) {
    const std::string relative = joined(images, name);
    Sample& sample = gathering.add(relative, category, anomalous, type);
    if (!has_masks) continue;
    if (masks) {
      for (const std::string& mask : masks->masks_of(name))
        sample.truth.masks.push_back(gathering.path(mask));
      if (sample.truth.masks.size() > 1) gathering.note("images with several mask files", relative);
    } else {
      const std::string owner = joined(mask_folder, stem_of(name));
      owners.push_back(stem_of(name));
      for (const std::string& mask : gathering.images(owner))
        sample.truth.masks.push_back(gathering.path(joined(owner, mask)));
      sample.truth.saturation = saturation;
    }
    sample.truth.has_mask = !anomalous || !sample.truth.masks.empty();
    if (!sample.truth.has_mask) gathering.note("anomalous images without a mask", relative);
    if (!anomalous && !sample.truth.masks.empty())
      gathering.note("normal images with a mask file", relative);
  }
  if (masks) masks->done();
  if (has_masks && rules.folder_per_image)
    for (const std::string& name : gathering.folders(mask_folder))
      if (!contains(owners, name))
        gathering.note("masks without an image", joined(mask_folder, name));
}

}  // namespace

bool holds_class(const std::filesystem::path& folder,
                 const std::map<std::string, ExpectedCount>& classes) {
  return std::any_of(classes.begin(), classes.end(), [&](const auto& known) {
    std::error_code fault;
    return std::filesystem::is_directory(folder / known.first / "test", fault);
  });
}

void add_tree_class(Gathering& gathering, const std::string& folder, const std::string& category,
                    const TreeRules& rules) {
  const std::string mask_folder = joined(folder, rules.mask_folder);
  const bool has_masks = !rules.mask_folder.empty() && gathering.has_folder(mask_folder);
  const std::vector<std::string> types = gathering.folders(joined(folder, "test"));
  SaturationTable saturation;
  if (has_masks && !rules.defects_config.empty()) {
    const std::string config = joined(folder, rules.defects_config);
    if (gathering.has_file(config))
      saturation = read_defects_config(gathering.path(config));
    else
      gathering.note("no file says where defects saturate, so there is no sPRO", config);
  }
  for (const std::string& type : types)
    add_type(gathering, folder, type, category, rules, has_masks, saturation);
  if (has_masks)
    for (const std::string& type : gathering.folders(mask_folder))
      if (!contains(types, type))
        gathering.note("mask folders without an image folder", joined(mask_folder, type));
  for (const std::string& name : gathering.images(joined(folder, "test")))
    gathering.note("pictures directly in a test folder, of no type, are left out",
                   joined(folder, "test/" + name));
  for (const std::string& normal : rules.normal_names)
    for (const std::string& name : gathering.images(joined(folder, "train/" + normal)))
      gathering.add_train(category, joined(folder, "train/" + normal + "/" + name));
}

void add_tree_classes(Gathering& gathering, const std::string& folder,
                      const std::map<std::string, ExpectedCount>& classes, const TreeRules& rules) {
  for (const auto& [name, count] : classes) {
    if (gathering.has_folder(joined(folder, name + "/test")))
      add_tree_class(gathering, joined(folder, name), name, rules);
    else
      gathering.note("classes that are not there", name);
  }
  for (const std::string& name : gathering.folders(folder))
    if (!classes.contains(name) && gathering.has_folder(joined(folder, name + "/test")))
      gathering.note("unknown class folders are left out", joined(folder, name));
}

Dataset load_tree(const DatasetRequest& request, const TreeSet& set) {
  Gathering gathering(found_root(
      request.root,
      {.title = set.title,
       .usual_names = set.usual_names,
       .layout = "<class>/test/<type> (a class is '" + set.expected.begin()->first + "')",
       .fits = [&](const auto& folder) { return holds_class(folder, set.expected); }}));
  if (holds_class(gathering.root(), set.expected))
    add_tree_classes(gathering, "", set.expected, set.rules);
  else
    add_meta_json(gathering, "meta.json");
  return gathering.finished(set.expected);
}

DatasetEntry tree_entry(const std::string& name, const std::string& summary, TreeSet set) {
  return {.name = name,
          .title = set.title,
          .summary = summary,
          .has_masks = true,
          .has_kinds = set.has_kinds,
          .expected = [counts = set.expected](const std::string&) { return counts; },
          .load =
              [name, set](const DatasetRequest& request) {
                chosen_variant(name, {}, request.variant);
                return load_tree(request, set);
              }};
}

}  // namespace looktwice::datasets
