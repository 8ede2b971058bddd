// What all readers of data-set folders share: finding the folder, listing it, naming samples,
// looking up masks, and the rule that nothing outside the folder is ever opened. Not here: any
// particular layout. Rules (protocols.md 4): bytewise order; a class is a whole folder name; image
// suffixes in any case; dot files, Thumbs.db and desktop.ini do not count; a mask belongs to the
// image of the same stem, never to a position in a listing.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/core/dataset.h"

namespace looktwice::datasets {

bool is_image_name(std::string_view name);    // .png .jpg .jpeg .bmp .tif .tiff .webp
bool is_clutter_name(std::string_view name);  // .DS_Store, ._000.png, Thumbs.db
std::string stem_of(std::string_view name);   // of the last component, without its last suffix

// A relative path as a sample id: control characters, bytes that are no UTF-8, '%' and '#' become
// %XX, so ids are one line of valid UTF-8, two paths never share one, and "#x,y,w,h" or "#patch03"
// behind it is a part of the picture. relative_of undoes it.
std::string id_of(std::string_view relative);
std::string relative_of(std::string_view id);  // without the part behind '#'

// Equal for names that differ only by case or Unicode normalisation, which some file systems take
// for one.
std::string twin_key(std::string_view name);

// One of `known`; empty: the first. Kind::usage with the nearest name.
std::string chosen_variant(const std::string& dataset, const std::vector<std::string>& known,
                           const std::string& asked);

// Where a set lies and how it is known.
struct Search {
  std::string title = {};  // "MVTec AD"
  std::vector<std::string> usual_names =
      {};                   // folders to look into, in any case, without "_", "-", " ", "."
  std::string layout = {};  // what was expected, for the message
  std::function<bool(const std::filesystem::path&)> fits = {};
};
// data_root or the nearest folder below it that fits, walking down through usual names only (at
// most 4 levels). When none fits, a folder with a meta.json will do. Kind::data says where it
// looked and what was expected.
std::filesystem::path found_root(const std::filesystem::path& data_root, const Search& search);

// Refuses a path; tells where it was written ("list.csv: line 3, column 1: ...").
using Refuse = std::function<void(const std::string& why)>;

// One data set while it is being read. Paths are relative to the root, '/' separated; "" is the
// root.
class Gathering {
 public:
  explicit Gathering(const std::filesystem::path& root);

  const std::filesystem::path& root() const { return root_; }
  std::filesystem::path path(const std::string& relative) const;
  bool has_folder(const std::string& relative) const;
  bool has_file(const std::string& relative) const;

  // Names in a folder, bytewise order, clutter left out; a folder that is not there is empty.
  // A symbolic link that leads out of the root throws Kind::data.
  std::vector<std::string> folders(const std::string& relative) const;
  // Images; other files and folders with an image suffix are noted.
  std::vector<std::string> images(const std::string& relative);

  // A path that a list or manifest names, as a relative path. It may be relative to the root, to a
  // parent of it (prefixed by the root's own name), or absolute beneath the root. Refused: empty,
  // "..", '\', URL, NUL, a link out of the root, what is there but no regular file. A file that is
  // not there is noted and passes: it will fail as a sample.
  std::string listed_file(const std::string& text, const Refuse& refuse);

  // A test sample. The reference lives until the next add.
  Sample& add(const std::string& relative, const std::string& category, bool anomalous,
              const std::string& defect);
  // A normal picture of the training part, a reference for few-shot.
  void add_train(const std::string& category, const std::string& relative);
  void add_train(const std::string& category, ImageFile image);

  // Oddities of the same kind are counted and told once, with the first example.
  void note(const std::string& kind, const std::string& example = {});

  // For lists: a class with any mask is a class with masks. Its normal images get has_mask (all
  // zero), its anomalous ones without a mask are noted.
  void settle_masks();

  // Splits the normal test samples as the InCTRL scripts do, where their own order (an unsorted
  // listing) cannot be had: sorts ids bytewise, permutes them with seed 42 (core/random.h) and
  // keeps the first ceil(n / 4); the others become normal_train.
  void keep_quarter_of_normals();

  // Sorts, checks that ids are unique (Kind::data), notes twins, and compares the counts with
  // `expected` (empty: nothing is expected); other counts are noted as an unknown edition. No
  // sample at all is Kind::data.
  Dataset finished(const std::map<std::string, ExpectedCount>& expected = {});

 private:
  void sort_samples();
  bool leads_out(const std::filesystem::path& path) const;

  std::filesystem::path root_;
  Dataset set_;
  std::map<std::string, std::pair<std::int64_t, std::string>> notes_;
  std::map<std::filesystem::path, bool>
      parents_;  // folders of listed files: true = beneath the root
};

// The masks in one folder, found by stem. Masks nobody asked for are noted by `done`.
class MaskFolder {
 public:
  MaskFolder(Gathering& gathering, std::string relative);
  bool empty() const { return names_.empty(); }
  // Relative paths of the masks of `image`: its stem plus one of `endings`.
  std::vector<std::string> masks_of(std::string_view image,
                                    const std::vector<std::string>& endings = {"", "_mask"});
  void done();

 private:
  Gathering& gathering_;
  std::string relative_;
  std::multimap<std::string, std::string> names_;  // stem -> name
  std::set<std::string> used_;
};

// "a/b"; empty parts leave no slash.
std::string joined(std::string_view folder, std::string_view name);

}  // namespace looktwice::datasets
