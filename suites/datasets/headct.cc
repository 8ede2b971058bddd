// HeadCT (Kaggle "Head CT - hemorrhage"): labels.csv (id, hemorrhage; 1 = anomalous) and
// head_ct/NNN.png or head_ct/head_ct/NNN.png.
#include "harness/core/table.h"
#include "harness/core/text.h"
#include "suites/datasets/scans.h"

namespace looktwice::datasets {
namespace {

std::string trimmed(std::string text) {
  const auto first = text.find_first_not_of(" \t");
  return first == text.npos ? "" : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

void add_labelled(Gathering& gathering) {
  const std::filesystem::path file = gathering.path("labels.csv");
  Table table = csv_table(text_of_file(file), file.string());
  for (std::string& column : table.columns)
    column = trimmed(column);  // the download writes "id, hemorrhage"
  const std::string folder =
      gathering.has_folder("head_ct/head_ct") ? "head_ct/head_ct" : "head_ct";
  std::set<std::string> listed;
  for (const Row& row : table.rows) {
    const Cell &id = table.at(row, "id"), &label = table.at(row, "hemorrhage");
    std::string number = trimmed(id.text);
    const std::string truth = trimmed(label.text);
    if (number.empty() || number.size() > 3 ||
        number.find_first_not_of("0123456789") != number.npos)
      table.refuse(id.place, "the id must be a number of at most three digits, not '" +
                                 printable(id.text, 80) + "'");
    if (truth != "0" && truth != "1")
      table.refuse(label.place,
                   "'hemorrhage' must be 0 or 1, not '" + printable(label.text, 80) + "'");
    number.insert(0, 3 - number.size(), '0');
    const bool anomalous = truth == "1";
    listed.insert(number + ".png");
    gathering.add(
        gathering.listed_file(folder + "/" + number + ".png",
                              [&](const std::string& why) { table.refuse(id.place, why); }),
        "head", anomalous, anomalous ? "hemorrhage" : "good");
  }
  for (const std::string& name : gathering.images(folder))
    if (!listed.contains(name))
      gathering.note("images that labels.csv does not name are left out", folder + "/" + name);
}

}  // namespace

DatasetEntry headct_dataset() {
  return scan_entry({.name = "headct",
                     .title = "HeadCT",
                     .summary = "labels.csv and head_ct/NNN.png, or test/{good,defect}",
                     .category = "head",
                     .usual_names = {"headct", "head_ct_hemorrhage", "head_ct_dataset", "archive"},
                     .expected = {100, 100},
                     .has_inctrl_split = true,
                     .layout = "labels.csv beside head_ct/",
                     .is_download =
                         [](const std::filesystem::path& folder) {
                           std::error_code fault;
                           return std::filesystem::is_regular_file(folder / "labels.csv", fault) &&
                                  std::filesystem::is_directory(folder / "head_ct", fault);
                         },
                     .add_download = add_labelled});
}

}  // namespace looktwice::datasets
