// Any flat list of images: CSV, TSV, JSON or JSON Lines with a path, a label, and perhaps a mask, a
// class, a defect and a split. Paths are relative to the folder of the list.
#include <algorithm>
#include <optional>

#include "harness/core/error.h"
#include "harness/core/table.h"
#include "harness/core/text.h"
#include "suites/datasets/layout.h"

namespace looktwice::datasets {
namespace {

namespace fs = std::filesystem;

// Column names in use, the first that the list has is taken.
const std::vector<std::string> kPath = {"path", "image",    "image_path", "img_path",
                                        "file", "filename", "key"};
const std::vector<std::string> kLabel = {"label",        "anomaly", "anomalous",
                                         "is_anomalous", "target",  "y"};
const std::vector<std::string> kMask = {"mask", "mask_path"};
const std::vector<std::string> kClass = {"class", "category", "object", "cls_name"};
const std::vector<std::string> kDefect = {"defect", "defect_type", "specie_name", "type"};
const std::vector<std::string> kSplit = {"split"};

bool is_list_name(const std::string& name) {
  const std::string lower = lower_ascii(name);
  return lower.ends_with(".csv") || lower.ends_with(".tsv") || lower.ends_with(".json") ||
         lower.ends_with(".jsonl") || lower.ends_with(".ndjson");
}

// The list in a folder: list.*, else the only file of that kind.
fs::path list_in(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code fault;
  for (const auto& entry : fs::directory_iterator(folder, fault)) {
    const std::string name = entry.path().filename().native();
    if (!is_clutter_name(name) && is_list_name(name) && entry.is_regular_file(fault))
      found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  std::vector<fs::path> named;
  for (const fs::path& file : found)
    if (file.stem() == "list") named.push_back(file);
  if (named.size() == 1) return named.front();
  if (found.size() == 1) return found.front();
  std::string message = printable(folder.string()) + ": holds ";
  message += found.empty() ? "no list (.csv .tsv .json .jsonl)"
                           : "several lists, none of them list.csv or list.jsonl";
  throw Error(Kind::data, message + "; --data_root may name the list itself");
}

class ListReader {
 public:
  ListReader(Gathering& gathering, Table table) : gathering_(gathering), table_(std::move(table)) {
    path_ = needed(kPath);
    label_ = needed(kLabel);
    mask_ = table_.any_column(kMask);
    class_ = table_.any_column(kClass);
    defect_ = table_.any_column(kDefect);
    split_ = table_.any_column(kSplit);
  }

  void add_all() {
    for (const Row& row : table_.rows) add(row);
    gathering_.settle_masks();
  }

 private:
  std::size_t needed(const std::vector<std::string>& names) const {
    if (const auto found = table_.any_column(names)) return *found;
    std::string message = "a column was expected that is called";
    for (const std::string& name : names) message += " '" + name + "'";
    table_.refuse({1, 1}, message);
  }

  // Empty: no such column, absent, null.
  std::string text(const Row& row, std::optional<std::size_t> column) const {
    if (!column) return {};
    const Cell& cell = row.cells[*column];
    if (cell.type == Cell::Type::absent || cell.type == Cell::Type::null) return {};
    if (cell.type == Cell::Type::nested)
      table_.refuse(cell.place, "a text was expected, not an array or object");
    return cell.text;
  }

  bool anomalous(const Row& row) const {
    const std::string label = lower_ascii(text(row, label_));
    for (const char* word : {"0", "0.0", "false", "normal", "good", "ok"})
      if (label == word) return false;
    for (const char* word :
         {"1", "1.0", "true", "anomaly", "anomalous", "abnormal", "bad", "defect", "ko"})
      if (label == word) return true;
    const Cell& cell = row.cells[label_];
    table_.refuse(
        cell.place.line > 0 ? cell.place : row.place,
        "the label must be 0 (normal) or 1 (anomalous), not '" + printable(cell.text, 80) + "'");
  }

  std::string file(const Row& row, std::size_t column) {
    const Cell& cell = row.cells[column];
    const Place place = cell.place.line > 0 ? cell.place : row.place;
    return gathering_.listed_file(text(row, column), [&](const std::string& why) {
      table_.refuse(place, "'" + table_.columns[column] + "': " + why);
    });
  }

  void add(const Row& row) {
    const std::string split = lower_ascii(text(row, split_));
    if (!split.empty() && split != "test" && split != "train") {
      gathering_.note("rows of a split that is neither test nor train are left out", split);
      return;
    }
    const bool is_anomalous = anomalous(row);
    const std::string relative = file(row, path_);
    std::string category = text(row, class_);
    if (category.empty()) category = "all";
    if (split == "train") {
      if (!is_anomalous) gathering_.add_train(category, relative);
      return;
    }
    const auto [before, is_new] = lines_.try_emplace(relative, row.place.line);
    if (!is_new)
      table_.refuse(row.place, "'" + printable(relative) + "' stands in line " +
                                   std::to_string(before->second) + " already");
    std::string defect = text(row, defect_);
    if (defect.empty()) defect = is_anomalous ? "anomalous" : "good";
    Sample& sample = gathering_.add(relative, category, is_anomalous, defect);
    if (text(row, mask_).empty()) return;
    sample.truth.masks.push_back(gathering_.path(file(row, *mask_)));
    if (!is_anomalous) gathering_.note("normal images with a mask file", relative);
  }

  Gathering& gathering_;
  Table table_;
  std::size_t path_ = 0, label_ = 0;
  std::optional<std::size_t> mask_, class_, defect_, split_;
  std::map<std::string, std::int64_t> lines_;
};

Dataset load(const DatasetRequest& request) {
  chosen_variant("list", {}, request.variant);
  std::error_code fault;
  if (!fs::exists(request.root, fault))
    throw Error(Kind::data, printable(request.root.string()) +
                                ": does not exist; --data_root names a list or its folder");
  const fs::path list =
      fs::is_directory(request.root, fault) ? list_in(request.root) : fs::absolute(request.root);
  Gathering gathering(list.parent_path());
  ListReader(gathering, table_of_file(list)).add_all();
  return gathering.finished();
}

}  // namespace

DatasetEntry list_dataset() {
  return {.name = "list",
          .title = "List",
          .summary =
              "a CSV, TSV, JSON or JSON Lines list: path, label 0/1, perhaps mask, class, defect, "
              "split",
          .has_masks = true,
          .general = true,
          .expected = [](const std::string&) { return std::map<std::string, ExpectedCount>(); },
          .load = load};
}

}  // namespace looktwice::datasets
