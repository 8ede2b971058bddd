// Arrays out of a .npz archive (numpy.savez, numpy.savez_compressed): a zip of .npy files.
// Not here: writing; members under paths: names are only names.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "harness/core/npy.h"

namespace looktwice::imaging {

// Not thread-safe: one reader at a time.
class NpzFile {
 public:
  // Throws Kind::data: not a regular file, no zip.
  explicit NpzFile(const std::filesystem::path& path);
  // Reads from memory, which must outlive this.
  explicit NpzFile(std::span<const std::byte> file);
  ~NpzFile();
  NpzFile(NpzFile&&) noexcept;

  // Members without ".npy", in the order of the archive; other members are left out.
  const std::vector<std::string>& names() const { return names_; }
  // member: place in names(). Kind::data: encrypted, a wrong checksum, larger than 256 MiB
  // unpacked, no array.
  NumberArray array(std::size_t member) const;

 private:
  struct Archive;
  void list();
  std::unique_ptr<Archive> archive_;
  std::vector<std::string> names_;
  std::vector<std::size_t> places_;
};

}  // namespace looktwice::imaging
