// VisA (Zou et al. 2022), in two layouts: as downloaded (<class>/Data/... and split_csv/1cls.csv),
// and the 1-class re-layout
// (<class>/test/{good, bad|defect|anomaly}). Masks of the download hold class ids 1..9, of the
// re-layout 0/255, perhaps in RGB: whatever is not zero is anomalous.
#include "harness/core/error.h"
#include "harness/core/table.h"
#include "harness/core/text.h"
#include "suites/datasets/meta.h"
#include "suites/datasets/tree.h"

namespace looktwice::datasets {
namespace {

constexpr const char* kSplit = "split_csv/1cls.csv";

std::map<std::string, ExpectedCount> expected(const std::string&) {
  return {{"candle", {100, 100}},    {"capsules", {60, 100}}, {"cashew", {50, 100}},
          {"chewinggum", {50, 100}}, {"fryum", {50, 100}},    {"macaroni1", {100, 100}},
          {"macaroni2", {100, 100}}, {"pcb1", {100, 100}},    {"pcb2", {100, 100}},
          {"pcb3", {101, 100}},      {"pcb4", {101, 100}},    {"pipe_fryum", {50, 100}}};
}

bool is_download(const std::filesystem::path& folder) {
  std::error_code fault;
  for (const auto& [name, count] : expected({}))
    if (std::filesystem::is_directory(folder / name / "Data", fault)) return true;
  return false;
}

void add_split(Gathering& gathering) {
  const std::filesystem::path file = gathering.path(kSplit);
  if (!gathering.has_file(kSplit))
    throw Error(Kind::data, printable(file.string()) +
                                ": is not there; it says which normal images are tested. "
                                "It comes with the download and lies in amazon-science/spot-diff");
  const Table table = csv_table(text_of_file(file), file.string());
  for (const char* column : {"object", "split", "label", "image", "mask"})
    if (!table.column(column))
      table.refuse({1, 1}, "the columns object, split, label, image, mask were expected; '" +
                               std::string(column) + "' is missing");
  for (const Row& row : table.rows) {
    const Cell &label = table.at(row, "label"), &image = table.at(row, "image"),
               &split = table.at(row, "split"), &mask = table.at(row, "mask");
    if (label.text != "normal" && label.text != "anomaly")
      table.refuse(label.place,
                   "the label must be normal or anomaly, not '" + printable(label.text, 80) + "'");
    if (split.text != "train" && split.text != "test")
      table.refuse(split.place,
                   "the split must be train or test, not '" + printable(split.text, 80) + "'");
    const bool anomalous = label.text == "anomaly";
    const std::string category = table.at(row, "object").text;
    const std::string relative = gathering.listed_file(
        image.text, [&](const std::string& why) { table.refuse(image.place, why); });
    if (!relative.starts_with(category + "/"))
      table.refuse(image.place, "an image of '" + printable(category) +
                                    "' lies in another class: '" + printable(image.text) + "'");
    if (split.text == "train") {
      if (!anomalous) gathering.add_train(category, relative);
      continue;
    }
    Sample& sample = gathering.add(relative, category, anomalous, anomalous ? "anomaly" : "good");
    if (!mask.text.empty()) {
      sample.truth.masks.push_back(gathering.path(gathering.listed_file(
          mask.text, [&](const std::string& why) { table.refuse(mask.place, why); })));
      if (stem_of(mask.text) != stem_of(image.text))
        gathering.note("masks whose stem is not that of their image", relative);
      if (!anomalous) gathering.note("normal images with a mask file", relative);
    }
    sample.truth.has_mask = !anomalous || !sample.truth.masks.empty();
    if (!sample.truth.has_mask) gathering.note("anomalous images without a mask", relative);
  }
}

Dataset load(const DatasetRequest& request) {
  chosen_variant("visa", {}, request.variant);
  const auto classes = expected({});
  Gathering gathering(found_root(
      request.root, {.title = "VisA",
                     .usual_names = {"visa", "VisA_20220922", "visa_pytorch", "visa_1cls", "1cls"},
                     .layout = "<class>/Data with split_csv/1cls.csv, or <class>/test/{good,bad}",
                     .fits = [&](const auto& folder) {
                       return is_download(folder) || holds_class(folder, classes);
                     }}));
  if (is_download(gathering.root())) {
    add_split(gathering);
  } else if (holds_class(gathering.root(), classes)) {
    add_tree_classes(gathering, "", classes, {});
  } else {
    add_meta_json(gathering, "meta.json");
  }
  return gathering.finished(classes);
}

}  // namespace

DatasetEntry visa_dataset() {
  return {
      .name = "visa",
      .title = "VisA",
      .summary = "<class>/Data with split_csv/1cls.csv, or <class>/test/{good,bad|defect|anomaly}",
      .has_masks = true,
      .expected = expected,
      .load = load};
}

}  // namespace looktwice::datasets
