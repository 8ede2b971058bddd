#include "adapters/predictions/map_files.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "adapters/imaging/map_file.h"
#include "harness/core/error.h"
#include "harness/core/hash.h"
#include "harness/core/image.h"
#include "harness/core/text.h"

namespace looktwice::adapters {
namespace {

namespace fs = std::filesystem;

bool is_map_name(const fs::path& name) {
  static constexpr std::array<std::string_view, 5> kSuffixes = {".npy", ".npz", ".tiff", ".tif",
                                                                ".png"};
  return std::ranges::find(kSuffixes, lower_ascii(name.extension().string())) != kSuffixes.end();
}

bool is_beneath(const fs::path& file, const fs::path& folder) {
  std::error_code failed;
  const fs::path real = fs::canonical(file, failed);
  if (failed) return false;
  return std::mismatch(folder.begin(), folder.end(), real.begin(), real.end()).first ==
         folder.end();
}

}  // namespace

MapFiles::MapFiles(const fs::path& source)
    : source_(source), source_name_(printable(source.string())) {
  std::error_code failed;
  if (fs::is_directory(source, failed)) {
    list_folder();
    for (std::size_t i = 0; i < files_.size(); ++i) index_.add(files_[i], i);
  } else {
    try {
      archive_.emplace(source);
    } catch (const Error& error) {
      throw Error(error.kind(),
                  source_name_ + ": " + error.what() + "; expected a folder of maps or an .npz");
    }
    for (std::size_t i = 0; i < archive_->names().size(); ++i) index_.add(archive_->names()[i], i);
  }
  if (index_.size() == 0)
    throw Error(Kind::data, source_name_ + ": holds no maps (.npy, .npz, .tiff, .png)");
}

void MapFiles::list_folder() {
  try {
    const fs::path folder = fs::canonical(source_);
    for (auto at = fs::recursive_directory_iterator(source_);
         at != fs::recursive_directory_iterator(); ++at) {
      const fs::path name = at->path().filename();
      if (name.string().starts_with('.')) {
        if (at->is_directory()) at.disable_recursion_pending();
        continue;
      }
      if (at->is_directory()) continue;
      if (is_map_name(name) && (!at->is_symlink() || is_beneath(at->path(), folder)))
        files_.push_back(at->path().lexically_relative(source_).generic_string());
      else
        ++left_out_;
    }
  } catch (const fs::filesystem_error& error) {
    throw Error(Kind::data, printable(error.path1().string()) + ": " + error.code().message());
  }
  std::ranges::sort(files_);
}

std::optional<AnomalyMap> MapFiles::find(const std::string& sample) {
  const auto found = index_.find(sample);
  if (!found) return {};
  if (!archive_) return imaging::map_of_file(source_ / files_[*found]);
  try {
    return anomaly_map(archive_->array(*found));
  } catch (const Error& error) {
    throw Error(error.kind(),
                source_name_ + ": '" + printable(archive_->names()[*found]) + "': " + error.what());
  }
}

std::map<std::string, std::string> MapFiles::facts() const {
  // The names stand for the maps themselves, which would take long to read: see Records::facts.
  Sha256 names;
  for (const std::string& name : archive_ ? archive_->names() : files_) names.add(name + "\n");
  std::map<std::string, std::string> facts{{"maps", std::to_string(index_.size())},
                                           {"weights_map_names", names.hex()}};
  if (const auto unused = index_.unused(); !unused.empty()) {
    facts["maps_unused"] = std::to_string(unused.size());
    facts["first_map_unused"] = printable(unused[0]);
  }
  if (left_out_ > 0) facts["files_left_out"] = std::to_string(left_out_);
  return facts;
}

}  // namespace looktwice::adapters
