// A whole file in the address space, read as it is touched; nothing is copied.
// Not here: files that others cut while they are mapped: touching what is gone ends the process.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace looktwice::weights {

class MappedFile {
 public:
  // Throws Kind::model: not there, no regular file, empty, no memory.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::span<const std::byte> bytes_;
};

}  // namespace looktwice::weights
