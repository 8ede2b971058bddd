// Recorded anomaly maps: a folder of .npy, .npz, .tiff and .png files, or one .npz archive. Opened
// one by one when asked for. Not here: maps of another run, which its journal names.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/imaging/npz.h"
#include "adapters/predictions/name_index.h"
#include "harness/core/sample.h"

namespace looktwice::adapters {

class MapFiles {
 public:
  // source: a folder, walked with all its sub-folders (dot files and links that lead out of it are
  // left out), or an .npz whose members are named as the samples. Kind::data when there is no map
  // at all.
  explicit MapFiles(const std::filesystem::path& source);

  // To be called with every sample before the first find(): see NameIndex.
  void expect(const std::string& sample) { index_.find(sample); }
  std::optional<AnomalyMap> find(const std::string& sample);

  std::map<std::string, std::string> facts() const;
  const std::string& source() const { return source_name_; }  // as messages name it

 private:
  void list_folder();

  std::filesystem::path source_;
  std::string source_name_;
  std::optional<imaging::NpzFile> archive_;
  std::vector<std::string> files_;  // relative to the folder
  std::size_t left_out_ = 0;
  NameIndex index_{"map file"};
};

}  // namespace looktwice::adapters
