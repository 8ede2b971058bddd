// The folder that a program gets its pictures from: their names say nothing, and they are copies,
// so that neither a path nor a link tells where the data set lies, and nothing the program does can
// change it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "harness/core/image.h"

namespace looktwice::adapters {

class PictureFolder {
 public:
  // Made under the system's folder for temporary files; only this user may look into it.
  // Kind::disk.
  PictureFolder();
  // Removes it with all that is in it.
  ~PictureFolder();
  PictureFolder(const PictureFolder&) = delete;
  PictureFolder& operator=(const PictureFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

  // Where the picture lies until release(). accepts: suffixes; a picture of another kind is turned
  // into PNG; empty: all are taken. Kind::data: it cannot be read; Kind::disk: it cannot be
  // written.
  std::string file(const Picture& picture, const std::vector<std::string>& accepts);
  // No request needs this file any more; it may be needed again soon, so the last few are kept.
  void release(const std::string& file);

  // A file that the program left here, by its name in this folder or its whole path. Kind::data: it
  // lies elsewhere, is a link that leads out, is no regular file.
  std::filesystem::path left_by_program(const std::string& name) const;

 private:
  struct Entry {
    int users = 0;
    std::uint64_t last_use = 0;
  };
  void forget_old();

  std::filesystem::path path_;
  std::map<std::string, Entry> entries_;  // by file
  std::uint64_t uses_ = 0;
};

}  // namespace looktwice::adapters
